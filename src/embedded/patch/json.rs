//! JSON patch, operation by operation.

use serde_json::{Map, Value};

use super::{
    PatchError,
    PatchError::{Invalid, Unprocessable},
};
use crate::embedded::go::json_kind;

/// Bytes that copies may add: each can double what is there, so that a few dozen would fill any
/// memory. The real server takes its limit of a body for this too.
const COPIED_BYTES_MAX: usize = 3 << 20;

/// Does all operations. How many there may be is for the caller to say.
pub(crate) fn apply(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    let Value::Array(operations) = patch else {
        let found = json_kind(patch);
        return Err(Invalid(format!(
            "json: cannot unmarshal {found} into Go value of type jsonpatch.Patch"
        )));
    };
    let mut document = object.clone();
    let mut copied_bytes = 0;
    for operation in operations {
        let Value::Object(fields) = operation else {
            let found = json_kind(operation);
            return Err(Invalid(format!(
                "json: cannot unmarshal {found} into Go value of type jsonpatch.Operation"
            )));
        };
        let operation = Operation { fields };
        operation.apply(&mut document, &mut copied_bytes).map_err(Unprocessable)?;
    }
    Ok(document)
}

struct Operation<'a> {
    fields: &'a Map<String, Value>,
}

impl Operation<'_> {
    fn apply(&self, document: &mut Value, copied_bytes: &mut usize) -> Result<(), String> {
        match self.text("op").unwrap_or("unknown") {
            "add" => self.add(document),
            "remove" => self.remove(document),
            "replace" => self.replace(document),
            "move" => self.move_value(document),
            "test" => self.test(document),
            "copy" => self.copy(document, copied_bytes),
            other => Err(format!("Unexpected kind: {other}")),
        }
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }

    fn value(&self) -> Value {
        self.fields.get("value").cloned().unwrap_or_default()
    }

    fn path(&self, failed: &str) -> Result<&str, String> {
        self.text("path").ok_or_else(|| format!("{failed}: missing value"))
    }

    fn add(&self, document: &mut Value) -> Result<(), String> {
        let path = self.path("add operation failed to decode path")?;
        let (parent, key) = find(document, path).ok_or_else(|| {
            format!("add operation does not apply: doc is missing path: \"{path}\": missing value")
        })?;
        add(parent, &key, self.value())
            .map_err(|why| format!("error in add for path: '{path}': {why}"))
    }

    fn remove(&self, document: &mut Value) -> Result<(), String> {
        let path = self.path("remove operation failed to decode path")?;
        let (parent, key) = find(document, path).ok_or_else(|| {
            format!(
                "remove operation does not apply: doc is missing path: \"{path}\": missing value"
            )
        })?;
        remove(parent, &key)
            .map(drop)
            .map_err(|why| format!("error in remove for path: '{path}': {why}"))
    }

    fn replace(&self, document: &mut Value) -> Result<(), String> {
        let failed = "replace operation failed to decode path: operation missing path field";
        let path = self.path(failed)?;
        if path.is_empty() {
            let value = self.value();
            if !value.is_object() && !value.is_array() {
                return Err(
                    "replace operation value must be object or array: %!w(<nil>)".to_owned()
                );
            }
            *document = value;
            return Ok(());
        }
        let (parent, key) = find(document, path).ok_or_else(|| {
            format!("replace operation does not apply: doc is missing path: {path}: missing value")
        })?;
        if get(parent, &key).is_err() {
            return Err(format!(
                "replace operation does not apply: doc is missing key: {path}: missing value"
            ));
        }
        match parent {
            Value::Object(map) => drop(map.insert(key, self.value())),
            Value::Array(items) => {
                let place = index(&key, items.len())?;
                items[place] = self.value();
            }
            _ => {}
        }
        Ok(())
    }

    fn from(&self, operation: &str, document: &mut Value) -> Result<(String, String), String> {
        let from = self.text("from").ok_or_else(|| {
            format!(
                "{operation} operation failed to decode from: \
                 operation, missing from field: missing value"
            )
        })?;
        let (_, key) = find(document, from).ok_or_else(|| {
            format!(
                "{operation} operation does not apply: \
                 doc is missing from path: {from}: missing value"
            )
        })?;
        Ok((from.to_owned(), key))
    }

    fn move_value(&self, document: &mut Value) -> Result<(), String> {
        let (from, key) = self.from("move", document)?;
        let failed = |why: String| format!("error in move for path: '{key}': {why}");
        let Some((parent, _)) = find(document, &from) else { return Ok(()) };
        get(parent, &key).map_err(failed)?;
        let value = remove(parent, &key).map_err(failed)?;
        let failed = "move operation failed to decode path: operation missing path field";
        self.put("move", failed, document, value).map_err(|(path, why)| match path {
            Some(path) => format!("error in move for path: '{path}': {why}"),
            None => why,
        })
    }

    fn copy(&self, document: &mut Value, copied_bytes: &mut usize) -> Result<(), String> {
        let (from, key) = self.from("copy", document)?;
        let Some((parent, _)) = find(document, &from) else { return Ok(()) };
        let value = get(parent, &key)
            .map_err(|why| format!("error in copy for from: '{from}': {why}"))?
            .cloned()
            .unwrap_or_default();
        *copied_bytes += value.to_string().len();
        if *copied_bytes > COPIED_BYTES_MAX {
            return Err(format!(
                "Unable to complete the copy, the accumulated size increase of copy is \
                 {copied_bytes}, exceeding the limit {COPIED_BYTES_MAX}"
            ));
        }
        self.put("copy", "copy operation failed to decode path", document, value).map_err(
            |(path, why)| match path {
                Some(_) => format!("error while adding value during copy: {why}"),
                None => why,
            },
        )
    }

    /// Puts a value at the path; an error comes with the path when it is of the last step.
    fn put(
        &self,
        operation: &str,
        failed: &str,
        document: &mut Value,
        value: Value,
    ) -> Result<(), (Option<String>, String)> {
        let path = self.path(failed).map_err(|why| (None, why))?;
        let (parent, key) = find(document, path).ok_or_else(|| {
            let why = format!(
                "{operation} operation does not apply: \
                 doc is missing destination path: {path}: missing value"
            );
            (None, why)
        })?;
        add(parent, &key, value).map_err(|why| (Some(path.to_owned()), why))
    }

    fn test(&self, document: &mut Value) -> Result<(), String> {
        let failed = "test operation failed to decode path: operation missing path field";
        let path = self.path(failed)?;
        let found = if path.is_empty() {
            document.clone()
        } else {
            let (parent, key) = find(document, path).ok_or_else(|| {
                format!("test operation does not apply: is missing path: {path}: missing value")
            })?;
            get(parent, &key)
                .map_err(|why| format!("error in test for path: '{path}': {why}"))?
                .cloned()
                .unwrap_or_default()
        };
        if found == self.value() {
            Ok(())
        } else {
            Err(format!("testing value {path} failed: test failed"))
        }
    }
}

/// The container that the last step of `path` leads out of, and that step.
fn find<'a>(document: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let (parents, last) = path.rsplit_once('/')?;
    let mut at = document;
    for step in parents.split('/').skip(1) {
        let step = unescaped(step);
        at = match at {
            Value::Object(map) => map.get_mut(&step)?,
            Value::Array(items) => {
                let place = index(&step, items.len()).ok()?;
                items.get_mut(place)?
            }
            _ => return None,
        };
    }
    (at.is_object() || at.is_array()).then(|| (at, unescaped(last)))
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// The item or field; an absent field is no error.
fn get<'a>(parent: &'a Value, key: &str) -> Result<Option<&'a Value>, String> {
    match parent {
        Value::Array(items) => index(key, items.len()).map(|place| items.get(place)),
        parent => Ok(parent.get(key)),
    }
}

fn add(parent: &mut Value, key: &str, value: Value) -> Result<(), String> {
    match parent {
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => {
            let number = go_number(key)
                .map_err(|why| format!("value was not a proper array index: '{key}': {why}"))?;
            let place = place(number, items.len() + 1)?;
            items.insert(place, value);
        }
        _ => {}
    }
    Ok(())
}

fn remove(parent: &mut Value, key: &str) -> Result<Value, String> {
    match parent {
        Value::Array(items) => {
            let place = index(key, items.len())?;
            Ok(items.remove(place))
        }
        Value::Object(map) => map
            .remove(key)
            .ok_or_else(|| format!("Unable to remove nonexistent key: {key}: missing value")),
        _ => Ok(Value::Null),
    }
}

fn index(key: &str, length: usize) -> Result<usize, String> {
    place(go_number(key)?, length)
}

fn go_number(key: &str) -> Result<i64, String> {
    key.parse().map_err(|_| format!("strconv.Atoi: parsing {key:?}: invalid syntax"))
}

/// The place in a list of this length; negative numbers count from its end.
fn place(number: i64, length: usize) -> Result<usize, String> {
    let place = if number < 0 {
        length.checked_sub(usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX))
    } else {
        usize::try_from(number).ok().filter(|place| *place < length)
    };
    place.ok_or_else(|| {
        format!("Unable to access invalid index: {number}: invalid index referenced")
    })
}
