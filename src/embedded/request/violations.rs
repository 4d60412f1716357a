//! What is wrong with an object: the rules of its kind, and for a custom kind what its schema and
//! its scale demand.

use serde_json::Value;

use crate::embedded::{
    go, managed,
    registry::{Kind, Sub},
    schema::{Node, Violation},
    status::Status,
    validate::{self, Cause},
};

/// What is wrong with a new object.
pub(super) fn check(kind: &Kind, object: &Value) -> Vec<Cause> {
    let mut causes = validate::check_new(&kind.gvk, object);
    causes.extend(all(kind, object));
    causes
}

/// What the schema of a custom kind forbids.
pub(super) fn all(kind: &Kind, object: &Value) -> Vec<Cause> {
    let mut causes = of_schema(kind, object);
    if let (Some(_), Some(Sub::Scale { spec, status, .. })) = (&kind.custom, kind.sub("scale")) {
        causes.extend(scale_violation(spec, object));
        causes.extend(scale_violation(status, object));
    }
    causes
}

fn of_schema(kind: &Kind, object: &Value) -> Vec<Cause> {
    let violations = kind.custom.as_ref().map(|custom| custom.schema.violations(object));
    let cause = |Violation { reason, field, message }| Cause { reason, field, message };
    violations.into_iter().flatten().map(cause).collect()
}

/// The same for a write of the status, which is looked at by itself: what it says of a place
/// begins at the status.
pub(super) fn of_status(kind: &Kind, object: &Value) -> Vec<Cause> {
    let within_status = |field: &str| field == "status" || field.starts_with("status.");
    let within = |mut cause: Cause| {
        cause.message = cause.message.replace("status.", "");
        if cause.field == "<nil>" {
            "status".clone_into(&mut cause.field);
        }
        cause
    };
    let mut causes: Vec<Cause> = of_schema(kind, object)
        .into_iter()
        .filter(|cause| {
            within_status(&cause.field)
                || (cause.field == "<nil>" && cause.message.contains("in status."))
        })
        .map(within)
        .collect();
    if let (Some(_), Some(Sub::Scale { status, .. })) = (&kind.custom, kind.sub("scale")) {
        causes.extend(scale_violation(status, object));
    }
    causes
}

/// The replicas of a custom object that has a scale are a count, in a place that can have one.
fn scale_violation(pointer: &str, object: &Value) -> Option<Cause> {
    let field = pointer.replace('/', ".");
    let mut place = object;
    for step in pointer.split('/').skip(1) {
        if !place.is_object() {
            return Some(inaccessible(&field, place, "map[string]interface{}"));
        }
        place = place.get(step)?;
    }
    let message = match place {
        Value::Number(number) => match number.as_i64() {
            Some(count) if count >= 0 => return None,
            Some(count) => format!("Invalid value: {count}: should be a non-negative integer"),
            None => return Some(inaccessible(&field, place, "int64")),
        },
        Value::Null => return None,
        other => return Some(inaccessible(&field, other, "int64")),
    };
    Some(Cause { reason: "FieldValueInvalid", field, message })
}

fn inaccessible(field: &str, found: &Value, wanted: &str) -> Cause {
    let kind = go::type_name(found);
    let found = managed::go_value(found);
    let message = format!(
        "Invalid value: 0: {field} accessor error: {found} is of the type {kind}, expected {wanted}"
    );
    Cause { reason: "FieldValueInvalid", field: field.to_owned(), message }
}

/// An apply to a custom object may leave a null where the schema allows none: other writes lose
/// it as they are read, this one is refused.
pub(super) fn refuse_nulls(kind: &Kind, name: &str, object: &Value) -> Result<(), Status> {
    let Some(node) = kind.node().filter(|_| kind.custom.is_some()) else { return Ok(()) };
    let defaulted = |field: &str| {
        let found = field.split('.').try_fold(node, Node::field);
        found.is_some_and(|node| node.default().is_some())
    };
    let mut causes = all(kind, object);
    causes.retain(|cause| cause.message.ends_with("\"null\"") && !defaulted(&cause.field));
    match causes.as_slice() {
        [] => Ok(()),
        causes => Err(Status::invalid(&kind.group_kind(), name, causes)),
    }
}
