//! Objects and lists in the form that the client wants.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::negotiate::Form;
use crate::{
    embedded::{
        registry::Kind,
        request::{Core, ListAnswer},
        status::Status,
        table::{self, Column},
    },
    object::meta,
};

const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// How to show objects of one kind.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) kind: &'a Kind,
    pub(super) form: Form,
    /// `None`, `Metadata` or `Object`: what the rows of a table carry.
    pub(super) include: &'a str,
    pub(super) now: Timestamp,
}

impl View<'_> {
    /// Refuses the form of a list for one object.
    pub(super) fn expect_one(&self) -> Result<(), Status> {
        if !matches!(self.form, Form::Metadata { list: true, .. }) {
            return Ok(());
        }
        let what = self.go_type("");
        Err(not_in_form(&format!(
            "you requested PartialObjectMetadataList, but the requested object is not a list \
             ({what})"
        )))
    }

    /// Refuses the form of one object for a list.
    pub(super) fn expect_list(&self) -> Result<(), Status> {
        if !matches!(self.form, Form::Metadata { list: false, .. }) {
            return Ok(());
        }
        let what = self.go_type("List");
        Err(not_in_form(&format!(
            "you requested PartialObjectMetadata, but the requested object is a list ({what})"
        )))
    }

    /// What the real server calls the type of what it is about to show.
    fn go_type(&self, suffix: &str) -> String {
        let gvk = &self.kind.gvk;
        if self.kind.custom.is_some() {
            return format!("*unstructured.Unstructured{suffix}");
        }
        let package = gvk.group.split('.').next().filter(|name| !name.is_empty());
        format!("*{}.{}{suffix}", package.unwrap_or("core"), gvk.kind)
    }

    /// A Scale, which has a table of its own.
    pub(super) fn scale(&self, scale: Value) -> Value {
        let Form::Table { version } = self.form else { return scale };
        let list = json!({"resourceVersion": meta::resource_version(&scale)});
        let cells = table::scale_row(&scale, self.now);
        let mut table = self.table(&list, Vec::new(), false);
        table["columnDefinitions"] = table::scale_columns().iter().map(column).collect();
        table["rows"] = json!([{"cells": cells, "object": metadata_of(scale, version)}]);
        table
    }

    /// One object.
    pub(super) fn object(&self, object: Value) -> Value {
        match self.form {
            // A `Status` is no object of the kind.
            _ if object["kind"] == "Status" && self.kind.gvk.kind != "Status" => object,
            Form::Objects => object,
            Form::Metadata { version, .. } => metadata_of(object, version),
            Form::Table { .. } => {
                let list = json!({"resourceVersion": meta::resource_version(&object)});
                self.table(&list, vec![object], true)
            }
        }
    }

    /// One object of a watch; a table has its columns in the first event only.
    pub(super) fn event(&self, object: Value, first: bool) -> Value {
        match self.form {
            Form::Table { .. } => {
                let list = json!({"resourceVersion": meta::resource_version(&object)});
                self.table(&list, vec![object], first)
            }
            _ => self.object(object),
        }
    }

    /// A page of a list, printed. One object after the other becomes a tree: all of them at once
    /// would take many times their text.
    pub(super) fn list(&self, answer: &ListAnswer) -> String {
        let mut list = Map::new();
        list.insert("resourceVersion".to_owned(), json!(answer.revision.to_string()));
        match &answer.resume {
            Some(token) => {
                list.insert("continue".to_owned(), json!(token));
            }
            // Lists of custom objects say that there is no more.
            None if self.form == Form::Objects && self.kind.custom.is_some() => {
                list.insert("continue".to_owned(), json!(""));
            }
            None => {}
        }
        if let Some(remaining) = answer.remaining {
            list.insert("remainingItemCount".to_owned(), json!(remaining));
        }
        let list = Value::from(list);
        let (frame, key) = match self.form {
            Form::Objects => {
                let gvk = &self.kind.gvk;
                (frame(&self.kind.list_kind, &gvk.api_version(), &list), "items")
            }
            Form::Metadata { version, .. } => (
                frame("PartialObjectMetadataList", &format!("meta.k8s.io/{version}"), &list),
                "items",
            ),
            Form::Table { .. } => (self.table(&list, Vec::new(), true), "rows"),
        };
        let items = answer.items.iter().map(|record| {
            let object = Core::object(self.kind, record);
            match self.form {
                Form::Objects => self.item(object),
                Form::Metadata { version, .. } => metadata_of(object, version),
                Form::Table { version } => self.row(object, version),
            }
        });
        with_list(frame, key, items)
    }

    /// An object in a list: those of Kubernetes do not repeat their kind there.
    fn item(&self, mut object: Value) -> Value {
        if self.kind.custom.is_none()
            && let Some(object) = object.as_object_mut()
        {
            object.remove("kind");
            object.remove("apiVersion");
        }
        object
    }

    fn table(&self, metadata: &Value, objects: Vec<Value>, header: bool) -> Value {
        let version = match self.form {
            Form::Table { version } => version,
            _ => "v1",
        };
        let rows: Vec<Value> =
            objects.into_iter().map(|object| self.row(object, version)).collect();
        let mut table = json!({
            "kind": "Table", "apiVersion": format!("meta.k8s.io/{version}"),
            "metadata": metadata, "columnDefinitions": null, "rows": rows,
        });
        if header {
            table["columnDefinitions"] = self.columns().iter().map(column).collect();
        }
        table
    }

    fn columns(&self) -> Vec<Column> {
        match &self.kind.custom {
            Some(custom) => table::crd_columns(&custom.columns),
            None => table::columns(&self.kind.gvk),
        }
    }

    fn row(&self, object: Value, version: &str) -> Value {
        let cells = match &self.kind.custom {
            Some(custom) => table::crd_row(&custom.columns, &object, self.now),
            None => table::row(&self.kind.gvk, &object, self.now),
        };
        let conditions = table::row_conditions(&self.kind.gvk, &object);
        let mut object = object;
        if self.include.is_empty() && self.kind.gvk.kind == "DaemonSet" {
            // Rows show metadata as it is before the annotation is added for clients.
            if let Some(annotations) = meta::map_mut(&mut object, "annotations") {
                annotations.remove(TEMPLATE_GENERATION);
                if annotations.is_empty()
                    && let Some(metadata) = object["metadata"].as_object_mut()
                {
                    metadata.remove("annotations");
                }
            }
        }
        let object = match self.include {
            "None" => Value::Null,
            "Object" => object,
            _ => metadata_of(object, version),
        };
        let mut row = json!({"cells": cells, "object": object});
        if let Some(conditions) = conditions {
            row["conditions"] = conditions;
        }
        row
    }
}

fn not_in_form(message: &str) -> Status {
    Status::new(406, "NotAcceptable", message)
}

fn frame(kind: &str, api_version: &str, metadata: &Value) -> Value {
    json!({"kind": kind, "apiVersion": api_version, "metadata": metadata})
}

/// An object with one more field, a list, as text.
fn with_list(mut frame: Value, key: &str, items: impl Iterator<Item = Value>) -> String {
    if let Some(frame) = frame.as_object_mut() {
        frame.remove(key);
    }
    let mut text = frame.to_string();
    text.pop();
    text.push_str(&format!(",{key:?}:["));
    for (index, item) in items.enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&item.to_string());
    }
    text.push_str("]}\n");
    text
}

fn column(column: &Column) -> Value {
    json!({
        "name": column.name, "type": column.kind, "format": column.format,
        "description": column.description, "priority": column.priority,
    })
}

fn metadata_of(mut object: Value, version: &str) -> Value {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": object["metadata"].take(),
    })
}
