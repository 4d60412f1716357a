//! Watches: what became of the objects of a kind since a revision.

use std::{collections::VecDeque, sync::Arc};

use super::{Core, ListMatch, Selector, refused};
use crate::embedded::{
    registry::Kind,
    status::Status,
    store::{Cursor, Event, Key, Record, Refusal},
    validate::Cause,
};

/// Events that are read at once.
const BATCH_MAX: usize = 256;

/// What to watch.
#[derive(Debug, Clone, Default)]
pub(crate) struct WatchOptions {
    pub(crate) selector: Selector,
    /// Empty, `0`, or a revision.
    pub(crate) resource_version: String,
    pub(crate) matching: Option<ListMatch>,
    /// Whether the objects that are there come first, and then a bookmark.
    pub(crate) initial: Option<bool>,
    /// Whether the client knows bookmarks.
    pub(crate) bookmarks: bool,
}

/// What a watch tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// `ADDED`, `MODIFIED` or `DELETED`.
    Object { event: &'static str, record: Arc<Record> },
    /// Everything up to this revision was told. `listed`: the first objects are complete.
    Bookmark { revision: u64, listed: bool },
    /// The end.
    Failed(Status),
}

/// A watch.
pub(crate) struct Watch {
    core: Arc<Core>,
    pub(crate) kind: Arc<Kind>,
    /// Empty: all.
    namespace: String,
    selector: Selector,
    cursor: Cursor,
    bookmarks: bool,
    backlog: VecDeque<Told>,
    told: u64,
}

impl Watch {
    /// Begins a watch of one namespace, or of all when `namespace` is empty.
    pub(crate) fn begin(
        core: &Arc<Core>,
        kind: &Arc<Kind>,
        namespace: &str,
        options: WatchOptions,
    ) -> Result<Self, Status> {
        check(&options)?;
        let group_kind = kind.group_kind();
        let version = options.resource_version.as_str();
        let mut ahead = None;
        let from = match version {
            "" | "0" => None,
            version if version.parse::<u64>().is_err() => {
                return Err(Status::new(
                    500,
                    "",
                    format!(
                        "resourceVersion: Invalid value: {version:?}: strconv.ParseUint: parsing \
                         {version:?}: invalid syntax"
                    ),
                ));
            }
            // One that is yet to come is waited for, but for a list.
            version if options.initial == Some(true) => {
                ahead = core.revision(version).err();
                None
            }
            version => version.parse().ok(),
        };
        let lists = options.initial.unwrap_or(from.is_none());
        let mut backlog = VecDeque::new();
        let from = match from {
            Some(from) if !lists => from,
            _ if lists => {
                let within = (!namespace.is_empty()).then_some(namespace);
                let listed = core.store.list(&group_kind, within, None, None).map_err(refused)?;
                let items = listed.items.into_iter();
                let items =
                    items.filter(|(key, record)| options.selector.matches(key, &record.marks));
                backlog.extend(items.map(|(_, record)| Told::Object { event: "ADDED", record }));
                listed.revision
            }
            _ => core.store.revision(),
        };
        if options.initial == Some(true) && options.bookmarks {
            backlog.push_back(Told::Bookmark { revision: from, listed: true });
        }
        let begin = from.min(core.store.revision());
        let cursor = match core.store.cursor(&group_kind, begin) {
            // As on the real server, the watch begins, to say this and to end.
            Err(refusal @ Refusal::Expired { .. }) => {
                backlog.push_back(Told::Failed(too_old(from, refusal)));
                core.store.cursor(&group_kind, core.store.revision()).map_err(refused)?
            }
            cursor => cursor.map_err(refused)?,
        };
        if let Some(status) = ahead {
            backlog = VecDeque::from([Told::Failed(status)]);
        }
        Ok(Self {
            core: Arc::clone(core),
            kind: Arc::clone(kind),
            namespace: namespace.to_owned(),
            selector: options.selector,
            cursor,
            bookmarks: options.bookmarks,
            backlog,
            told: from,
        })
    }

    /// What there is to tell now; empty when nothing happened.
    pub(crate) fn look(&mut self) -> Vec<Told> {
        if !self.backlog.is_empty() {
            let count = self.backlog.len().min(BATCH_MAX);
            return self.backlog.drain(..count).collect();
        }
        let seen = self.told;
        match self.core.store.read(&mut self.cursor, BATCH_MAX) {
            Ok(progress) => {
                self.told = self.told.max(progress.revision);
                let later = progress.events.into_iter().filter(|event| event.revision > seen);
                later.filter_map(|event| self.tell(event)).collect()
            }
            Err(refusal) => vec![Told::Failed(too_old(seen, refusal))],
        }
    }

    /// Waits until there may be something to tell; false when the kind is gone.
    pub(crate) async fn changed(&mut self) -> bool {
        self.cursor.changed().await
    }

    /// The bookmark that is due each minute.
    pub(crate) fn bookmark(&self) -> Option<Told> {
        self.bookmarks.then_some(Told::Bookmark { revision: self.told, listed: false })
    }

    /// How an event looks from behind the selector: what begins or ceases to match is added or
    /// deleted.
    fn tell(&self, event: Event) -> Option<Told> {
        if !self.namespace.is_empty() && *event.key.namespace != *self.namespace {
            return None;
        }
        let matches = |key: &Key, record: &Arc<Record>| self.selector.matches(key, &record.marks);
        let before = event.old.as_ref().is_some_and(|old| matches(&event.key, old));
        let now = !event.removed && matches(&event.key, &event.new);
        let (event, record) = match (before, now) {
            (false, false) => return None,
            (false, true) => ("ADDED", event.new),
            (true, true) => ("MODIFIED", event.new),
            (true, false) if event.removed => ("DELETED", event.new),
            (true, false) => ("DELETED", last_match(&event)),
        };
        Some(Told::Object { event, record })
    }
}

/// The last state that matched, with the revision of the one that does not.
fn last_match(event: &Event) -> Arc<Record> {
    let old = event.old.as_ref().unwrap_or(&event.new);
    Arc::new(old.at(event.revision))
}

fn too_old(wanted: u64, refusal: Refusal) -> Status {
    match refusal {
        Refusal::Expired { oldest } => {
            Status::expired(format!("too old resource version: {wanted} ({oldest})"))
        }
        refusal => refused(refusal),
    }
}

fn check(options: &WatchOptions) -> Result<(), Status> {
    let field = "resourceVersionMatch";
    let mut causes = Vec::new();
    let why = match (options.initial, options.matching) {
        (None, Some(_)) => {
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        }
        (Some(_), Some(ListMatch::Exact) | None) => {
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        }
        _ => return Ok(()),
    };
    causes.push(Cause {
        reason: "FieldValueForbidden",
        field: field.to_owned(),
        message: format!("Forbidden: {why}"),
    });
    if options.matching == Some(ListMatch::Exact) {
        causes.push(Cause {
            reason: "FieldValueNotSupported",
            field: field.to_owned(),
            message: "Unsupported value: \"Exact\": supported values: \"NotOlderThan\"".to_owned(),
        });
    }
    Err(Status::invalid_options("ListOptions", &causes))
}
