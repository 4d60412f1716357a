//! Fields that stand twice in one object of JSON. The last one counts; the real server says so.

use std::{cell::RefCell, collections::BTreeSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::yaml;

/// The paths of the fields, as `data.a` and `spec.containers[0].image`. Nothing for what is no
/// JSON.
pub(super) fn find(body: &[u8]) -> Vec<String> {
    let found = RefCell::new(Vec::new());
    let mut reader = serde_json::Deserializer::from_slice(body);
    let walk = Walk { path: String::new(), found: &found };
    if walk.deserialize(&mut reader).is_err() {
        return Vec::new();
    }
    found.into_inner()
}

/// The same for one document of YAML, in the words of the reader of YAML: `line 1: key "a" already
/// set in map`. JSON is YAML too.
pub(super) fn in_yaml(body: &[u8]) -> Vec<String> {
    // An anchor keeps a body in JSON from being read as such, and moves no line.
    let anchored = [b"&body ", body].concat();
    let is_json = body.trim_ascii_start().starts_with(b"{");
    let document = if is_json { &anchored } else { body };
    let loaded = yaml::load(document, &yaml::Limits::default());
    let repeated = loaded.warnings.iter().filter_map(|problem| {
        let (key, _) =
            problem.message.strip_prefix("the key `")?.split_once("` is here a second")?;
        Some(format!("line {}: key {key:?} already set in map", problem.line))
    });
    repeated.collect()
}

struct Walk<'a> {
    path: String,
    found: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let dot = if self.path.is_empty() { "" } else { "." };
            let path = format!("{}{dot}{key}", self.path);
            if !seen.insert(key) {
                self.found.borrow_mut().push(path.clone());
            }
            map.next_value_seed(Walk { path, found: self.found })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        let walk = |index| Walk { path: format!("{}[{index}]", self.path), found: self.found };
        while items.next_element_seed(walk(index))?.is_some() {
            index += 1;
        }
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_stand_twice_are_found_wherever_they_are() {
        let body = br#"{"a": 1, "b": [{"c": null}, {"c": "x", "c": 1.5}], "a": true}"#;
        assert_eq!(find(body), ["b[1].c", "a"]);
        assert_eq!(find(b"{"), Vec::<String>::new());
    }

    #[test]
    fn fields_that_stand_twice_are_found_in_yaml_by_their_lines() {
        let said = ["line 1: key \"a\" already set in map"];
        assert_eq!(in_yaml(br#"{"a": 1, "b": {"a": 2}, "a": 3}"#), said);
        assert_eq!(in_yaml(b"b:\n  a: 1\n  a: 2\n"), ["line 3: key \"a\" already set in map"]);
        assert_eq!(in_yaml(b"a: 1\nb: 2\n"), Vec::<String>::new());
    }
}
