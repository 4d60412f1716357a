//! Reviews: questions that are created and answered at once.

use serde_json::{Value, json};

use super::{Core, Part, Question, Rights, User, WriteOptions};
use crate::{
    embedded::{managed, registry::Kind, status::Status, validate::Cause},
    object::GroupKind,
};

impl Core {
    /// Answers a review that `caller` asks, as the object with its status.
    pub(crate) fn review(
        &self,
        kind: &Kind,
        namespace: &str,
        mut object: Value,
        caller: &User,
        options: &WriteOptions,
    ) -> Result<Value, Status> {
        expect_question(kind, &object["spec"], namespace)?;
        object["apiVersion"] = Value::from(kind.gvk.api_version());
        object["kind"] = Value::from(kind.gvk.kind.as_str());
        if !object["metadata"].is_object() {
            object["metadata"] = json!({});
        }
        let recorded =
            !matches!(kind.gvk.kind.as_str(), "SelfSubjectReview" | "SelfSubjectRulesReview");
        if recorded && let Some(node) = kind.node() {
            let writer = self.writer(kind, Part::Main, options);
            managed::record(node, None, &mut object, &writer.borrow());
        }
        let spec = object["spec"].clone();
        object["status"] = match kind.gvk.kind.as_str() {
            "TokenReview" => self.token_status(&spec),
            "SelfSubjectReview" => json!({"userInfo": info(caller)}),
            "SelfSubjectRulesReview" => {
                // The question is not repeated.
                object["spec"] = json!({});
                self.rules_status(caller, spec["namespace"].as_str().unwrap_or_default())
            }
            "SelfSubjectAccessReview" => self.access_status(caller, &spec, namespace),
            _ => self.access_status(&self.subject(&spec), &spec, namespace),
        };
        if kind.gvk.kind == "SelfSubjectReview" {
            object["metadata"]["creationTimestamp"] = Value::from(self.now_text());
        }
        Ok(object)
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
            json!({"allowed": true})
        } else {
            json!({"allowed": false})
        }
    }

    fn rules_status(&self, user: &User, namespace: &str) -> Value {
        let (mut resources, mut paths) = user.own_rules();
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

/// Refuses reviews that ask nothing.
fn expect_question(kind: &Kind, spec: &Value, namespace: &str) -> Result<(), Status> {
    if kind.gvk.group == "authentication.k8s.io" {
        let token = spec["token"].as_str().unwrap_or_default();
        if kind.gvk.kind == "TokenReview" && token.is_empty() {
            let message = "token is required for TokenReview in authentication";
            return Err(Status::bad_request(message));
        }
        return Ok(());
    }
    if kind.gvk.kind == "SelfSubjectRulesReview" {
        let named = !spec["namespace"].as_str().unwrap_or_default().is_empty();
        let refusal = || Status::bad_request("no namespace on request");
        return if named { Ok(()) } else { Err(refusal()) };
    }
    match faults(kind, spec, namespace).as_slice() {
        [] => Ok(()),
        causes => Err(Status::invalid(&GroupKind::new(&kind.gvk.group, ""), "", causes)),
    }
}

/// What is wrong with a question about access.
fn faults(kind: &Kind, spec: &Value, namespace: &str) -> Vec<Cause> {
    let cause = |field: &str, message: &str| Cause {
        reason: "FieldValueInvalid",
        field: field.to_owned(),
        message: format!("Invalid value: {message}"),
    };
    let mut causes = Vec::new();
    match (spec["resourceAttributes"].is_object(), spec["nonResourceAttributes"].is_object()) {
        (true, true) => {
            let asked = &spec["nonResourceAttributes"];
            let text = |key: &str| asked[key].as_str().unwrap_or_default();
            let shown = format!("{{\"Path\":{:?},\"Verb\":{:?}}}", text("path"), text("verb"));
            let why =
                format!("{shown}: cannot be specified in combination with resourceAttributes");
            causes.push(cause("spec.nonResourceAttributes", &why));
        }
        (false, false) => causes.push(cause(
            "spec.resourceAttributes",
            "null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )),
        _ => {}
    }
    let somebody = !spec["user"].as_str().unwrap_or_default().is_empty()
        || spec["groups"].as_array().is_some_and(|groups| !groups.is_empty());
    if kind.gvk.kind != "SelfSubjectAccessReview" && !somebody {
        causes.push(cause("spec.user", "\"\": at least one of user or group must be specified"));
    }
    let named = spec["resourceAttributes"]["namespace"].as_str();
    if let Some(named) = named.filter(|named| kind.namespaced && *named != namespace) {
        let why = format!("{named:?}: must match metadata.namespace");
        causes.push(cause("spec.resourceAttributes.namespace", &why));
    }
    causes
}

fn info(user: &User) -> Value {
    let mut info = json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        info["uid"] = json!(user.uid);
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
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
