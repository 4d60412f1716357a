//! Measures defaults, validation and tables by what a real API server answered.
//!
//! `tests/oracle/embedded.json` holds requests with their answers;
//! `tests/cluster/embedded_answers.rs` asks a real server again and writes them down.

#[path = "../../tests/oracle/lasting.rs"]
mod lasting;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::lasting::lasting;
use super::{
    defaults::{
        self,
        allocate::{Taken, allocate},
        create::{self, Admission},
        update,
    },
    table,
    validate::{self, Cause},
};
use crate::object::{GroupVersionKind, meta};

/// Cases that are answered differently on purpose, each with the reason.
const DIFFERENT: &[(&str, &str)] = &[
    ("a change of the template of a job", "the real server prints its own type of a template"),
    ("a node", "there is no controller that would take the taint of a new node away again"),
];

fn cases() -> Vec<Value> {
    let text = include_str!("../../tests/oracle/embedded.json");
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    assert!(cases.len() > 150, "found only {}", cases.len());
    let expected = |case: &Value| DIFFERENT.iter().all(|(name, _)| case["name"] != *name);
    cases.into_iter().filter(expected).collect()
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// The object as it would be stored, and what is wrong with it.
fn created(gvk: &GroupVersionKind, object: &Value) -> (Value, Vec<Cause>) {
    let mut object = object.clone();
    defaults::fill(gvk, &mut object);
    let facts = Admission {
        suffix: "abcde",
        mounts_token: false,
        storage_class: None,
        ingress_class: None,
    };
    create::admit(gvk, &mut object, &facts);
    object["metadata"]["uid"] = json!("UID");
    object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    create::prepare(gvk, &mut object, now());
    defaults::fill(gvk, &mut object);
    let causes = validate::check_new(gvk, &object);
    if gvk.kind == "Service" && causes.is_empty() {
        // A dry run of the real server allocates as well, but any port passes.
        let _ = allocate(&mut object, &Taken::default(), 0);
    }
    (object, causes)
}

/// Causes in one order, without the differences of Go types that the real server prints behind
/// the first line.
fn comparable(causes: impl IntoIterator<Item = [String; 3]>) -> Vec<[String; 3]> {
    let mut causes: Vec<_> = causes
        .into_iter()
        .map(|[reason, field, message]| {
            [reason, field, message.lines().next().unwrap_or_default().to_owned()]
        })
        .collect();
    causes.sort();
    causes
}

fn recorded(answer: &Value) -> Vec<[String; 3]> {
    let causes = answer["causes"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    comparable(causes.map(|cause| [text(&cause[0]), text(&cause[1]), text(&cause[2])]))
}

fn ours(causes: Vec<Cause>) -> Vec<[String; 3]> {
    comparable(
        causes.into_iter().map(|cause| [cause.reason.to_owned(), cause.field, cause.message]),
    )
}

#[test]
fn new_objects_are_stored_or_refused_as_by_a_real_server() {
    let mut faults = Vec::new();
    for case in cases().iter().filter(|case| case.get("patch").is_none()) {
        let gvk = meta::gvk(&case["object"]).unwrap();
        let (object, causes) = created(&gvk, &case["object"]);
        let (causes, expected) = (ours(causes), recorded(&case["answer"]));
        if causes != expected {
            faults.push(format!("{}: {causes:#?} instead of {expected:#?}", case["name"]));
            continue;
        }
        let wanted = &case["answer"]["object"];
        if !wanted.is_null() && lasting(&object) != *wanted {
            faults.push(format!("{}: {} instead of {wanted}", case["name"], lasting(&object)));
        }
    }
    assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn rows_are_those_of_a_real_server() {
    let mut faults = Vec::new();
    for case in cases().iter().filter(|case| case["answer"].get("cells").is_some()) {
        let gvk = meta::gvk(&case["object"]).unwrap();
        let (object, _) = created(&gvk, &case["object"]);
        let heads = table::columns(&gvk);
        let columns: Vec<Value> = heads
            .iter()
            .map(|column| json!([column.name, column.kind, column.format, column.priority]))
            .collect();
        let cells = table::row(&gvk, &object, now()).into_iter().zip(&heads);
        let cells = cells.map(|(cell, column)| match column.name.as_str() {
            "Age" | "Created At" => json!("<age>"),
            _ => cell,
        });
        let (columns, cells) = (Value::from(columns), cells.collect::<Value>());
        let answer = &case["answer"];
        if columns != answer["columns"] || cells != answer["cells"] {
            faults.push(format!("{}: {columns} {cells} instead of {answer}", case["name"]));
        }
    }
    assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn changes_are_stored_or_refused_as_by_a_real_server() {
    let mut faults = Vec::new();
    for case in cases().iter().filter(|case| case.get("patch").is_some()) {
        let gvk = meta::gvk(&case["object"]).unwrap();
        let mut old = case["answer"]["old"].clone();
        old["metadata"]["uid"] = json!("UID");
        old["metadata"]["resourceVersion"] = json!("1");
        let mut new = old.clone();
        let patch: json_patch::Patch = serde_json::from_value(case["patch"].clone()).unwrap();
        json_patch::patch(&mut new, &patch).unwrap();
        defaults::fill(&gvk, &mut new);
        update::prepare(&gvk, &old, &mut new, true);
        let causes = ours(validate::check_change(&gvk, &old, &new));
        let expected = recorded(&case["answer"]);
        if causes != expected {
            faults.push(format!("{}: {causes:#?} instead of {expected:#?}", case["name"]));
            continue;
        }
        let wanted = &case["answer"]["object"];
        if !wanted.is_null() && lasting(&new) != *wanted {
            faults.push(format!("{}: {} instead of {wanted}", case["name"], lasting(&new)));
        }
    }
    assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn what_is_filled_in_stays_when_it_is_filled_in_again() {
    for case in cases() {
        let gvk = meta::gvk(&case["object"]).unwrap();
        let (object, _) = created(&gvk, &case["object"]);
        let mut again = object.clone();
        defaults::fill(&gvk, &mut again);
        assert_eq!(again, object, "{}", case["name"]);
    }
}
