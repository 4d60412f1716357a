//! The `fields` parameter: what of an answer the client wants. `a.b,c` keeps these paths,
//! `-a.b,c` leaves them out; lists are walked through as if they were not there.

use std::collections::BTreeMap;

use serde_json::Value;

/// Paths of one request, at most; a client that wants more wants everything.
const PATHS_MAX: usize = 256;
/// Names of one path, at most.
const PATH_DEPTH_MAX: usize = 32;

/// Which parts of an answer to keep.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    exclude: bool,
    paths: Branch,
}

#[derive(Debug, Clone, Default)]
struct Branch(BTreeMap<String, Self>);

impl Fields {
    /// Reads the parameter; empty means everything.
    pub(super) fn parse(text: &str) -> Self {
        let (exclude, list) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut paths = Branch::default();
        for path in list.split(',').map(str::trim).filter(|p| !p.is_empty()).take(PATHS_MAX) {
            let mut at = &mut paths;
            for name in path.split('.').take(PATH_DEPTH_MAX) {
                at = at.0.entry(name.to_owned()).or_default();
            }
        }
        Self { exclude, paths }
    }

    /// What is left of an answer.
    pub(super) fn select(&self, mut answer: Value) -> Value {
        if !self.paths.0.is_empty() {
            if self.exclude {
                self.paths.drop_from(&mut answer);
            } else {
                self.paths.keep_in(&mut answer);
            }
        }
        answer
    }
}

impl Branch {
    fn keep_in(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|key, _| self.0.contains_key(key));
                for (key, inner) in map {
                    if let Some(branch) = self.0.get(key).filter(|branch| !branch.0.is_empty()) {
                        branch.keep_in(inner);
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|entry| self.keep_in(entry)),
            _ => {}
        }
    }

    fn drop_from(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (key, branch) in &self.0 {
                    if branch.0.is_empty() {
                        map.remove(key);
                    } else if let Some(inner) = map.get_mut(key) {
                        branch.drop_from(inner);
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|entry| self.drop_from(entry)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Fields;

    #[test]
    fn fields_are_kept_or_left_out_through_lists() {
        let answer = json!({"items": [{"a": {"b": 1, "c": 2}, "d": 3}], "metadata": {}});
        let table = [
            ("", answer.clone()),
            ("items.a.b", json!({"items": [{"a": {"b": 1}}]})),
            ("items.a,metadata", json!({"items": [{"a": {"b": 1, "c": 2}}], "metadata": {}})),
            ("-items.a.b,metadata", json!({"items": [{"a": {"c": 2}, "d": 3}]})),
            ("nothing", json!({})),
        ];
        for (fields, expected) in table {
            assert_eq!(Fields::parse(fields).select(answer.clone()), expected, "{fields}");
        }
    }
}
