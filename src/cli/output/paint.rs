//! Colours, and text from outside made harmless.

use std::fmt::Write;

/// Paints text, or leaves it as it is.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Paint {
    on: bool,
}

impl Paint {
    pub(in crate::cli) fn new(on: bool) -> Self {
        Self { on }
    }

    /// True when colours are wanted, for what paints by itself.
    pub(in crate::cli) fn is_on(self) -> bool {
        self.on
    }

    fn sgr(self, code: &str, text: &str) -> String {
        if self.on && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(in crate::cli) fn red(self, text: &str) -> String {
        self.sgr("31", text)
    }

    pub(in crate::cli) fn green(self, text: &str) -> String {
        self.sgr("32", text)
    }

    pub(in crate::cli) fn yellow(self, text: &str) -> String {
        self.sgr("33", text)
    }

    pub(in crate::cli) fn cyan(self, text: &str) -> String {
        self.sgr("36", text)
    }

    pub(in crate::cli) fn bold(self, text: &str) -> String {
        self.sgr("1", text)
    }

    pub(in crate::cli) fn dim(self, text: &str) -> String {
        self.sgr("2", text)
    }

    /// Paints a word of Argo CD's vocabulary (a sync code, a health status, a phase) by what it
    /// means; other text stays as it is. `text` may be padded.
    pub(in crate::cli) fn status(self, text: &str) -> String {
        match text.trim_end() {
            "Synced" | "Healthy" | "Succeeded" | "Pruned" => self.green(text),
            "OutOfSync" | "Missing" | "PruneSkipped" => self.yellow(text),
            "Progressing" | "Running" | "Suspended" | "Terminating" => self.cyan(text),
            "Degraded" | "Failed" | "Error" | "SyncFailed" => self.red(text),
            "Unknown" => self.dim(text),
            _ => text.to_owned(),
        }
    }
}

/// Makes text from a server, a repository or an error safe to show: control characters, and the
/// invisible ones that turn the direction of text, appear as `\x1b` or `\u{202e}`. Line breaks
/// appear as a space.
pub(in crate::cli) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.trim_end_matches(['\n', '\r']).chars() {
        match c {
            '\n' | '\t' => safe.push(' '),
            '\r' => {}
            c => push_escaped(&mut safe, c),
        }
    }
    safe
}

/// The same for text of several lines: line breaks and tabs stay.
pub(in crate::cli) fn escape_lines(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => safe.push(c),
            c => push_escaped(&mut safe, c),
        }
    }
    safe
}

/// Escapes what JSON itself leaves as it is: DEL, U+0080 to U+009F, one of which (CSI) starts a
/// terminal sequence, and the characters that turn the direction of text. The data stays the same.
pub(in crate::cli) fn escape_json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\u{7f}'..='\u{9f}') || turns_direction(c) {
            write!(safe, "\\u{:04x}", u32::from(c)).expect("writing to a String does not fail");
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Escapes the invisible characters that turn the direction of text, which can make a line look
/// like another one. For text that is safe otherwise.
pub(in crate::cli) fn escape_direction(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if turns_direction(c) { push_escaped(&mut safe, c) } else { safe.push(c) }
    }
    safe
}

fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn push_escaped(safe: &mut String, c: char) {
    let written = match c {
        c if c.is_ascii_control() => write!(safe, "\\x{:02x}", u32::from(c)),
        c if c.is_control() || turns_direction(c) => write!(safe, "\\u{{{:x}}}", u32::from(c)),
        c => safe.write_char(c),
    };
    written.expect("writing to a String does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        let table = [
            ("plain Größe 図", "plain Größe 図"),
            ("\x1b[2Jgone\x07", "\\x1b[2Jgone\\x07"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("two\r\nlines\n", "two lines"),
            ("del\u{7f}", "del\\x7f"),
        ];
        for (given, wanted) in table {
            assert_eq!(escape(given), wanted);
        }
        assert_eq!(escape_lines("a:\n\tb\x1b\n"), "a:\n\tb\\x1b\n");
    }

    #[test]
    fn colours_are_left_out_when_they_are_off() {
        assert_eq!(Paint::new(false).status("Degraded"), "Degraded");
        assert_eq!(Paint::new(true).status("Healthy  "), "\x1b[32mHealthy  \x1b[0m");
        assert_eq!(Paint::new(true).red(""), "");
    }
}
