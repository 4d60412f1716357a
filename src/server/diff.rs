//! Differences between live objects and what a sync would make of them, for people: unified text
//! per object, and what kind of change it is.

use serde_json::{Value, json};
use similar::TextDiff;

use crate::sync::handle::ManagedResource;

use super::{shapes, veil::veiled};

/// Unchanged lines shown around a change.
const CONTEXT_LINES: usize = 3;
/// Bytes of text for one object; a longer diff is cut and says so.
const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Metadata that the server keeps and nobody writes.
const SERVER_METADATA: [&str; 6] =
    ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"];

/// `{"items": [{group, kind, namespace, name, change, diff}], "diff": text of all}`; objects that a
/// sync would not touch are left out.
pub(super) fn differences(resources: &[ManagedResource]) -> Value {
    let mut all = String::new();
    let mut items = Vec::new();
    for resource in resources.iter().filter(|resource| shapes::is_modified(resource)) {
        let (change, after) = match (&resource.target, &resource.live) {
            (Some(target), None) => ("create", Some(resource.predicted.as_ref().unwrap_or(target))),
            (Some(target), Some(_)) => {
                ("update", Some(resource.predicted.as_ref().unwrap_or(target)))
            }
            (None, _) => ("delete", None),
        };
        let text = unified(
            &resource.id.to_string(),
            &readable(resource.live.as_deref()),
            &readable(after.map(AsRef::as_ref)),
        );
        all.push_str(&text);
        let id = &resource.id;
        items.push(json!({
            "group": id.group, "kind": id.kind, "namespace": id.namespace, "name": id.name,
            "change": change, "diff": text,
        }));
    }
    json!({"items": items, "diff": all})
}

/// The object as YAML without what only the server writes; empty for no object.
fn readable(object: Option<&Value>) -> String {
    let Some(object) = object else { return String::new() };
    let mut object = veiled(object);
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !SERVER_METADATA.contains(&key.as_str()));
    }
    // JSON values can always be printed as YAML.
    serde_yaml::to_string(&object).unwrap_or_default()
}

fn unified(name: &str, before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut text = diff
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .header(&format!("live/{name}"), &format!("git/{name}"))
        .to_string();
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push_str("\n... the rest of this difference is left out\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::object::{GroupVersionKind, ObjectId};

    fn resource(target: Option<Value>, live: Option<Value>) -> ManagedResource {
        ManagedResource {
            id: ObjectId::new("", "ConfigMap", "shop", "web"),
            gvk: GroupVersionKind::parse("v1", "ConfigMap"),
            predicted: target.clone().map(Arc::new),
            target: target.map(Arc::new),
            live: live.map(Arc::new),
        }
    }

    fn config(color: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "web", "uid": color, "resourceVersion": color},
            "data": {"color": color},
            "status": {"seen": color},
        })
    }

    #[test]
    fn a_difference_reads_like_one_of_diff() {
        let shown = differences(&[
            resource(Some(config("blue")), Some(config("red"))),
            resource(Some(config("blue")), Some(config("blue"))),
        ]);
        let text = "--- live/ConfigMap shop/web\n+++ git/ConfigMap shop/web\n@@ -1,6 +1,6 @@\n \
                    apiVersion: v1\n data:\n-  color: red\n+  color: blue\n kind: ConfigMap\n \
                    metadata:\n   name: web\n";
        assert_eq!(shown["diff"], text);
        assert_eq!(shown["items"].as_array().map(Vec::len), Some(1));
        assert_eq!(shown["items"][0]["change"], "update");
    }

    #[test]
    fn creation_and_deletion_show_the_whole_object() {
        let shown = differences(&[
            resource(Some(config("blue")), None),
            resource(None, Some(config("red"))),
        ]);
        assert_eq!(shown["items"][0]["change"], "create");
        assert_eq!(shown["items"][1]["change"], "delete");
        let text = shown["diff"].as_str().unwrap();
        assert!(text.contains("+  color: blue") && text.contains("-  color: red"), "{text}");
    }
}
