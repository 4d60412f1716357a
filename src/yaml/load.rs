//! From the bytes of a file to its documents.

use serde_json::Value;

use super::{build, json, locate, split};

/// Limits of one file.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest file, in bytes.
    pub bytes_max: usize,
    /// Most documents in a file.
    pub documents_max: usize,
    /// Deepest nesting, in maps and lists. Below the 128 levels that JSON readers accept.
    pub depth_max: usize,
    /// Most values in a document after aliases are expanded. 64 bytes of text count as one more.
    pub nodes_max: u64,
    /// Most values that aliases may add to a document, counted in the same way. Go's limit is a
    /// ratio that works out at about 400,000.
    pub alias_nodes_max: u64,
    /// Most warnings kept of one file.
    pub warnings_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 10 << 20,
            documents_max: 10_000,
            depth_max: 100,
            nodes_max: 2_000_000,
            alias_nodes_max: 400_000,
            warnings_max: 100,
        }
    }
}

/// Something to say about one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, counted from 1.
    pub line: u32,
    /// What is wrong, lower case, no full stop.
    pub message: String,
}

/// One document of a file.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// The value, as Kubernetes would hold it.
    pub value: Value,
    /// The line of its first value, counted from 1.
    pub line: u32,
    /// Rough size of `value` in memory, in bytes.
    pub weight_bytes: u64,
    pub(super) text: &'a str,
    pub(super) lines_before: u32,
}

impl Document<'_> {
    /// The line of the value at a JSON pointer (`/metadata/labels/app`), or of the nearest parent
    /// that is written in the file. Reads the text again, so it is for error messages only.
    pub fn line_of(&self, pointer: &str) -> u32 {
        locate::line_of(self.text, pointer).map_or(self.line, |line| line + self.lines_before)
    }
}

/// What a file holds. A document that can't be read is missing from `documents` and named in
/// `errors`; the others are there.
#[derive(Debug, Clone, Default)]
pub struct Documents<'a> {
    /// The documents that are not empty, in order.
    pub documents: Vec<Document<'a>>,
    /// What kubectl accepts and a person may not expect.
    pub warnings: Vec<Problem>,
    /// Why (some of) the file can't be read.
    pub errors: Vec<Problem>,
}

impl Documents<'_> {
    fn error(problem: Problem) -> Self {
        Self { errors: vec![problem], ..Self::default() }
    }
}

/// Reads a YAML or JSON file as kubectl reads it.
///
/// A byte order mark is skipped. A file that starts with `{` is read as a stream of JSON values
/// first, and as YAML when it is none.
pub fn load<'a>(bytes: &'a [u8], limits: &Limits) -> Documents<'a> {
    let text = match text(bytes, limits) {
        Ok(text) => text,
        Err(problem) => return Documents::error(problem),
    };
    // How kubectl decides.
    let Some(inside) = text.trim_start().strip_prefix('{') else {
        return load_yaml(text, limits);
    };
    json::load(text, limits).unwrap_or_else(|problem| {
        let mut loaded = load_yaml(text, limits);
        // As in kubectl: of two errors the one about JSON says more, unless the text is a template
        // or a flow map of YAML.
        if !loaded.errors.is_empty() && inside.trim_start().starts_with(['"', '}']) {
            loaded.errors = vec![problem];
        }
        loaded
    })
}

/// Reads a stream of JSON values, and nothing else.
pub fn load_json<'a>(bytes: &'a [u8], limits: &Limits) -> Documents<'a> {
    text(bytes, limits).and_then(|text| json::load(text, limits)).unwrap_or_else(Documents::error)
}

/// The text of a file, without its byte order mark.
fn text<'a>(bytes: &'a [u8], limits: &Limits) -> Result<&'a str, Problem> {
    if bytes.len() > limits.bytes_max {
        let (size, max) = (bytes.len(), limits.bytes_max);
        let message = format!("{size} bytes, the limit is {max}; split the file");
        return Err(Problem { line: 1, message });
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let line = line_at(bytes, error.valid_up_to());
            Err(Problem { line, message: "not UTF-8 text".to_owned() })
        }
    }
}

fn load_yaml<'a>(text: &'a str, limits: &Limits) -> Documents<'a> {
    let mut loaded = Documents::default();
    if let Err(error) = check_characters(text, limits, &mut loaded.warnings) {
        loaded.errors.push(error);
        return loaded;
    }
    let (chunks, broken) = split::split(text, limits.documents_max);
    for chunk in chunks {
        match build::build(&chunk, limits, &mut loaded.warnings) {
            Ok(Some(document)) => loaded.documents.push(document),
            Ok(None) => {}
            Err(error) => loaded.errors.push(error),
        }
    }
    loaded.errors.extend(broken);
    loaded
}

fn line_at(bytes: &[u8], offset: usize) -> u32 {
    let lines = bytes[..offset].split(|byte| *byte == b'\n').count();
    u32::try_from(lines).unwrap_or(u32::MAX)
}

/// Refuses what Go's reader refuses (control characters) and warns of the three characters that Go
/// takes for line breaks and everybody else does not.
fn check_characters(
    text: &str,
    limits: &Limits,
    warnings: &mut Vec<Problem>,
) -> Result<(), Problem> {
    let bytes = text.as_bytes();
    for (offset, byte) in bytes.iter().enumerate() {
        // Plain ASCII and the continuation bytes of other characters: nothing to look at.
        if matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t' | 0x80..=0xc1 | 0xc3..=0xe1) {
            continue;
        }
        if !text.is_char_boundary(offset) {
            continue;
        }
        let Some(character) = text[offset..].chars().next() else { break };
        match character {
            '\u{85}' | '\u{2028}' | '\u{2029}' => {
                if warnings.len() >= limits.warnings_max {
                    continue;
                }
                warnings.push(Problem {
                    line: line_at(bytes, offset),
                    message: format!(
                        "holds the character U+{:04X}, which kubectl takes for a line break; \
                         escape it",
                        u32::from(character)
                    ),
                });
            }
            '\0'..='\u{8}'
            | '\u{b}'
            | '\u{c}'
            | '\u{e}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                return Err(Problem {
                    line: line_at(bytes, offset),
                    message: format!(
                        "holds the control character U+{:04X}; is it a text file?",
                        u32::from(character)
                    ),
                });
            }
            _ => {}
        }
    }
    Ok(())
}
