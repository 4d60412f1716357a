//! The messages of the kinds that are served: a table read from the sources of Kubernetes.
//!
//! One message a line: its name, and for each field number, name in JSON and type. `[]` is a list,
//! `{}` a map of texts, the name `-` a part that has no name in JSON, and `!` stands where a zero
//! is not written in JSON. `tests/cluster/protobuf_table.rs` makes the table.

use std::{collections::HashMap, sync::OnceLock};

const TABLE: &str = include_str!("messages.txt");

/// How often a field occurs, and where its value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Many {
    One,
    Inline,
    List,
    Map,
}

/// One field of a message.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// In JSON.
    pub(super) name: &'static str,
    /// The type of a value: a scalar's name, or that of a message.
    pub(super) of: &'static str,
    pub(super) many: Many,
    pub(super) omits_zero: bool,
}

/// The fields of a message, such as `core.v1.Pod`.
pub(super) fn message(name: &str) -> Option<&'static [Field]> {
    static MESSAGES: OnceLock<HashMap<&str, Vec<Field>>> = OnceLock::new();
    MESSAGES.get_or_init(|| TABLE.lines().map(line).collect()).get(name).map(Vec::as_slice)
}

fn line(line: &'static str) -> (&'static str, Vec<Field>) {
    let mut parts = line.split('|');
    (parts.next().unwrap_or_default(), parts.filter_map(field).collect())
}

fn field(text: &'static str) -> Option<Field> {
    let mut words = text.split(' ');
    let (number, name, of) = (words.next()?, words.next()?, words.next()?);
    let (of, omits_zero) = of.strip_suffix('!').map_or((of, false), |of| (of, true));
    let (of, many) = match (of.strip_suffix("[]"), of.strip_suffix("{}")) {
        (Some(item), _) => (item, Many::List),
        (_, Some(item)) => (item, Many::Map),
        _ if name == "-" => (of, Many::Inline),
        _ => (of, Many::One),
    };
    Some(Field { number: number.parse().ok()?, name, of, many, omits_zero })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_a_field_names_is_known() {
        let read_elsewhere = [
            "string",
            "bytes",
            "bool",
            "int32",
            "int64",
            "meta.v1.Time",
            "meta.v1.MicroTime",
            "resource.Quantity",
            "meta.v1.FieldsV1",
            "runtime.RawExtension",
            "intstr.IntOrString",
            "authentication.v1.ExtraValue",
            "authorization.v1.ExtraValue",
        ];
        for line in TABLE.lines() {
            let (name, fields) = super::line(line);
            assert_eq!(fields.len(), line.matches('|').count(), "{name}");
            for Field { of, .. } in fields {
                assert!(read_elsewhere.contains(&of) || message(of).is_some(), "{name}: {of}");
            }
        }
    }
}
