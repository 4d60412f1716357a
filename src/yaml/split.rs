//! Cutting a file into documents, as kubectl's reader does before any YAML is parsed.

use super::Problem;

/// One document: its text and the number of lines before it.
pub(super) struct Chunk<'a> {
    pub(super) text: &'a str,
    pub(super) lines_before: u32,
}

/// Cuts at every line that starts with `---`, into at most `chunks_max` pieces that are not blank.
///
/// Rule: `YAMLReader` of k8s.io/apimachinery (`pkg/util/yaml/decoder.go`). Only blanks or a comment
/// may follow on such a line; anything else is an error, and nothing after it is read.
pub(super) fn split(text: &str, chunks_max: usize) -> (Vec<Chunk<'_>>, Option<Problem>) {
    let mut chunks = Vec::new();
    let (mut start, mut lines_before) = (0, 0);
    let (mut offset, mut line) = (0, 0_u32);
    for row in text.split_inclusive('\n') {
        if let Some(rest) = row.strip_prefix("---") {
            if let Err(problem) = push(&mut chunks, &text[start..offset], lines_before, chunks_max)
            {
                return (chunks, Some(problem));
            }
            if let Some(problem) = refuse(rest, line) {
                return (chunks, Some(problem));
            }
            start = offset + row.len();
            lines_before = line.saturating_add(1);
        }
        offset += row.len();
        line = line.saturating_add(1);
    }
    let problem = push(&mut chunks, &text[start..], lines_before, chunks_max).err();
    (chunks, problem)
}

fn push<'a>(
    chunks: &mut Vec<Chunk<'a>>,
    text: &'a str,
    lines_before: u32,
    chunks_max: usize,
) -> Result<(), Problem> {
    if text.trim_start().is_empty() {
        return Ok(());
    }
    if chunks.len() >= chunks_max {
        let message = format!("more than {chunks_max} documents in one file");
        return Err(Problem { line: lines_before.saturating_add(1), message });
    }
    chunks.push(Chunk { text, lines_before });
    Ok(())
}

/// What follows `---` on its line, when it may not.
fn refuse(rest: &str, lines_before: u32) -> Option<Problem> {
    let rest = rest.trim();
    if rest.is_empty() || rest.starts_with('#') {
        return None;
    }
    let shown: String = rest.chars().take(40).collect();
    let message = format!(
        "`---` is followed by `{shown}`: only a comment may stand on the line that separates \
         documents"
    );
    Some(Problem { line: lines_before.saturating_add(1), message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_cut_at_separator_lines_only() {
        let (chunks, problem) = split("---\na: 1\n--- # second\nb: |\n  ---\n---\t\r\nc: 3", 3);
        let parts: Vec<_> = chunks.iter().map(|c| (c.text, c.lines_before)).collect();
        assert_eq!(parts, [("a: 1\n", 1), ("b: |\n  ---\n", 3), ("c: 3", 6)]);
        assert!(problem.is_none());
    }

    #[test]
    fn text_after_a_separator_is_an_error_and_ends_the_reading() {
        let (chunks, problem) = split("a: 1\n--- {b: 2}\n---\nc: 3\n", 9);
        assert_eq!(chunks.len(), 1);
        assert_eq!(problem.map(|p| p.line), Some(2));
    }
}
