//! The annotation of client-side apply, which server-side apply by kubectl takes over and keeps.

use serde_json::Value;

use super::{check::check, compare::compare, extract};
use crate::{
    embedded::schema::Node,
    object::{FieldSet, meta},
};

/// The field manager for which the annotation means something.
pub(super) const MANAGER: &str = "kubectl";

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// How large all annotations may be together, in bytes.
const ANNOTATIONS_BYTES_MAX: usize = 256 * 1024;

/// The fields that client-side apply put there and that still have its values; `None` when there is
/// no annotation that can be read.
pub(super) fn owned(node: Node<'_>, live: &Value, api_version: &str) -> Option<FieldSet> {
    let annotation = meta::annotation(live, ANNOTATION).filter(|text| !text.is_empty())?;
    let applied: Value = serde_json::from_str(annotation).ok()?;
    if applied.get("apiVersion")?.as_str()? != api_version {
        return None;
    }
    check(node, live).ok()?;
    check(node, &applied).ok()?;
    let differs = compare(node, &applied, live);
    let fields = extract::fields(node, &applied);
    Some(
        fields
            .difference(&differs.modified)
            .difference(&differs.added)
            .difference(&differs.removed),
    )
}

/// Sets the annotation, where there is one, to what was applied: for those who go back to
/// client-side apply.
pub(super) fn renew(object: &mut Value, applied: &Value) {
    if meta::annotation(object, ANNOTATION).is_none_or(str::is_empty) {
        return;
    }
    let mut applied = applied.clone();
    if let Some(annotations) = applied.pointer_mut("/metadata/annotations")
        && let Some(annotations) = annotations.as_object_mut()
    {
        annotations.remove(ANNOTATION);
    }
    let text = go_json(&applied) + "\n";
    let Some(annotations) = meta::map_mut(object, "annotations") else { return };
    annotations.insert(ANNOTATION.to_owned(), Value::from(text));
    let bytes: usize =
        annotations.iter().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
    if bytes > ANNOTATIONS_BYTES_MAX {
        annotations.remove(ANNOTATION);
    }
}

/// JSON as Go writes it by default: safe inside HTML.
fn go_json(value: &Value) -> String {
    // None of these stands outside of a string.
    [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ]
    .iter()
    .fold(value.to_string(), |text, (from, to)| text.replace(*from, to))
}
