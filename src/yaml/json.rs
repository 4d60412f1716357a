//! JSON files: a stream of values, as Go's JSON decoder reads them.

use serde_json::{Deserializer, Value};

use super::load::{Document, Documents, Limits, Problem};

/// Reads a stream of JSON values. An error says why the text is none; it may be YAML then.
pub(super) fn load<'a>(text: &'a str, limits: &Limits) -> Result<Documents<'a>, Problem> {
    let mut loaded = Documents::default();
    let mut stream = Deserializer::from_str(text).into_iter::<Value>();
    let (mut counted, mut lines) = (0, 0_u32);
    loop {
        let start = stream.byte_offset();
        let blank = text[start..].len() - text[start..].trim_start().len();
        let breaks = text[counted..start + blank].bytes().filter(|byte| *byte == b'\n').count();
        lines = lines.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        counted = start + blank;
        let mut value = match stream.next() {
            None => return Ok(loaded),
            Some(Err(error)) => {
                let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
                return Err(Problem { line, message: format!("not JSON: {error}") });
            }
            Some(Ok(value)) => value,
        };
        let (mut nodes, line) = (0, lines + 1);
        let depth = settle(&mut value, &mut nodes);
        let problem = if depth > limits.depth_max {
            Some(format!("nested deeper than {} levels", limits.depth_max))
        } else if nodes > limits.nodes_max {
            Some(format!("more than {} values in one document", limits.nodes_max))
        } else if loaded.documents.len() >= limits.documents_max {
            Some(format!("more than {} documents in one file", limits.documents_max))
        } else {
            None
        };
        if let Some(message) = problem {
            loaded.errors.push(Problem { line, message });
            return Ok(loaded);
        }
        if !value.is_null() {
            loaded.documents.push(Document {
                value,
                line,
                weight_bytes: nodes * super::build::NODE_BYTES,
                text: &text[counted..stream.byte_offset()],
                lines_before: lines,
            });
        }
    }
}

/// Counts the values, measures the depth, and turns integers beyond 63 bits into floats, as
/// Kubernetes holds them. Recursive, because the JSON reader goes no deeper than 128 levels.
fn settle(value: &mut Value, nodes: &mut u64) -> usize {
    *nodes += 1;
    match value {
        Value::Number(number) if number.is_u64() && !number.is_i64() => {
            if let Some(float) = number.as_f64() {
                *value = Value::from(float);
            }
            0
        }
        Value::String(text) => {
            *nodes += text.len() as u64 / 64;
            0
        }
        Value::Array(items) => {
            1 + items.iter_mut().map(|item| settle(item, nodes)).max().unwrap_or(0)
        }
        Value::Object(fields) => {
            1 + fields.values_mut().map(|field| settle(field, nodes)).max().unwrap_or(0)
        }
        _ => 0,
    }
}
