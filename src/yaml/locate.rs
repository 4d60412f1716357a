//! Finds the line of a value, for error messages.

use granit_parser::{Event, Parser};

use super::{Limits, build};

/// Where the walk stands in one open map or list.
struct Level {
    /// Items seen so far; `None` in a map.
    index: Option<usize>,
    /// In a map: the last key, when its value is next.
    key: Option<String>,
    /// True when the path so far leads through here.
    matched: bool,
}

/// The line (from 1, within `text`) of the value at a JSON pointer, or of its nearest parent that
/// is written out. Keys are compared as they are written, so a key that YAML turns into another
/// text gives the line of its parent.
pub(super) fn line_of(text: &str, pointer: &str) -> Option<u32> {
    let path: Vec<String> =
        pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let mut levels: Vec<Level> = Vec::new();
    let mut best: Option<(usize, usize)> = None;
    for next in Parser::new_from_str_with_options(text, build::options(&Limits::default())) {
        let Ok((event, span)) = next else { break };
        let text = match &event {
            Event::Scalar(text, ..) => Some(text.as_ref()),
            Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..) => None,
            Event::SequenceEnd | Event::MappingEnd => {
                levels.pop();
                continue;
            }
            Event::DocumentEnd => break,
            _ => continue,
        };
        let depth = levels.len();
        let matched = match levels.last_mut() {
            None => true,
            Some(level) => match (&mut level.index, level.key.take()) {
                (Some(index), _) => {
                    let here = path.get(depth - 1).is_some_and(|part| *part == index.to_string());
                    *index += 1;
                    level.matched && here
                }
                (None, None) => {
                    level.key = Some(text.unwrap_or_default().to_owned());
                    continue;
                }
                (None, Some(key)) => level.matched && path.get(depth - 1) == Some(&key),
            },
        };
        // The last of equal keys counts, so a later match of the same depth replaces this one.
        if matched && best.is_none_or(|(found, _)| depth >= found) {
            best = Some((depth, span.start.line()));
        }
        match event {
            Event::SequenceStart(..) => {
                levels.push(Level { index: Some(0), key: None, matched });
            }
            Event::MappingStart(..) => levels.push(Level { index: None, key: None, matched }),
            _ => {}
        }
    }
    best.and_then(|(_, line)| u32::try_from(line).ok())
}
