//! Who asks: whose token it is, and whom they want to be taken for.

use std::{collections::BTreeMap, sync::Arc};

use http::{HeaderMap, header};

use super::{forbidden, query::decode, text};
use crate::embedded::{
    request::{AUTHENTICATED, Question, Rights, UNAUTHENTICATED, User, account_groups},
    server::Server,
    status::Status,
};

/// Who asks without a token.
const ANONYMOUS: &str = "system:anonymous";
const ACCOUNT: &str = "system:serviceaccount:";
const EXTRA: &str = "impersonate-extra-";

/// A user who may nothing but what is granted to that name.
fn anonymous() -> User {
    User {
        name: ANONYMOUS.to_owned(),
        uid: String::new(),
        groups: vec![UNAUTHENTICATED.to_owned()],
        extra: BTreeMap::new(),
        rights: Rights::Granted,
    }
}

/// The user behind the token of a request. Whoever shows something else is nobody in particular, and
/// a token that nobody knows is refused.
pub(super) fn caller(server: &Server, headers: &HeaderMap) -> Result<Arc<User>, Status> {
    let said = text(headers, header::AUTHORIZATION.as_str()).split_once(' ');
    let token = said.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match token.map(|(_, token)| token.trim()).filter(|token| !token.is_empty()) {
        Some(token) => server.core().user(token).ok_or_else(Status::unauthorized),
        None => Ok(Arc::new(anonymous())),
    }
}

/// What the headers of impersonation ask for.
#[derive(Default)]
struct Wish {
    name: String,
    uid: String,
    groups: Vec<String>,
    extra: BTreeMap<String, Vec<String>>,
}

impl Wish {
    fn read(headers: &HeaderMap) -> Self {
        let groups = headers.get_all("impersonate-group").iter();
        let mut wish = Self {
            name: text(headers, "impersonate-user").to_owned(),
            uid: text(headers, "impersonate-uid").to_owned(),
            groups: groups.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect(),
            extra: BTreeMap::new(),
        };
        for (name, value) in headers {
            if let (Some(key), Ok(value)) = (name.as_str().strip_prefix(EXTRA), value.to_str()) {
                wish.extra.entry(decode(key)).or_default().push(value.to_owned());
            }
        }
        wish
    }

    fn is_empty(&self) -> bool {
        self.name.is_empty()
            && self.uid.is_empty()
            && self.groups.is_empty()
            && self.extra.is_empty()
    }

    /// A wish for somebody without a name, in the words of the real server.
    fn nameless(&self) -> Status {
        let list = |values: &[String]| {
            if values.is_empty() {
                return "[]string(nil)".to_owned();
            }
            let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            format!("[]string{{{}}}", quoted.join(", "))
        };
        let extra: Vec<String> =
            self.extra.iter().map(|(key, values)| format!("{key:?}:{}", list(values))).collect();
        let extra = match extra.as_slice() {
            [] => "(nil)".to_owned(),
            all => format!("{{{}}}", all.join(", ")),
        };
        Status::bad_request(format!(
            "requested &user.DefaultInfo{{Name:\"\", UID:{:?}, Groups:{}, \
             Extra:map[string][]string{extra}}} without impersonating a user name",
            self.uid,
            list(&self.groups)
        ))
    }

    /// Namespace and name, when the wish is for a service account.
    fn account(&self) -> Option<(&str, &str)> {
        self.name.strip_prefix(ACCOUNT)?.split_once(':')
    }

    /// What one must be allowed for this wish to come true.
    fn questions(&self) -> Vec<Question> {
        let ask = |group: &str, resource: &str, name: &str| Question {
            verb: "impersonate".to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            name: name.to_owned(),
            ..Question::default()
        };
        let own = "authentication.k8s.io";
        let mut all = vec![match self.account() {
            Some((namespace, name)) => {
                Question { namespace: namespace.to_owned(), ..ask("", "serviceaccounts", name) }
            }
            None => ask("", "users", &self.name),
        }];
        all.extend(self.groups.iter().map(|group| ask("", "groups", group)));
        for (key, values) in &self.extra {
            all.extend(values.iter().map(|value| Question {
                subresource: key.clone(),
                ..ask(own, "userextras", value)
            }));
        }
        if !self.uid.is_empty() {
            all.push(ask(own, "uids", &self.uid));
        }
        all
    }

    /// The groups that go with the name, and those that were asked for.
    fn all_groups(&self) -> Vec<String> {
        let mut groups = match self.account() {
            Some((namespace, _)) if self.groups.is_empty() => account_groups(namespace).to_vec(),
            _ => self.groups.clone(),
        };
        let is_in = |group: &str| groups.iter().any(|known| known == group);
        let more = match self.name.as_str() {
            ANONYMOUS if !is_in(UNAUTHENTICATED) => Some(UNAUTHENTICATED),
            ANONYMOUS => None,
            _ if is_in(AUTHENTICATED) || is_in(UNAUTHENTICATED) => None,
            _ => Some(AUTHENTICATED),
        };
        groups.extend(more.map(str::to_owned));
        groups
    }
}

/// Who the caller wants to be taken for.
///
/// # Errors
///
/// When the caller may not be them, or says only half of who that is.
pub(super) fn act_as(
    server: &Server,
    user: Arc<User>,
    headers: &HeaderMap,
) -> Result<Arc<User>, Status> {
    let wish = Wish::read(headers);
    if wish.is_empty() {
        return Ok(user);
    }
    if wish.name.is_empty() {
        return Err(wish.nameless());
    }
    let core = server.core();
    for question in wish.questions() {
        if !core.allows(&user, &question) {
            return Err(forbidden(&user, &question));
        }
    }
    let groups = wish.all_groups();
    let known = core.known_user(&wish.name, groups);
    Ok(Arc::new(User { uid: wish.uid, extra: wish.extra, ..known }))
}
