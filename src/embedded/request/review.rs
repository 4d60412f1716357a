//! Reviews: questions that are created and answered at once.

use serde_json::{Value, json};

use super::{Core, Question, Rights, User};
use crate::embedded::registry::Kind;

impl Core {
    /// Answers a review that `caller` asks, as the object with its status.
    pub(crate) fn review(
        &self,
        kind: &Kind,
        namespace: &str,
        mut object: Value,
        caller: &User,
    ) -> Value {
        object["apiVersion"] = Value::from(kind.gvk.api_version());
        object["kind"] = Value::from(kind.gvk.kind.as_str());
        if !object["metadata"].is_object() {
            object["metadata"] = json!({});
        }
        let spec = object["spec"].clone();
        object["status"] = match kind.gvk.kind.as_str() {
            "TokenReview" => self.token_status(&spec),
            "SelfSubjectReview" => json!({"userInfo": info(caller)}),
            "SelfSubjectRulesReview" => {
                self.rules_status(caller, spec["namespace"].as_str().unwrap_or_default())
            }
            "SelfSubjectAccessReview" => self.access_status(caller, &spec, namespace),
            _ => self.access_status(&self.subject(&spec), &spec, namespace),
        };
        object
    }

    fn token_status(&self, spec: &Value) -> Value {
        match spec["token"].as_str().and_then(|token| self.user(token)) {
            Some(user) => json!({"authenticated": true, "user": info(&user)}),
            None => json!({"user": {}, "error": "invalid bearer token"}),
        }
    }

    /// The user that a SubjectAccessReview names, with the rights of the known one of that name.
    fn subject(&self, spec: &Value) -> User {
        let name = spec["user"].as_str().unwrap_or_default();
        let groups = spec["groups"].as_array().into_iter().flatten();
        self.known_user(name, groups.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    fn access_status(&self, user: &User, spec: &Value, namespace: &str) -> Value {
        let question = question(spec, namespace);
        if self.allows(user, &question) {
            json!({"allowed": true, "reason": "granted by the embedded server"})
        } else {
            json!({"allowed": false})
        }
    }

    fn rules_status(&self, user: &User, namespace: &str) -> Value {
        let (mut resources, mut paths) = (Vec::new(), Vec::new());
        let masters = user.groups.iter().any(|group| group == "system:masters");
        if user.rights == Rights::Read {
            resources.push(
                json!({"verbs": ["get", "list", "watch"], "apiGroups": ["*"], "resources": ["*"]}),
            );
        }
        if masters || user.rights == Rights::All {
            resources.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
            paths.push(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
        }
        for rule in self.rules_of(user, namespace) {
            if rule.get("nonResourceURLs").is_some() {
                paths.push(rule);
            } else {
                resources.push(rule);
            }
        }
        json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false})
    }
}

fn info(user: &User) -> Value {
    let mut groups = user.groups.clone();
    groups.push("system:authenticated".to_owned());
    json!({"username": user.name, "uid": user.name, "groups": groups})
}

fn question(spec: &Value, namespace: &str) -> Question {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let asked = &spec["resourceAttributes"];
    if asked.is_object() {
        let named = text(&asked["namespace"]);
        return Question {
            verb: text(&asked["verb"]),
            group: text(&asked["group"]),
            resource: text(&asked["resource"]),
            subresource: text(&asked["subresource"]),
            namespace: if named.is_empty() { namespace.to_owned() } else { named },
            name: text(&asked["name"]),
            path: String::new(),
        };
    }
    let asked = &spec["nonResourceAttributes"];
    Question { verb: text(&asked["verb"]), path: text(&asked["path"]), ..Question::default() }
}
