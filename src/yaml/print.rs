//! JSON values as YAML: block style, keys sorted, every text that would be read as something else
//! in quotes.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::{Scalar, resolve};

/// Keys longer than this are written with `?`, because YAML refuses longer ones before a colon.
const SIMPLE_KEY_BYTES_MAX: usize = 128;

/// Prints a value as kubectl does: two blanks a level, lists not indented below their key.
///
/// Reading the text again gives the same value, except that a whole float (`1.0`) comes back as an
/// integer, as it does in Kubernetes.
pub fn print(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => print_map(&mut out, fields, 0, false),
        Value::Array(items) if !items.is_empty() => print_list(&mut out, items, 0, false),
        scalar => {
            print_leaf(&mut out, scalar, 0);
            out.push('\n');
        }
    }
    out
}

/// Prints the fields of a map; `inline` when the first one continues a line (`- name: x`).
fn print_map(out: &mut String, fields: &Map<String, Value>, indent: usize, inline: bool) {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| key.as_str());
    for (index, (key, value)) in sorted.into_iter().enumerate() {
        if index > 0 || !inline {
            pad(out, indent);
        }
        if key.len() > SIMPLE_KEY_BYTES_MAX {
            out.push_str("? ");
            print_key(out, key);
            out.push('\n');
            pad(out, indent);
        } else {
            print_key(out, key);
        }
        out.push(':');
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                out.push('\n');
                print_map(out, fields, indent + 2, false);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                print_list(out, items, indent, false);
            }
            leaf => {
                out.push(' ');
                print_leaf(out, leaf, indent + 2);
                out.push('\n');
            }
        }
    }
}

fn print_list(out: &mut String, items: &[Value], indent: usize, inline: bool) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 || !inline {
            pad(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(fields) if !fields.is_empty() => print_map(out, fields, indent + 2, true),
            Value::Array(items) if !items.is_empty() => print_list(out, items, indent + 2, true),
            leaf => {
                print_leaf(out, leaf, indent + 2);
                out.push('\n');
            }
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn print_leaf(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => {
            // Writing into a string does not fail.
            let _ = write!(out, "{number}");
        }
        Value::String(text) if is_literal(text) => print_literal(out, text, indent),
        Value::String(text) => print_text(out, text),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

fn print_key(out: &mut String, key: &str) {
    if key == "<<" {
        out.push_str("\"<<\"");
    } else {
        print_text(out, key);
    }
}

fn print_text(out: &mut String, text: &str) {
    if !text.chars().all(is_printable) {
        print_double(out, text);
    } else if reads_as_other(text) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else if is_plain(text) {
        out.push_str(text);
    } else {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    }
}

/// True when some YAML reader takes the plain text for something else than text: YAML 1.1 and 1.2
/// scalars, dates, base 60 numbers. Such texts hold no character that needs escaping.
fn reads_as_other(text: &str) -> bool {
    if !matches!(resolve(text), Scalar::Text) {
        return !text.is_empty();
    }
    let digits = text.trim_start_matches(['+', '-']);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'_' | b'-'))
        && text.bytes().any(|b| matches!(b, b':' | b'-'))
}

fn is_plain(text: &str) -> bool {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return false };
    let second = characters.next();
    let starts = match first {
        '-' | '?' | ':' => second.is_some_and(|c| !matches!(c, ' ' | '-')),
        ' ' | ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"'
        | '%' | '@' | '`' | '=' => false,
        _ => true,
    };
    starts
        && text != "<<"
        && !text.ends_with([' ', ':'])
        && !text.starts_with("...")
        && !text.contains(": ")
        && !text.contains(" #")
}

/// Characters that may stand in a plain or single-quoted text. The three that YAML 1.1 takes for
/// line breaks may not.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{fefe}'
        | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// Texts of several lines that a literal block can hold without a hint about its indentation.
fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\t', '\n'])
        && text.chars().all(|c| is_printable(c) || matches!(c, '\n' | '\t'))
}

fn print_literal(out: &mut String, text: &str, indent: usize) {
    out.push('|');
    if !text.ends_with('\n') {
        out.push('-');
    } else if text.ends_with("\n\n") {
        out.push('+');
    }
    let body = text.strip_suffix('\n').unwrap_or(text);
    // Below a list at the root the block still needs one level.
    let indent = indent.max(2);
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}

fn print_double(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_printable(c) => out.push(c),
            c => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
}
