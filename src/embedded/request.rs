//! What may be asked of objects, one file per verb, for HTTP and for callers in the process alike.
//!
//! A write reads the object, computes the next state, and stores it if the revision is still the
//! same; otherwise it starts again. Nothing is locked in between.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    registry::Registry,
    status::Status,
    store::{Refusal, Store},
};
use crate::object::meta;

mod allocate;
mod change;
mod create;
mod decode;
mod define;
mod delete;
mod duplicates;
mod evict;
mod get;
mod list;
mod metadata;
mod namespace;
mod page;
mod patch;
mod pod;
mod random;
mod review;
mod rights;
mod scale;
mod selector;
mod sent;
mod token;
mod update;
mod violations;
mod watch;

pub(crate) use self::{
    change::{Answer, Part, Target, Validation, WriteOptions},
    decode::{sent, tree},
    list::{ListAnswer, ListMatch, ListOptions},
    patch::{Patch, PatchKind},
    random::token,
    rights::{AUTHENTICATED, Question, UNAUTHENTICATED, account_groups},
    selector::Selector,
    watch::{Told, Watch, WatchOptions},
};
pub use self::{
    delete::DeleteOptions,
    rights::{Rights, User},
};

/// Where time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How often a write is tried again because somebody else was quicker.
const TRIES_MAX: usize = 100;
/// Tokens that are kept. They don't end before the server.
const TOKENS_MAX: usize = 10_000;

/// The objects, the kinds, and who may ask.
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) clock: Clock,
    /// The users by their tokens.
    users: RwLock<HashMap<String, Arc<User>>>,
}

impl Core {
    /// An empty cluster: the kinds are there, no object is.
    pub(crate) fn new(clock: Clock) -> Self {
        let registry = Registry::new();
        let store = Store::new();
        for kind in registry.table().kinds().filter(|kind| !kind.is_review()) {
            store.open(&kind.group_kind());
        }
        Self { store, registry, clock, users: RwLock::default() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The present time as Kubernetes writes it: whole seconds.
    pub(crate) fn now_text(&self) -> String {
        time_text(self.now())
    }

    /// Lets a user in by a token.
    pub(crate) fn admit(&self, token: &str, mut user: User) {
        if !user.groups.iter().any(|group| group == AUTHENTICATED) {
            user.groups.push(AUTHENTICATED.to_owned());
        }
        let mut users = self.users.write().unwrap_or_else(PoisonError::into_inner);
        users.insert(token.to_owned(), Arc::new(user));
    }

    /// The user of a token.
    pub(crate) fn user(&self, token: &str) -> Option<Arc<User>> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        users.get(token).map(Arc::clone)
    }
}

impl Core {
    /// A user by name, with the rights of the known one of that name, and these groups.
    pub(crate) fn known_user(&self, name: &str, groups: Vec<String>) -> User {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        let known = users.values().find(|user| user.name == name);
        let rights = known.map_or(Rights::Granted, |user| user.rights);
        let (uid, extra) = (String::new(), BTreeMap::new());
        User { name: name.to_owned(), uid, groups, extra, rights }
    }

    /// Makes a token for a service account.
    ///
    /// # Errors
    ///
    /// When too many were made.
    pub(crate) fn admit_account(&self, account: &Value) -> Result<String, Status> {
        if self.users.read().unwrap_or_else(PoisonError::into_inner).len() >= TOKENS_MAX {
            return Err(Status::busy("as many tokens were made as the embedded server keeps"));
        }
        let (namespace, name) = (meta::namespace(account), meta::name(account));
        let token = token();
        self.admit(
            &token,
            User {
                name: format!("system:serviceaccount:{namespace}:{name}"),
                uid: meta::uid(account).to_owned(),
                groups: account_groups(namespace).to_vec(),
                extra: BTreeMap::new(),
                rights: Rights::Granted,
            },
        );
        Ok(token)
    }
}

/// A time as Kubernetes writes it: whole seconds.
pub(crate) fn time_text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What a client is told when the store refused for a reason that nobody asked for.
fn refused(refusal: Refusal) -> Status {
    match refusal {
        Refusal::Expired { .. } => Status::expired("The provided resource version is too old."),
        Refusal::Full => Status::internal("the embedded server holds as many objects as it may"),
        Refusal::Missing => Status::no_such_path(),
        Refusal::Exists | Refusal::Stale => {
            Status::internal("the object changed too often while it was written; try again")
        }
    }
}

/// Sets or removes a field of `metadata`.
fn set_meta(object: &mut Value, key: &str, value: Option<Value>) {
    let Some(object) = object.as_object_mut() else { return };
    let metadata = object.entry("metadata").or_insert_with(|| Value::from(serde_json::Map::new()));
    let Some(metadata) = metadata.as_object_mut() else { return };
    match value {
        Some(value) => metadata.insert(key.to_owned(), value),
        None => metadata.remove(key),
    };
}
