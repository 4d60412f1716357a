//! Long texts on several lines.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Breaks `text` between words into lines of at most `columns_max` characters, all but the first
/// indented by `indent`. At most `lines_max` lines; the last says by `…` that there is more. A word
/// that is longer than a line is broken where the line ends.
pub(in crate::cli) fn wrap(
    text: &str,
    columns_max: usize,
    indent: usize,
    lines_max: usize,
) -> Vec<String> {
    let columns_max = columns_max.max(indent + 2);
    let (mut lines, mut line) = (Vec::new(), String::new());
    let next = |line: &mut String| std::mem::replace(line, " ".repeat(indent));
    for word in text.split_whitespace() {
        let begun = !line.trim_start().is_empty();
        if begun && line.width() + 1 + word.width() <= columns_max {
            line.push(' ');
        } else if begun {
            lines.push(next(&mut line));
        }
        for letter in word.chars() {
            if line.width() + letter.width().unwrap_or_default() > columns_max {
                lines.push(next(&mut line));
            }
            line.push(letter);
        }
    }
    lines.push(line);
    if lines.len() > lines_max {
        lines.truncate(lines_max);
        if let Some(last) = lines.last_mut() {
            while last.width() >= columns_max {
                last.pop();
            }
            last.push('…');
        }
    }
    lines
}

/// The first `columns_max` characters of a line, which may be painted: what ends a colour stays.
pub(in crate::cli) fn cut(line: &str, columns_max: usize) -> String {
    let (mut columns, mut in_sequence) = (0, false);
    let is_kept = |letter: &char| {
        if in_sequence || *letter == '\x1b' {
            in_sequence = *letter != 'm';
            return true;
        }
        columns += letter.width().unwrap_or_default();
        columns <= columns_max
    };
    line.chars().filter(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_where_they_fit() {
        assert_eq!(wrap("one two three", 8, 2, 9), ["one two", "  three"]);
        assert_eq!(wrap("one two", 80, 2, 9), ["one two"]);
        assert_eq!(wrap("", 80, 2, 9), [""]);
    }

    #[test]
    fn a_word_that_is_too_long_is_broken() {
        assert_eq!(wrap("a 0123456789", 6, 2, 9), ["a", "  0123", "  4567", "  89"]);
    }

    #[test]
    fn a_line_is_cut_where_it_is_too_long_and_its_colours_end() {
        assert_eq!(cut("0123456789", 4), "0123");
        assert_eq!(cut("01\x1b[1m23456\x1b[0m789", 4), "01\x1b[1m23\x1b[0m");
        assert_eq!(cut("漢字漢字", 5), "漢字");
        assert_eq!(cut("short", 5), "short");
    }

    #[test]
    fn what_is_too_much_is_left_out_and_said_so() {
        assert_eq!(wrap("one two three", 8, 2, 1), ["one two…"]);
        assert_eq!(wrap("one twooo three", 9, 2, 1), ["one twoo…"]);
        for columns in 1..12 {
            let lines = wrap("wörter über Wörter 漢字漢字", columns, 3, 2);
            assert!(lines.len() <= 2 && lines.iter().all(|l| l.width() <= columns.max(5)));
        }
    }
}
