use serde_json::json;

use super::*;

/// What a schema for `spec` says about a value there, as `reason field: message`.
fn said(spec: &Value, value: &Value) -> Vec<String> {
    let schema = json!({"type": "object", "properties": {"spec": spec}});
    let raw = Raw::parse(&schema).unwrap();
    let found = object(&raw, &json!({"spec": value}));
    let line = |v: Violation| format!("{} {}: {}", v.reason, v.field, v.message);
    found.into_iter().map(line).collect()
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn violations_are_worded_as_the_real_server_words_them() {
    let int = |rule: &str, bound: Value| json!({"type": "integer", rule: bound});
    let text = |rule: &str, bound: Value| json!({"type": "string", rule: bound});
    let table: [(Value, Value, &[&str]); 18] = [
        (
            json!({"type": "integer"}),
            json!("x"),
            &[
                "FieldValueTypeInvalid spec: Invalid value: \"string\": spec in body must be of type integer: \"string\"",
            ],
        ),
        (json!({"type": "integer"}), json!(1.0), &[]),
        (
            json!({"type": "integer"}),
            json!(1.5),
            &[
                "FieldValueTypeInvalid spec: Invalid value: \"number\": spec in body must be of type integer: \"number\"",
                "FieldValueInvalid <nil>: Invalid value: \"\": Checked value must be of type integer (default format) in spec",
            ],
        ),
        (
            json!({"type": "number", "maximum": 2.5}),
            json!(3),
            &[
                "FieldValueInvalid spec: Invalid value: 3: spec in body should be less than or equal to 2",
            ],
        ),
        (json!({"type": "number"}), json!(1), &[]),
        (
            int("maximum", json!(3)),
            json!(4),
            &[
                "FieldValueInvalid spec: Invalid value: 4: spec in body should be less than or equal to 3",
            ],
        ),
        (
            int("minimum", json!(3)),
            json!(-4),
            &[
                "FieldValueInvalid spec: Invalid value: -4: spec in body should be greater than or equal to 3",
            ],
        ),
        (
            text("maxLength", json!(1)),
            json!("ab"),
            &["FieldValueTooLong spec: Too long: may not be more than 1 byte"],
        ),
        (
            text("minLength", json!(1)),
            json!(""),
            &[
                "FieldValueInvalid spec: Invalid value: \"\": spec in body should be at least 1 chars long",
            ],
        ),
        (
            text("pattern", json!("^a+$")),
            json!("b"),
            &["FieldValueInvalid spec: Invalid value: \"b\": spec in body should match '^a+$'"],
        ),
        (
            text("enum", json!(["a", "b"])),
            json!("c"),
            &[
                "FieldValueNotSupported spec: Unsupported value: \"c\": supported values: \"a\", \"b\"",
            ],
        ),
        (
            text("format", json!("date-time")),
            json!("today"),
            &[
                "FieldValueTypeInvalid spec: Invalid value: \"today\": spec in body must be of type date-time: \"today\"",
            ],
        ),
        (
            json!({"type": "object", "required": ["a"]}),
            json!({}),
            &["FieldValueRequired spec.a: Required value"],
        ),
        (
            json!({"type": "array", "maxItems": 1, "items": {"type": "string"}}),
            json!(["a", "b"]),
            &["FieldValueTooMany spec: Too many: 2: must have at most 1 item"],
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}),
            json!(["a", "b", "a", "a"]),
            &["FieldValueDuplicate spec[2]: Duplicate value: \"a\""],
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"], "items": {"type": "object"}}),
            json!([{"name": "a"}, {"name": "a", "x": 1}]),
            &["FieldValueDuplicate spec[1]: Duplicate value: {\"name\":\"a\"}"],
        ),
        (json!({"x-kubernetes-int-or-string": true}), json!("10%"), &[]),
        (
            json!({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
            json!({}),
            &[
                "FieldValueInvalid <nil>: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found none valid",
                "FieldValueRequired spec.a: Required value",
            ],
        ),
    ];
    for (schema, value, expected) in table {
        assert_eq!(said(&schema, &value), expected, "{schema} {value}");
    }
}

#[test]
fn floats_look_as_go_prints_them() {
    for (float, expected) in [(0.5, "0.5"), (2.0, "2"), (1e21, "1e+21"), (1.5e-7, "1.5e-07")] {
        assert_eq!(say::go_float(float), expected);
    }
}
