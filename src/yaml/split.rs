//! Cutting a file into documents, as kubectl's reader does before any YAML is parsed.

use super::Problem;

/// One document: its text and the number of lines before it.
pub(super) struct Chunk<'a> {
    pub(super) text: &'a str,
    pub(super) lines_before: u32,
}

/// Cuts at every line that starts with `---`.
///
/// Rule: `YAMLReader` of k8s.io/apimachinery (`pkg/util/yaml/decoder.go`). Only blanks or a comment
/// may follow on such a line; anything else is an error, and nothing after it is read.
pub(super) fn split(text: &str) -> (Vec<Chunk<'_>>, Option<Problem>) {
    let mut chunks = Vec::new();
    let (mut start, mut lines_before) = (0, 0);
    let (mut offset, mut line) = (0, 0_u32);
    for row in text.split_inclusive('\n') {
        if let Some(rest) = row.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                let shown: String = rest.chars().take(40).collect();
                let message = format!(
                    "`---` is followed by `{shown}`: only a comment may stand on the line that \
                     separates documents"
                );
                chunks.push(Chunk { text: &text[start..offset], lines_before });
                return (chunks, Some(Problem { line: line + 1, message }));
            }
            chunks.push(Chunk { text: &text[start..offset], lines_before });
            start = offset + row.len();
            lines_before = line + 1;
        }
        offset += row.len();
        line = line.saturating_add(1);
    }
    chunks.push(Chunk { text: &text[start..], lines_before });
    (chunks, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_cut_at_separator_lines_only() {
        let (chunks, problem) = split("a: 1\n--- # second\nb: |\n  ---\n---\t\r\nc: 3");
        let parts: Vec<_> = chunks.iter().map(|c| (c.text, c.lines_before)).collect();
        assert_eq!(parts, [("a: 1\n", 0), ("b: |\n  ---\n", 2), ("c: 3", 5)]);
        assert!(problem.is_none());
    }

    #[test]
    fn text_after_a_separator_is_an_error_and_ends_the_reading() {
        let (chunks, problem) = split("a: 1\n--- {b: 2}\n---\nc: 3\n");
        assert_eq!(chunks.len(), 1);
        assert_eq!(problem.map(|p| p.line), Some(2));
    }
}
