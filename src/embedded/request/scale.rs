//! The subresource `scale`: the replicas of a workload, whatever its kind.

use serde_json::{Map, Value, json};

use super::{Answer, Core, Part, Patch, PatchKind, Target, WriteOptions, change::Next, decode};
use crate::{
    embedded::{managed, registry::Sub, status::Status, validate::Cause},
    object::{FieldPath, GroupKind, GroupVersionKind, meta},
};

/// Where a kind keeps what a Scale shows, as JSON pointers.
struct Places<'a> {
    spec: &'a str,
    status: &'a str,
    selector: &'a str,
}

fn places(target: &Target) -> Result<Places<'_>, Status> {
    match target.kind.sub("scale") {
        Some(Sub::Scale { spec, status, selector }) => Ok(Places { spec, status, selector }),
        _ => Err(Status::no_such_path()),
    }
}

impl Core {
    /// The Scale of an object.
    pub(crate) fn scale(&self, target: &Target) -> Result<Value, Status> {
        Ok(show(&places(target)?, &self.get(target)?))
    }

    /// Sets the replicas by a whole Scale.
    pub(crate) fn put_scale(
        &self,
        target: &Target,
        mut scale: Value,
        options: &WriteOptions,
    ) -> Result<Answer, Status> {
        let places = places(target)?;
        decode::expect_kind(&GroupVersionKind::parse("autoscaling/v1", "Scale"), &mut scale)?;
        Self::named(target, &scale)?;
        let answer =
            self.change(target, Part::Scale, options, |live| next(&places, live, &scale))?;
        Ok(Answer { object: show(&places, &answer.object), ..answer })
    }

    /// Sets the replicas by a patch of the Scale.
    pub(crate) fn patch_scale(
        &self,
        target: &Target,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Answer, Status> {
        let places = places(target)?;
        if patch.form == PatchKind::Apply {
            return self.apply_scale(target, &patch.body, options);
        }
        let answer = self.change(target, Part::Scale, options, |live| {
            let shown = show(&places, live);
            let scale = patch.transform_scale(&shown)?;
            next(&places, live, &scale)
        })?;
        Ok(Answer { object: show(&places, &answer.object), ..answer })
    }
}

impl Core {
    fn apply_scale(
        &self,
        target: &Target,
        scale: &Value,
        options: &WriteOptions,
    ) -> Result<Answer, Status> {
        let places = places(target)?;
        let text = |key: &str| scale[key].as_str().unwrap_or_default();
        if (text("apiVersion"), text("kind")) != ("autoscaling/v1", "Scale") {
            let (version, kind) = (text("apiVersion"), text("kind"));
            let slash = if version.contains('/') { "" } else { "/" };
            let message = format!("invalid object type: {slash}{version}, Kind={kind}");
            return Err(Status::bad_request(message));
        }
        Self::named(target, scale)?;
        let steps: Vec<&str> = places.spec.split('/').skip(1).collect();
        let path = FieldPath::fields(&steps);
        let writer = self.writer(&target.kind, Part::Scale, options);
        let answer = self.change(target, Part::Scale, options, |live| {
            let mut wanted = replicas(&places, live, scale);
            let writer = writer.borrow();
            let conflicts = managed::scale_conflicts(&path, live, &wanted.object, &writer);
            if !conflicts.is_empty() && !options.force {
                return Err(Status::apply_conflict(&conflicts));
            }
            expect_count(live, scale)?;
            managed::record_scale_apply(&path, live, &mut wanted.object, &writer);
            Ok(Next { recorded: true, ..wanted })
        })?;
        Ok(Answer { object: show(&places, &answer.object), ..answer })
    }
}

fn next(places: &Places<'_>, live: &Value, scale: &Value) -> Result<Next, Status> {
    expect_count(live, scale)?;
    Ok(replicas(places, live, scale))
}

/// The replicas that a Scale wishes for; none where it says nothing.
fn wish(scale: &Value) -> i64 {
    scale.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or_default()
}

fn expect_count(live: &Value, scale: &Value) -> Result<(), Status> {
    let replicas = wish(scale);
    if replicas < 0 {
        let cause = Cause {
            reason: "FieldValueInvalid",
            field: "spec.replicas".to_owned(),
            message: format!("Invalid value: {replicas}: must be greater than or equal to 0"),
        };
        let kind = GroupKind::new("autoscaling", "Scale");
        return Err(Status::invalid(&kind, meta::name(live), &[cause]));
    }
    Ok(())
}

/// The object with the replicas of the Scale.
fn replicas(places: &Places<'_>, live: &Value, scale: &Value) -> Next {
    let mut object = live.clone();
    set(&mut object, places.spec, Value::from(wish(scale)));
    for key in ["resourceVersion", "uid"] {
        if let Some(value) = scale["metadata"].get(key) {
            object["metadata"][key] = value.clone();
        }
    }
    Next { object, recorded: false, replaces: false, warnings: Vec::new() }
}

/// Sets the value at a pointer of plain fields, with what is missing above it.
fn set(object: &mut Value, pointer: &str, value: Value) {
    let mut place = object;
    for step in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = Value::from(Map::new());
        }
        place = &mut place[step];
    }
    *place = value;
}

fn show(places: &Places<'_>, object: &Value) -> Value {
    let count = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
    let mut metadata = Map::new();
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if !meta::text(object, key).is_empty() {
            metadata.insert(key.to_owned(), Value::from(meta::text(object, key)));
        }
    }
    let mut status = json!({"replicas": count(places.status)});
    // A custom kind may have none, and its pointer is empty then.
    let selector = Some(places.selector).filter(|pointer| !pointer.is_empty());
    let selector = match selector.and_then(|pointer| object.pointer(pointer)) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => words(value),
        None => String::new(),
    };
    if !selector.is_empty() {
        status["selector"] = Value::from(selector);
    }
    let mut spec = Map::new();
    if count(places.spec) != 0 {
        spec.insert("replicas".to_owned(), Value::from(count(places.spec)));
    }
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec,
        "status": status,
    })
}

/// A label selector as one writes it in a query.
pub(super) fn words(selector: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let labels = match selector.get("matchLabels") {
        Some(labels) => labels.as_object(),
        // A replication controller has plain labels.
        None if selector.get("matchExpressions").is_none() => selector.as_object(),
        None => None,
    };
    let labels = labels.into_iter().flatten();
    let mut terms: Vec<String> =
        labels.map(|(key, value)| format!("{key}={}", text(value))).collect();
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = text(&expression["key"]);
        let values: Vec<String> =
            expression["values"].as_array().into_iter().flatten().map(text).collect();
        let values = values.join(",");
        terms.push(match expression["operator"].as_str().unwrap_or_default() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key,
            _ => format!("!{key}"),
        });
    }
    terms.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_shows_replicas_and_the_selector_in_words() {
        let places = Places {
            spec: "/spec/replicas",
            status: "/status/replicas",
            selector: "/spec/selector",
        };
        let object = json!({"metadata": {"name": "web"}, "spec": {"replicas": 3, "selector": {
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]}}});
        let scale = show(&places, &object);
        assert_eq!(scale["spec"]["replicas"], 3);
        assert_eq!(scale["status"]["selector"], "app=web,tier in (a,b)");
    }

    #[test]
    fn a_kind_without_a_selector_shows_none() {
        let places = Places { spec: "/spec/size", status: "/status/size", selector: "" };
        let object = json!({"metadata": {"name": "one"}, "spec": {"size": 3}});
        assert_eq!(show(&places, &object)["status"], json!({"replicas": 0}));
    }

    #[test]
    fn a_place_that_is_not_there_is_made() {
        let mut object = json!({"kind": "X"});
        set(&mut object, "/spec/size", json!(2));
        assert_eq!(object, json!({"kind": "X", "spec": {"size": 2}}));
    }
}
