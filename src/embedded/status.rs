//! Refusals, worded as the real API server words them.

use serde_json::{Map, Value, json};

use super::{
    managed::{self, Conflict},
    validate::Cause,
};
use crate::object::GroupKind;

/// A refused request: what a client gets as an object of the kind `Status`.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The HTTP status.
    pub code: u16,
    /// One word for programs, such as `NotFound`; empty when there is none.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
    details: Option<Box<Value>>,
    /// A token with which a list can be continued all the same.
    resume: Option<String>,
    /// What the client is warned of besides.
    pub(crate) warnings: Vec<String>,
}

/// The resource in messages: `deployments.apps`, and `pods` for the core group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resource<'a> {
    pub(crate) group: &'a str,
    pub(crate) plural: &'a str,
}

impl Resource<'_> {
    fn full(self) -> String {
        GroupKind::new(self.group, self.plural).to_string()
    }

    fn details(self, name: &str) -> Map<String, Value> {
        let mut details = Map::new();
        for (key, value) in [("name", name), ("group", self.group), ("kind", self.plural)] {
            if !value.is_empty() {
                details.insert(key.to_owned(), Value::from(value));
            }
        }
        details
    }
}

impl Status {
    /// A refusal without details.
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, reason, message, details: None, resume: None, warnings: Vec::new() }
    }

    /// The same with what was noticed before the refusal.
    pub(crate) fn warned(mut self, warnings: &[String]) -> Self {
        self.warnings.extend_from_slice(warnings);
        self
    }

    fn with(mut self, details: Map<String, Value>) -> Self {
        self.details = Some(Box::new(Value::from(details)));
        self
    }

    fn with_causes(self, mut details: Map<String, Value>, causes: Vec<Value>) -> Self {
        details.insert("causes".to_owned(), Value::from(causes));
        self.with(details)
    }

    pub(crate) fn not_found(resource: Resource<'_>, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource.full());
        Self::new(404, "NotFound", message).with(resource.details(name))
    }

    /// A path that leads nowhere.
    pub(crate) fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// The same where a group of Kubernetes is asked for what it does not have.
    pub(crate) fn nothing_there() -> Self {
        Self::no_such_path().with(Map::new())
    }

    pub(crate) fn already_exists(resource: Resource<'_>, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.full());
        Self::new(409, "AlreadyExists", message).with(resource.details(name))
    }

    /// The same for a name that the server made up, each time in vain.
    pub(crate) fn no_free_name(resource: Resource<'_>, name: &str) -> Self {
        let message = format!(
            "{} \"{name}\" already exists, the server was not able to generate a unique name for \
             the object",
            resource.full()
        );
        let mut details = resource.details(name);
        details.insert("retryAfterSeconds".to_owned(), Value::from(1));
        Self::new(409, "AlreadyExists", message).with(details)
    }

    pub(crate) fn conflict(resource: Resource<'_>, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.full());
        Self::new(409, "Conflict", message).with(resource.details(name))
    }

    /// A write that was computed from an old state.
    pub(crate) fn modified(resource: Resource<'_>, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        Self::conflict(resource, name, why)
    }

    pub(crate) fn invalid(kind: &GroupKind, name: &str, causes: &[Cause]) -> Self {
        let mut said: Vec<String> = Vec::new();
        for line in causes.iter().map(|c| format!("{}: {}", c.field, c.message)) {
            // Each is said once, however often it was found.
            if !said.contains(&line) {
                said.push(line);
            }
        }
        let said = match said.as_slice() {
            [one] => one.clone(),
            all => format!("[{}]", all.join(", ")),
        };
        let message = format!("{kind} \"{name}\" is invalid: {said}");
        let causes = causes.iter().map(
            |cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}),
        );
        let details = Resource { group: &kind.group, plural: &kind.kind }.details(name);
        Self::new(422, "Invalid", message).with_causes(details, causes.collect())
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn forbidden(resource: Resource<'_>, name: &str, why: &str) -> Self {
        let message = match name {
            _ if resource.plural.is_empty() => format!("forbidden: {why}"),
            "" => format!("{} is forbidden: {why}", resource.full()),
            name => format!("{} \"{name}\" is forbidden: {why}", resource.full()),
        };
        Self::new(403, "Forbidden", message).with(resource.details(name))
    }

    /// Nothing is created in a namespace that goes away.
    pub(crate) fn namespace_terminating(
        resource: Resource<'_>,
        name: &str,
        namespace: &str,
    ) -> Self {
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let cause = json!({
            "reason": "NamespaceTerminating", "field": "metadata.namespace",
            "message": format!("namespace {namespace} is being terminated"),
        });
        Self::forbidden(resource, name, &why).with_causes(resource.details(name), vec![cause])
    }

    /// A page or a watch of a state that is no longer known.
    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// The next page of a list whose state is no longer known. `resume` goes on with the objects as
    /// they are now.
    pub(crate) fn page_expired(resume: String) -> Self {
        let message = "The provided continue parameter is too old to display a consistent list \
                       result. You can start a new list without the continue parameter, or use the \
                       continue token in this response to retrieve the remainder of the results. \
                       Continuing with the provided token results in an inconsistent list - \
                       objects that were created, modified, or deleted between the time the first \
                       chunk was returned and now may show up in the list.";
        Self { resume: Some(resume), ..Self::expired(message) }
    }

    /// A state is asked for that is yet to come.
    pub(crate) fn too_large_version(wanted: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
        let cause =
            json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
        let mut details = Map::new();
        details.insert("retryAfterSeconds".to_owned(), Value::from(1));
        Self::new(504, "Timeout", message).with_causes(details, vec![cause])
    }

    pub(crate) fn apply_conflict(conflicts: &[Conflict]) -> Self {
        let message = managed::message(conflicts);
        let causes = conflicts.iter().map(|conflict| {
            json!({
                "reason": "FieldManagerConflict", "field": conflict.path,
                "message": conflict.message,
            })
        });
        Self::new(409, "Conflict", message).with_causes(Map::new(), causes.collect())
    }

    pub(crate) fn method_not_allowed(resource: Resource<'_>, verb: &str) -> Self {
        let full = resource.full();
        let message = format!("{verb} is not supported on resources of kind \"{full}\"");
        Self::new(405, "MethodNotAllowed", message).with(resource.details(""))
    }

    /// A method that nothing has at this path.
    pub(crate) fn no_such_method() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message).with(Map::new())
    }

    /// A JSON patch that does not fit the object; the server does not say why.
    pub(crate) fn unprocessable() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self::new(422, "Invalid", message).with(Map::new())
    }

    /// Options of a request, such as `PatchOptions`, that are not valid.
    pub(crate) fn invalid_options(kind: &str, causes: &[Cause]) -> Self {
        Self::invalid(&GroupKind::new("meta.k8s.io", kind), "", causes)
    }

    pub(crate) fn unsupported_media_type(accepted: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: \
             {accepted}"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// A patch in a form that nobody knows.
    pub(crate) fn unsupported_patch() -> Self {
        Self::new(415, "UnsupportedMediaType", "415: Unsupported Media Type").with(Map::new())
    }

    pub(crate) fn not_acceptable(accepted: &str) -> Self {
        let message = format!("406: Not Acceptable\n\nAvailable representations: {accepted}");
        Self::new(406, "NotAcceptable", message).with(Map::new())
    }

    pub(crate) fn too_large(limit_bytes: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit_bytes}");
        Self::new(413, "RequestEntityTooLarge", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn busy(message: &str) -> Self {
        let mut details = Map::new();
        details.insert("retryAfterSeconds".to_owned(), Value::from(1));
        Self::new(429, "TooManyRequests", message).with(details)
    }

    /// An eviction that a budget does not allow, and which.
    pub(crate) fn too_disruptive(message: &str, budget: &str) -> Self {
        let mut details = Map::new();
        let cause = json!({"reason": "DisruptionBudget", "message": budget});
        details.insert("causes".to_owned(), json!([cause]));
        Self::new(429, "TooManyRequests", message).with(details)
    }

    /// What the embedded server can't do, said as clearly as can be.
    pub(crate) fn not_implemented(message: impl Into<String>) -> Self {
        Self::new(501, "NotImplemented", message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message)
    }

    /// Seconds after which to try again.
    pub(crate) fn retry_after_s(&self) -> Option<u64> {
        self.details.as_ref()?.get("retryAfterSeconds")?.as_u64()
    }

    /// The `Status` object.
    pub fn to_json(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = Value::from(self.reason);
        }
        if let Some(resume) = &self.resume {
            status["metadata"]["continue"] = Value::from(resume.as_str());
        }
        if let Some(details) = &self.details {
            status["details"] = (**details).clone();
        }
        status
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {}
