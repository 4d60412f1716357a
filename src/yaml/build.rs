//! From parser events to one JSON value, without recursion.

mod scalar;

use std::{
    collections::{BTreeSet, HashMap},
    mem,
};

use granit_parser::{ErrorKind, Event, Options, Parser, ScanError, Span};
use serde_json::{Map, Value};

use self::scalar::Tagged;
use super::{
    load::{Document, Limits, Problem},
    split::Chunk,
};

/// Rough cost of one JSON value in memory.
pub(super) const NODE_BYTES: u64 = 64;

/// Builds the value of one document; `None` when it holds nothing but comments or is `null`.
pub(super) fn build<'a>(
    chunk: &Chunk<'a>,
    limits: &Limits,
    warnings: &mut Vec<Problem>,
) -> Result<Option<Document<'a>>, Problem> {
    let mut builder = Builder {
        limits,
        lines_before: chunk.lines_before,
        stack: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        alias_nodes: 0,
        root: None,
        warnings,
    };
    let mut parser = Parser::new_from_str_with_options(chunk.text, options(limits));
    let mut ended = false;
    while let Some(next) = parser.next_event() {
        match next {
            // Go reads one document of a chunk and does not look at the rest.
            Ok((Event::StreamEnd, _)) => break,
            Ok((_, span)) if ended => {
                builder.unread(span.start.line());
                break;
            }
            Err(error) if ended => {
                builder.unread(error.marker().line());
                break;
            }
            Ok((Event::DocumentEnd, _)) => ended = true,
            Ok((event, span)) => builder.event(event, &span)?,
            Err(error) => return Err(builder.syntax(&error, chunk.text)),
        }
    }
    let Some((value, line)) = builder.root else { return Ok(None) };
    let weight_bytes = builder.nodes * NODE_BYTES;
    let (text, lines_before) = (chunk.text, chunk.lines_before);
    Ok((!value.is_null()).then_some(Document { value, line, weight_bytes, text, lines_before }))
}

/// The parser's own limits are set just above ours, so that ours speak first.
pub(super) fn options(limits: &Limits) -> Options {
    granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: limits.depth_max + 1,
        block_nesting_limit: limits.depth_max + 1,
    }
}

/// A finished value on its way to its parent.
struct Node {
    value: Value,
    /// Values in it, itself included.
    nodes: u64,
    /// Levels of maps and lists in it.
    depth: usize,
    line: u32,
    alias: bool,
}

/// A value that has an anchor.
struct Anchored {
    value: Value,
    nodes: u64,
    depth: usize,
}

/// What the next value of a map belongs to.
enum Slot {
    /// The value is a key.
    Key,
    /// The value of this key.
    Value { key: String, line: u32 },
    /// The value of `<<`.
    Merge,
}

enum Content {
    List(Vec<Value>),
    Map { fields: Map<String, Value>, slot: Slot, merged: BTreeSet<String> },
}

/// A map or list that is still open.
struct Frame {
    content: Content,
    anchor: usize,
    nodes: u64,
    /// Levels of the deepest finished child.
    depth: usize,
    line: u32,
}

struct Builder<'l, 'w> {
    limits: &'l Limits,
    lines_before: u32,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    nodes: u64,
    alias_nodes: u64,
    root: Option<(Value, u32)>,
    warnings: &'w mut Vec<Problem>,
}

impl Builder<'_, '_> {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Problem> {
        let line = self.line(span.start.line());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Tagged { text, style, tag: tag.as_deref() };
                if self.expects_key() {
                    return self.scalar_key(scalar, anchor, line);
                }
                if let Some(surprise) = scalar.surprise() {
                    self.warn(line, surprise);
                }
                let value = scalar.into_value().map_err(|message| Problem { line, message })?;
                let nodes = 1 + value.as_str().map_or(0, |text| text.len() as u64 / NODE_BYTES);
                self.count(nodes, line)?;
                self.complete(Node { value, nodes, depth: 0, line, alias: false }, anchor)
            }
            Event::Alias(anchor) => self.alias(anchor, line),
            Event::SequenceStart(_, anchor, _) => {
                self.open(Content::List(Vec::new()), anchor, line)
            }
            Event::MappingStart(_, anchor, _) => {
                let content =
                    Content::Map { fields: Map::new(), slot: Slot::Key, merged: BTreeSet::new() };
                self.open(content, anchor, line)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            _ => Ok(()),
        }
    }

    fn open(&mut self, content: Content, anchor: usize, line: u32) -> Result<(), Problem> {
        if self.expects_key() {
            let message = "a map or list can't be a key; quote it if text is meant".to_owned();
            return Err(Problem { line, message });
        }
        if self.stack.len() >= self.limits.depth_max {
            return Err(self.too_deep(line));
        }
        self.count(1, line)?;
        self.stack.push(Frame { content, anchor, nodes: 1, depth: 0, line });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let frame = self.stack.pop().expect("the parser closes only what it opened");
        let value = match frame.content {
            Content::List(items) => Value::Array(items),
            Content::Map { fields, .. } => Value::Object(fields),
        };
        let Frame { nodes, depth, line, anchor, .. } = frame;
        self.complete(Node { value, nodes, depth: depth + 1, line, alias: false }, anchor)
    }

    fn alias(&mut self, anchor: usize, line: u32) -> Result<(), Problem> {
        let Some(target) = self.anchors.get(&anchor) else {
            return Err(Problem { line, message: "an anchor's value contains itself".to_owned() });
        };
        let (nodes, depth) = (target.nodes, target.depth);
        self.alias_nodes += nodes;
        if self.alias_nodes > self.limits.alias_nodes_max {
            let max = self.limits.alias_nodes_max;
            let message = format!("aliases expand to more than {max} values");
            return Err(Problem { line, message });
        }
        if self.stack.len() + depth > self.limits.depth_max {
            return Err(self.too_deep(line));
        }
        self.count(nodes, line)?;
        let value = self.anchors[&anchor].value.clone();
        if self.expects_key() {
            let key = key_of(value).map_err(|message| Problem { line, message })?;
            self.key(key, line);
            return Ok(());
        }
        self.complete(Node { value, nodes, depth, line, alias: true }, 0)
    }

    fn scalar_key(&mut self, scalar: Tagged<'_>, anchor: usize, line: u32) -> Result<(), Problem> {
        self.count(1, line)?;
        if anchor != 0 {
            let value = scalar.clone().into_value().map_err(|message| Problem { line, message })?;
            self.anchors.insert(anchor, Anchored { value, nodes: 1, depth: 0 });
        }
        if scalar.is_merge() {
            if let Some(Frame { content: Content::Map { slot, .. }, .. }) = self.stack.last_mut() {
                *slot = Slot::Merge;
            }
            return Ok(());
        }
        if let Some(surprise) = scalar.key_surprise() {
            self.warn(line, surprise);
        }
        let key = scalar.into_key().map_err(|message| Problem { line, message })?;
        self.key(key, line);
        Ok(())
    }

    fn key(&mut self, key: String, line: u32) {
        if let Some(Frame { content: Content::Map { slot, .. }, .. }) = self.stack.last_mut() {
            *slot = Slot::Value { key, line };
        }
    }

    /// Hands a finished value to its parent, and to its anchor.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        let Node { value, nodes, depth, line, alias } = node;
        if anchor != 0 {
            // The copy takes memory as the value does.
            self.count(nodes, line)?;
            self.anchors.insert(anchor, Anchored { value: value.clone(), nodes, depth });
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some((value, line));
            return Ok(());
        };
        frame.nodes += nodes;
        frame.depth = frame.depth.max(depth);
        match &mut frame.content {
            Content::List(items) => items.push(value),
            Content::Map { fields, slot, merged } => match mem::replace(slot, Slot::Key) {
                Slot::Value { key, line } => {
                    let fresh = merged.remove(&key);
                    if fields.contains_key(&key) && !fresh {
                        let message =
                            format!("the key `{key}` is here a second time; the last one counts");
                        fields.insert(key, value);
                        self.warn(line, message);
                    } else {
                        fields.insert(key, value);
                    }
                }
                Slot::Merge => {
                    let replaced = merge(fields, merged, value, alias)
                        .map_err(|message| Problem { line, message })?;
                    if let Some(key) = replaced {
                        let message = format!(
                            "`<<` replaces the key `{key}` that stands above it; move `<<` to the \
                             top of the map"
                        );
                        self.warn(line, message);
                    }
                }
                Slot::Key => {}
            },
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(
            self.stack.last(),
            Some(Frame { content: Content::Map { slot: Slot::Key, .. }, .. })
        )
    }

    fn count(&mut self, nodes: u64, line: u32) -> Result<(), Problem> {
        self.nodes += nodes;
        if self.nodes > self.limits.nodes_max {
            let message = format!("more than {} values in one document", self.limits.nodes_max);
            return Err(Problem { line, message });
        }
        Ok(())
    }

    fn too_deep(&self, line: u32) -> Problem {
        let message = format!("nested deeper than {} levels", self.limits.depth_max);
        Problem { line, message }
    }

    fn line(&self, line: usize) -> u32 {
        u32::try_from(line).unwrap_or(u32::MAX).saturating_add(self.lines_before)
    }

    fn warn(&mut self, line: u32, message: String) {
        if self.warnings.len() < self.limits.warnings_max {
            self.warnings.push(Problem { line, message });
        }
    }

    fn unread(&mut self, line: usize) {
        let line = self.line(line);
        let message =
            "kubectl does not read the text from here on; start a new document with `---`";
        self.warn(line, message.to_owned());
    }

    fn syntax(&self, error: &ScanError, text: &str) -> Problem {
        let line = error.marker().line();
        match error.kind() {
            // The parser looks ahead, so its own limit may come before ours.
            ErrorKind::RecursionLimitExceeded => self.too_deep(self.line(line)),
            // The parser names the line where the scalar began that the tab cuts off.
            ErrorKind::TabInPlainScalar
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInBlockIndentation => {
                let rows = text.lines().enumerate().skip(line.saturating_sub(1));
                let tab = rows.map(|(at, row)| (at + 1, row)).find(|(_, row)| is_tabbed(row));
                let message = "a tab can't indent; use blanks".to_owned();
                Problem { line: self.line(tab.map_or(line, |(at, _)| at)), message }
            }
            _ => Problem { line: self.line(line), message: error.info() },
        }
    }
}

/// True when a tab is among the characters that indent a line.
fn is_tabbed(row: &str) -> bool {
    row.trim_start_matches(' ').starts_with('\t')
}

/// Merges the value of `<<` into a map and names one key of the map that it replaced.
///
/// As in Go's yaml v2 the merge happens where it stands: it replaces keys above it and is replaced
/// by keys below it. Of several maps the first wins.
fn merge(
    fields: &mut Map<String, Value>,
    merged: &mut BTreeSet<String>,
    value: Value,
    alias: bool,
) -> Result<Option<String>, String> {
    let maps = match value {
        Value::Object(map) => vec![map],
        Value::Array(items) if !alias => items
            .into_iter()
            .map(|item| match item {
                Value::Object(map) => Ok(map),
                _ => Err("`<<` takes a map or a list of maps".to_owned()),
            })
            .collect::<Result<_, _>>()?,
        _ => return Err("`<<` takes a map or a list of maps".to_owned()),
    };
    let mut replaced = None;
    for map in maps.into_iter().rev() {
        for (key, value) in map {
            if fields.get(&key).is_some_and(|old| *old != value && !merged.contains(&key)) {
                replaced = Some(key.clone());
            }
            merged.insert(key.clone());
            fields.insert(key, value);
        }
    }
    Ok(replaced)
}

/// The key that an alias to a finished value makes.
fn key_of(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err("`null`, a map or a list can't be a key".to_owned()),
    }
}
