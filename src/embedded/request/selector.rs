//! Label and field selectors, as a query writes them.

mod labels;

use crate::embedded::{
    registry::{FieldRule, Kind},
    status::Status,
    store::{Key, Marks},
};

/// Most terms of a selector.
const TERMS_MAX: usize = 1000;

/// What a list or a watch is narrowed to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Selector {
    labels: Vec<LabelTerm>,
    fields: Vec<FieldTerm>,
}

#[derive(Debug, Clone, PartialEq)]
struct LabelTerm {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
    /// A number that is larger than this.
    Above(i64),
    Below(i64),
}

#[derive(Debug, Clone, PartialEq)]
struct FieldTerm {
    place: Place,
    equal: bool,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Name,
    Namespace,
    Mark(usize),
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector` for a kind.
    pub(crate) fn parse(kind: &Kind, labels: &str, fields: &str) -> Result<Self, Status> {
        let bad = |why: String| Status::bad_request(why);
        let labels = labels::parse(labels).map_err(bad)?;
        Ok(Self { labels, fields: parse_fields(&kind.fields, fields).map_err(bad)? })
    }

    /// True when everything matches.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn matches(&self, key: &Key, marks: &Marks) -> bool {
        self.labels.iter().all(|term| term.matches(marks.label(&term.key)))
            && self.fields.iter().all(|term| {
                let value = match term.place {
                    Place::Name => &*key.name,
                    Place::Namespace => &*key.namespace,
                    Place::Mark(place) => marks.field(place),
                };
                (value == term.value) == term.equal
            })
    }
}

impl LabelTerm {
    fn matches(&self, value: Option<&str>) -> bool {
        match &self.test {
            Test::In(values) => value.is_some_and(|value| values.iter().any(|v| v == value)),
            Test::NotIn(values) => !value.is_some_and(|value| values.iter().any(|v| v == value)),
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
            Test::Above(limit) => number(value).is_some_and(|number| number > *limit),
            Test::Below(limit) => number(value).is_some_and(|number| number < *limit),
        }
    }
}

fn number(value: Option<&str>) -> Option<i64> {
    value?.parse().ok()
}

fn check_key(key: &str) -> Result<(), String> {
    let name = key.rsplit('/').next().unwrap_or_default();
    if !name.is_empty() && name.len() <= 63 && is_word(name) {
        return Ok(());
    }
    Err(format!(
        "<nil>: Invalid value: {key:?}: name part must consist of alphanumeric characters, '-', \
         '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or \
         'my.name',  or '123-abc', regex used for validation is \
         '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
    ))
}

fn check_value(value: &str, index: usize, key: &str) -> Result<(), String> {
    if value.is_empty() || (value.len() <= 63 && is_word(value)) {
        return Ok(());
    }
    Err(format!(
        "values[{index}][{key}]: Invalid value: {value:?}: a valid label must be an empty string or consist \
         of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
         character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
         '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    ))
}

fn is_word(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    edge(text.chars().next())
        && edge(text.chars().last())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn parse_fields(rule: &FieldRule, text: &str) -> Result<Vec<FieldTerm>, String> {
    let terms = text.split(',').filter(|term| !term.trim().is_empty());
    terms.take(TERMS_MAX).map(|term| parse_field(rule, term)).collect()
}

fn parse_field(rule: &FieldRule, term: &str) -> Result<FieldTerm, String> {
    let (name, equal, value) = if let Some((name, value)) = term.split_once("!=") {
        (name, false, value)
    } else if let Some((name, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        (name, true, value)
    } else {
        return Err(format!("invalid selector: '{term}'; can't understand '{term}'"));
    };
    let place = match name.trim() {
        "metadata.name" => Place::Name,
        "metadata.namespace" => Place::Namespace,
        name => Place::Mark(rule.place(name).ok_or_else(|| rule.refusal(name))?),
    };
    Ok(FieldTerm { place, equal, value: value.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::embedded::registry::Registry;

    fn matches(labels: &str, fields: &str, object: &Value) -> Result<bool, String> {
        let pods = Registry::new().table().at("", "v1", "pods").unwrap();
        let selector = Selector::parse(&pods, labels, fields).map_err(|status| status.message)?;
        Ok(selector.matches(&Key::new("shop", "web"), &pods.marks(object)))
    }

    #[test]
    fn labels_are_selected_in_all_forms() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "front"}}});
        for selector in [
            "",
            "app",
            "app=web",
            "app==web",
            "app!=db",
            "other!=x",
            "!other",
            "app in (web,db)",
            "app notin (db), tier",
            "other notin (x)",
            "app=web,tier in ( front )",
            "app in (db,,web)",
        ] {
            assert_eq!(matches(selector, "", &object), Ok(true), "{selector}");
        }
        for selector in ["other", "app=db", "app!=web", "!app", "app in (db)", "app=web,tier=back"]
        {
            assert_eq!(matches(selector, "", &object), Ok(false), "{selector}");
        }
        for selector in ["app in web", "app=(", "=x", "a b", "app=a b", "app,,tier"] {
            assert!(matches(selector, "", &object).is_err(), "{selector}");
        }
    }

    #[test]
    fn fields_are_selected_where_the_kind_has_them() {
        let object = json!({"spec": {"nodeName": "embedded"}, "status": {"phase": "Running"}});
        for (selector, expected) in [
            ("metadata.name=web", true),
            ("metadata.namespace=shop", true),
            ("metadata.name!=web", false),
            ("spec.nodeName=embedded,status.phase!=Failed", true),
            ("status.phase=", false),
        ] {
            assert_eq!(matches("", selector, &object), Ok(expected), "{selector}");
        }
        let error = matches("", "spec.colour=red", &object).unwrap_err();
        assert_eq!(error, "field label not supported: spec.colour");
    }
}
