//! Compares the loader with what `sigs.k8s.io/yaml` said about the same texts.
//!
//! tests/oracle is the Go program that wrote the JSON files; its corpus lies beside it.

use std::{fs, path::Path};

use serde_json::{Value, json};
use steadfast::yaml::{Documents, Limits, load};

/// Texts that we answer differently on purpose, each with the reason.
const DIFFERENT: &[(&str, &str)] = &[
    ("directive", "kubectl cuts at `---` first and then refuses the directive, as we do"),
    ("tag directive", "the same"),
    ("---x: v\n", "kubectl cuts at `---` first and then refuses the separator, as we do"),
    ("json escapes", "kubectl reads a file that starts with `{` as JSON, which has `\\/`"),
    ("json numbers", "kubectl reads it as JSON, where 1.0 stays a float"),
    ("escapes", "YAML 1.2 has `\\/`; kubectl refuses the file, so nobody relies on it"),
    ("v: \"a\\/b\"\n", "the same"),
    ("\"a\\/b\": v\n", "the same"),
    ("surrogates", "YAML 1.2 reads JSON's surrogate pairs; kubectl refuses the file"),
    ("v: \"\\ud83d\\ude00\"\n", "the same"),
    ("\"\\ud83d\\ude00\": v\n", "the same"),
    ("text after quoted", "Go does not look behind a quoted document; no manifest is one"),
    ("\tx: v\n", "a tab before the first key; kubectl refuses the file"),
    ("&: v\n", "an anchor without a name; kubectl refuses the file"),
];

fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle").join(file);
    let text = fs::read_to_string(path).expect("the oracle's answers are committed");
    serde_json::from_str(&text).expect("the oracle writes JSON")
}

/// The JSON of the library as Kubernetes holds it: integers of 63 bits, everything else a float.
fn normal(value: Value) -> Value {
    match value {
        // Go writes -0 for a float zero with a sign, and Kubernetes reads an integer.
        Value::Number(number) if number.as_f64() == Some(0.0) => json!(0),
        Value::Number(number) if !number.is_i64() => json!(number.as_f64()),
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::Object(fields) => fields.into_iter().map(|(k, v)| (k, normal(v))).collect(),
        other => other,
    }
}

/// What is wrong with our answer, or nothing.
fn compare(text: &str, answer: &Value) -> Option<String> {
    let ours = load(text.as_bytes(), &Limits::default());
    let theirs = answer.get("json").and_then(Value::as_str);
    let Documents { documents, errors, .. } = ours;
    match (theirs, &errors[..]) {
        (None, []) => Some(format!(
            "they refuse ({}), we read {:?}",
            answer["error"],
            documents.iter().map(|d| d.value.to_string()).collect::<Vec<_>>()
        )),
        (Some(theirs), [error, ..]) => Some(format!("they read {theirs}, we refuse: {error:?}")),
        (None, _) => None,
        (Some(theirs), []) => {
            let wanted = serde_json::from_str(theirs).expect("the library writes JSON");
            let wanted = normal(wanted);
            let found = documents.into_iter().map(|d| d.value).next().unwrap_or(Value::Null);
            (found != wanted).then(|| format!("they read {wanted}, we read {found}"))
        }
    }
}

fn report(total: usize, least: usize, wrong: &[String]) {
    assert!(total >= least, "the corpus has shrunk to {total}");
    assert!(wrong.is_empty(), "{} of {total} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_scalar_is_read_as_go_reads_it() {
    let cases = cases("scalars.json");
    let mut wrong = Vec::new();
    for case in &cases {
        let text = case["text"].as_str().unwrap();
        for (document, answer) in
            [(format!("v: {text}\n"), &case["value"]), (format!("{text}: v\n"), &case["key"])]
        {
            if DIFFERENT.iter().any(|(different, _)| *different == document) {
                continue;
            }
            if let Some(difference) = compare(&document, answer) {
                wrong.push(format!("{document:?}: {difference}"));
            }
        }
    }
    report(cases.len(), 2_000, &wrong);
}

#[test]
fn every_document_is_read_as_go_reads_it() {
    let cases = cases("documents.json");
    let mut wrong = Vec::new();
    for case in &cases {
        let (name, text) = (case["name"].as_str().unwrap(), case["text"].as_str().unwrap());
        if DIFFERENT.iter().any(|(different, _)| *different == name) {
            continue;
        }
        if let Some(difference) = compare(text, case) {
            wrong.push(format!("{name}: {text:?}: {difference}"));
        }
    }
    report(cases.len(), 200, &wrong);
}
