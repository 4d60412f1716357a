//! What a sync would change, for people and for programs: unified text per object, and the fields.

use serde_json::{Value, json};

use crate::{object::ObjectId, plan::difference, sync::handle::ManagedResource, yaml::print};

use super::shapes;

/// Bytes of text for one object; a longer one is cut and says so.
const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Fields listed for one object.
const FIELDS_MAX: usize = 500;

/// `{"items": [{group, kind, namespace, name, change, diff, fields}], "diff": text of all}`; objects
/// that a sync would not touch are left out.
pub(super) fn differences(resources: &[ManagedResource]) -> Value {
    let mut all = String::new();
    let mut items = Vec::new();
    for resource in resources.iter().filter(|resource| shapes::is_modified(resource)) {
        let live = resource.live.as_deref();
        let target = resource.target.as_deref();
        // A creation that was not tried has no prediction; what Git says is the best one.
        let after = target.and(resource.predicted.as_deref().or(target));
        let change = match (target, live) {
            (Some(_), None) => "create",
            (Some(_), Some(_)) => "update",
            (None, _) => "delete",
        };
        let text = unified(&resource.id, live, after);
        all.push_str(&text);
        let id = &resource.id;
        items.push(json!({
            "group": id.group, "kind": id.kind, "namespace": id.namespace, "name": id.name,
            "change": change, "diff": text, "fields": fields(live, after),
        }));
    }
    json!({"items": items, "diff": all})
}

fn unified(id: &ObjectId, live: Option<&Value>, after: Option<&Value>) -> String {
    let mut text = difference::unified(id, live, after, &print, false);
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push_str("\n... the rest of this difference is left out\n");
    }
    text
}

/// `[{field, old, new}]`; a value that is absent on its side is left out.
fn fields(live: Option<&Value>, after: Option<&Value>) -> Vec<Value> {
    let changes = difference::changes(live, after);
    let shown = changes.into_iter().take(FIELDS_MAX).map(|change| {
        let mut shown = json!({"field": change.path.to_string()});
        for (side, value) in [("old", change.old), ("new", change.new)] {
            if let Some(value) = value {
                shown[side] = value;
            }
        }
        shown
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::object::GroupVersionKind;

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
            "metadata": {"name": "web"}, "data": {"color": color},
        })
    }

    #[test]
    fn an_update_is_told_as_text_and_as_fields_and_what_is_in_sync_is_not() {
        let shown = differences(&[
            resource(Some(config("blue")), Some(config("red"))),
            resource(Some(config("blue")), Some(config("blue"))),
        ]);
        assert_eq!(shown["items"].as_array().map(Vec::len), Some(1));
        let item = &shown["items"][0];
        assert_eq!((&item["change"], &item["diff"]), (&json!("update"), &shown["diff"]));
        assert_eq!(item["fields"], json!([{"field": ".data.color", "old": "red", "new": "blue"}]));
        let text = shown["diff"].as_str().unwrap();
        assert!(text.contains("\n-  color: red\n+  color: blue\n"), "{text}");
    }

    #[test]
    fn creation_and_deletion_show_the_whole_object() {
        let shown = differences(&[
            resource(Some(config("blue")), None),
            resource(None, Some(config("red"))),
        ]);
        assert_eq!(shown["items"][0]["change"], "create");
        assert_eq!(shown["items"][1]["change"], "delete");
        assert_eq!(shown["items"][1]["fields"][0]["old"]["data"]["color"], "red");
        let text = shown["diff"].as_str().unwrap();
        assert!(text.contains("+  color: blue") && text.contains("-  color: red"), "{text}");
    }

    #[test]
    fn a_difference_that_nobody_reads_to_its_end_is_cut() {
        let long = config(&"x".repeat(TEXT_BYTES_MAX));
        let text = differences(&[resource(Some(long), None)])["diff"].to_string();
        assert!(text.len() < TEXT_BYTES_MAX + 1024 && text.contains("is left out"));
    }
}
