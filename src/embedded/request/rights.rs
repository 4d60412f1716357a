//! Who may do what: the users of the demo, and the roles that are stored.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Core;
use crate::object::GroupKind;

/// What a user may do without any role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Everything.
    All,
    /// Get, list and watch everything but secrets.
    Read,
    /// Only what roles grant.
    Granted,
}

/// Somebody with a token.
#[derive(Debug, Clone)]
pub struct User {
    /// Such as `admin` or `system:serviceaccount:shop:deployer`.
    pub name: String,
    /// What tells them from others who had the name; may be empty.
    pub uid: String,
    /// The groups. Whoever has a token is in `system:authenticated` besides.
    pub groups: Vec<String>,
    /// What else is known of them.
    pub extra: BTreeMap<String, Vec<String>>,
    /// What they may do without any role.
    pub rights: Rights,
}

/// Something that somebody wants to do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Question {
    /// `get`, `list`, `create` and so on.
    pub(crate) verb: String,
    pub(crate) group: String,
    /// Plural; empty for a path that is no resource.
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The path, where it is no resource.
    pub(crate) path: String,
}

/// Everybody with a token.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";
/// Everybody without one.
pub(crate) const UNAUTHENTICATED: &str = "system:unauthenticated";

/// Paths that everybody may read, also without a token.
const PUBLIC_PATHS: [&str; 4] = ["/version", "/healthz", "/livez", "/readyz"];
/// Paths that everybody with a token may read.
const KNOWN_PATHS: [&str; 4] = ["/api", "/apis", "/openapi", "/.well-known"];

/// The groups of a service account.
pub(crate) fn account_groups(namespace: &str) -> [String; 2] {
    ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]
}

impl User {
    fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|mine| mine == group)
    }

    /// Whether one may read that path for having a token, or for not having one.
    fn reads_path(&self, path: &str) -> bool {
        let below = |known: &&str| {
            let rest = path.strip_prefix(*known);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let known = self.is_in(AUTHENTICATED);
        let public = known || self.is_in(UNAUTHENTICATED);
        (public && PUBLIC_PATHS.iter().any(&below)) || (known && KNOWN_PATHS.iter().any(below))
    }

    /// The same as rules: for resources, and for other paths.
    pub(super) fn own_rules(&self) -> (Vec<Value>, Vec<Value>) {
        let (mut resources, mut paths) = (Vec::new(), Vec::new());
        let public = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
        if self.is_in(AUTHENTICATED) {
            let reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
            resources.push(json!({"verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
                "resources": reviews}));
            resources.push(json!({"verbs": ["create"], "apiGroups": ["authentication.k8s.io"],
                "resources": ["selfsubjectreviews"]}));
            let known = [
                "/api",
                "/api/*",
                "/apis",
                "/apis/*",
                "/healthz",
                "/livez",
                "/openapi",
                "/openapi/*",
                "/readyz",
                "/version",
                "/version/",
            ];
            paths.push(json!({"verbs": ["get"], "nonResourceURLs": known}));
        }
        if self.is_in(AUTHENTICATED) || self.is_in(UNAUTHENTICATED) {
            paths.push(json!({"verbs": ["get"], "nonResourceURLs": public}));
        }
        (resources, paths)
    }
}

impl Core {
    /// Whether the user may do that.
    pub(crate) fn allows(&self, user: &User, question: &Question) -> bool {
        if user.is_in("system:masters") || user.rights == Rights::All {
            return true;
        }
        let reads = matches!(question.verb.as_str(), "get" | "list" | "watch");
        if question.resource.is_empty() {
            return reads && (user.rights == Rights::Read || user.reads_path(&question.path))
                || self.granted(user, question);
        }
        if question.verb == "create" && is_about_oneself(question) && user.is_in(AUTHENTICATED) {
            return true;
        }
        if user.rights == Rights::Read && reads && question.resource != "secrets" {
            return true;
        }
        self.granted(user, question)
    }

    /// Whether a stored role grants it.
    fn granted(&self, user: &User, question: &Question) -> bool {
        let everywhere = self.bindings("ClusterRoleBinding", None);
        let here = match question.namespace.as_str() {
            "" => Vec::new(),
            namespace => self.bindings("RoleBinding", Some(namespace)),
        };
        everywhere.iter().chain(&here).any(|binding| {
            names(binding, user) && self.rules(binding).iter().any(|rule| covers(rule, question))
        })
    }

    /// The rules that apply to a user in a namespace, as roles write them.
    pub(super) fn rules_of(&self, user: &User, namespace: &str) -> Vec<Value> {
        let everywhere = self.bindings("ClusterRoleBinding", None);
        let here = self.bindings("RoleBinding", Some(namespace));
        let named = everywhere.iter().chain(&here).filter(|binding| names(binding, user));
        named.flat_map(|binding| self.rules(binding)).collect()
    }

    fn bindings(&self, kind: &str, namespace: Option<&str>) -> Vec<Value> {
        let kind = GroupKind::new("rbac.authorization.k8s.io", kind);
        let listed = self.store.list(&kind, namespace, None, None);
        let items = listed.map(|listed| listed.items).unwrap_or_default();
        items.iter().map(|(_, record)| record.object()).collect()
    }

    /// The rules of the role that a binding names.
    fn rules(&self, binding: &Value) -> Vec<Value> {
        let role = &binding["roleRef"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = text(&role["kind"]);
        let namespace = match kind.as_str() {
            "Role" => text(&binding["metadata"]["namespace"]),
            _ => String::new(),
        };
        let group_kind = GroupKind::new("rbac.authorization.k8s.io", &kind);
        let key = crate::embedded::store::Key::new(&namespace, &text(&role["name"]));
        let Some(record) = self.store.get(&group_kind, &key) else { return Vec::new() };
        record.object()["rules"].as_array().cloned().unwrap_or_default()
    }
}

/// Everybody may ask what they may do and who they are.
fn is_about_oneself(question: &Question) -> bool {
    matches!(
        question.resource.as_str(),
        "selfsubjectaccessreviews" | "selfsubjectrulesreviews" | "selfsubjectreviews"
    )
}

fn names(binding: &Value, user: &User) -> bool {
    let subjects = binding["subjects"].as_array().into_iter().flatten();
    subjects.into_iter().any(|subject| {
        let text = |key: &str| subject[key].as_str().unwrap_or_default();
        match text("kind") {
            "User" => text("name") == user.name,
            "Group" => user.is_in(text("name")),
            "ServiceAccount" => {
                let namespace = match text("namespace") {
                    "" => binding["metadata"]["namespace"].as_str().unwrap_or_default(),
                    namespace => namespace,
                };
                user.name == format!("system:serviceaccount:{namespace}:{}", text("name"))
            }
            _ => false,
        }
    })
}

fn covers(rule: &Value, question: &Question) -> bool {
    let list = |key: &str| -> Vec<&str> {
        let items = rule[key].as_array().into_iter().flatten();
        items.filter_map(Value::as_str).collect()
    };
    let has = |key: &str, wanted: &str| {
        list(key).into_iter().any(|known| known == "*" || known == wanted)
    };
    if question.resource.is_empty() {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(prefix) => question.path.starts_with(prefix),
            None => question.path == pattern,
        };
        return has("verbs", &question.verb) && list("nonResourceURLs").into_iter().any(fits);
    }
    let resource = match question.subresource.as_str() {
        "" => question.resource.clone(),
        sub => format!("{}/{sub}", question.resource),
    };
    let any_resource = format!("*/{}", question.subresource);
    let names = list("resourceNames");
    has("verbs", &question.verb)
        && has("apiGroups", &question.group)
        && (has("resources", &resource)
            || (!question.subresource.is_empty() && has("resources", &any_resource)))
        && (names.is_empty() || names.contains(&question.name.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn question(verb: &str, resource: &str, subresource: &str, name: &str) -> Question {
        let text = str::to_owned;
        Question {
            verb: text(verb),
            resource: text(resource),
            subresource: text(subresource),
            name: text(name),
            ..Question::default()
        }
    }

    #[test]
    fn a_rule_covers_what_it_names() {
        let rule = json!({"verbs": ["get", "patch"], "apiGroups": [""],
            "resources": ["pods", "pods/log"], "resourceNames": ["web"]});
        assert!(covers(&rule, &question("get", "pods", "", "web")));
        assert!(covers(&rule, &question("get", "pods", "log", "web")));
        assert!(!covers(&rule, &question("get", "pods", "", "db")));
        assert!(!covers(&rule, &question("delete", "pods", "", "web")));
        assert!(!covers(&rule, &question("get", "pods", "status", "web")));
        let all = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]});
        assert!(covers(&all, &question("delete", "pods", "status", "web")));
    }
}
