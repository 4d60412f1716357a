//! Rows of custom resources: a cell for each of the definition's `additionalPrinterColumns`.

use jiff::Timestamp;
use serde_json::{Value, json};

use self::path::Path;
use super::{Column, cells, column, duration};

mod path;

/// What the real server says of the name, out of the description of metadata.
const NAME: &str = "x";

/// The columns that `additionalPrinterColumns` asks for, behind the name. Without any there is the
/// age, as in the real server.
pub(crate) fn crd_columns(printer_columns: &Value) -> Vec<Column> {
    let mut columns =
        vec![Column { description: NAME.to_owned(), ..column("Name", "string", false) }];
    columns.extend(asked_for(printer_columns).iter().map(|asked| {
        let path = cells::text(asked, "/jsonPath");
        let said = cells::text(asked, "/description");
        Column {
            name: cells::text(asked, "/name").to_owned(),
            kind: cells::text(asked, "/type").to_owned(),
            format: cells::text(asked, "/format").to_owned(),
            description: if said.is_empty() {
                format!("Custom resource definition column (in JSONPath format): {path}")
            } else {
                said.to_owned()
            },
            priority: cells::number(asked, "/priority"),
        }
    }));
    columns
}

/// The cells of a custom resource, one for each column; `null` where it has no such value.
pub(crate) fn crd_row(printer_columns: &Value, object: &Value, now: Timestamp) -> Vec<Value> {
    let mut row = vec![cells::name(object)];
    row.extend(asked_for(printer_columns).iter().map(|asked| {
        let path = Path::parse(cells::text(asked, "/jsonPath"));
        match path.as_ref().and_then(|path| path.first(object)) {
            Some(value) => cell(cells::text(asked, "/type"), value, now),
            None => Value::Null,
        }
    }));
    row
}

fn asked_for(printer_columns: &Value) -> Vec<Value> {
    match printer_columns.as_array() {
        Some(columns) if !columns.is_empty() => columns.clone(),
        _ => {
            vec![json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})]
        }
    }
}

/// A value as a column of a type shows it; `null` when it is of another type.
fn cell(kind: &str, value: &Value, now: Timestamp) -> Value {
    match (kind, value) {
        ("string", Value::Null) => json!("<nil>"),
        ("string", Value::String(text)) => json!(text),
        ("string", other) => json!(other.to_string()),
        ("integer", Value::Number(number)) => {
            #[allow(clippy::cast_possible_truncation, reason = "as the real server truncates")]
            let whole = number.as_i64().or_else(|| number.as_f64().map(|number| number as i64));
            json!(whole)
        }
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(text)) if text.parse::<Timestamp>().is_err() => json!("<invalid>"),
        ("date", Value::String(text)) => json!(duration::between(text, now)),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T01:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_definition_without_columns_shows_name_and_age() {
        let object =
            json!({"metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"}});
        let names: Vec<_> = crd_columns(&json!([])).into_iter().map(|c| c.name).collect();
        assert_eq!(names, ["Name", "Age"]);
        assert_eq!(crd_row(&Value::Null, &object, now()), [json!("a"), json!("60m")]);
    }

    #[test]
    fn cells_have_the_type_of_their_column() {
        let object = json!({
            "metadata": {"name": "a", "annotations": {"x.y/z": "noted"}},
            "spec": {"count": 3, "half": 0.5, "on": true, "list": ["p", "q"], "map": {"k": 1},
                "at": "2026-01-01T00:59:00Z", "not": "yesterday"},
            "status": {"conditions": [
                {"type": "Synced", "status": "False"}, {"type": "Ready", "status": "True"},
            ]},
        });
        let table = [
            ("string", ".spec.count", json!("3")),
            ("integer", ".spec.count", json!(3)),
            ("integer", ".spec.half", json!(0)),
            ("number", ".spec.half", json!(0.5)),
            ("integer", ".spec.on", json!(null)),
            ("boolean", ".spec.on", json!(true)),
            ("string", ".spec.on", json!("true")),
            ("string", ".spec.list", json!("[\"p\",\"q\"]")),
            ("string", ".spec.list[1]", json!("q")),
            ("string", ".spec.list[-1]", json!("q")),
            ("string", ".spec.list[*]", json!("p")),
            ("string", ".spec.list[5]", json!(null)),
            ("string", ".spec.map", json!("{\"k\":1}")),
            ("date", ".spec.at", json!("60s")),
            ("date", ".spec.not", json!("<invalid>")),
            ("string", ".spec.absent", json!(null)),
            ("string", ".status.conditions[?(@.type==\"Ready\")].status", json!("True")),
            ("string", ".status.conditions[?(@.type=='Ready')].status", json!("True")),
            ("string", ".status.conditions[?(@.status!=\"True\")].type", json!("Synced")),
            ("string", ".metadata.annotations.x\\.y/z", json!("noted")),
            ("string", ".metadata.annotations['x.y/z']", json!("noted")),
            ("string", "spec.count", json!("3")),
        ];
        for (kind, path, expected) in table {
            let columns = json!([{"name": "C", "type": kind, "jsonPath": path}]);
            assert_eq!(crd_row(&columns, &object, now())[1], expected, "{kind} {path}");
        }
    }
}
