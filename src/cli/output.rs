//! Standard output and standard error: colours, width, and nothing that could steer a terminal.

pub(super) mod paint;
pub(super) mod table;
pub(super) mod wrap;

use std::{
    io::{self, BufWriter, IsTerminal, Stdout, Write},
    process::ExitCode,
};

use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

use super::{
    ColorChoice,
    error::{CommandError, Kind, chain},
};
use crate::yaml;
use paint::{Paint, escape, escape_json, escape_lines};

/// Width of lines where there is no terminal to ask: tables are for people, and people's
/// terminals are this wide. `-o wide` does not cut at all.
const COLUMNS_DEFAULT: usize = 80;
/// Columns and rows of a terminal that does not say how large it is.
const SIZE_USUAL: (usize, usize) = (COLUMNS_DEFAULT, 24);

/// The forms in which verbs print data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table that fits the terminal
    Text,
    /// A table with more columns, nothing cut
    Wide,
    /// Names only, one a line
    Name,
    /// JSON, as the status API has it
    Json,
    /// The same as YAML
    Yaml,
}

/// Where a verb writes.
pub(super) struct Ui {
    out: BufWriter<Stdout>,
    /// Colours for standard output.
    pub(super) paint: Paint,
    /// Colours for standard error.
    err_paint: Paint,
    /// Whether standard output is a terminal that understands cursor movements.
    pub(super) terminal: bool,
}

impl Ui {
    pub(super) fn new(color: ColorChoice) -> Self {
        let terminal = io::stdout().is_terminal();
        let plain = variable("TERM").as_deref() == Some("dumb");
        Self {
            out: BufWriter::new(io::stdout()),
            paint: Paint::new(wants_colour(color, terminal && !plain)),
            err_paint: Paint::new(wants_colour(color, io::stderr().is_terminal() && !plain)),
            terminal: terminal && !plain,
        }
    }

    /// Whether standard error is to have colours, for a log that paints itself.
    pub(super) fn colours_errors(&self) -> bool {
        self.err_paint.is_on()
    }

    /// Columns of the terminal; 80 where there is none.
    pub(super) fn columns(&self) -> usize {
        self.size().map_or(COLUMNS_DEFAULT, |(columns, _)| columns)
    }

    /// Columns and rows of the terminal; those of the most usual one where it does not say.
    pub(super) fn size(&self) -> Option<(usize, usize)> {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok().filter(|_| self.terminal)?;
        let known = size.ws_col > 0 && size.ws_row > 0;
        let size = (usize::from(size.ws_col), usize::from(size.ws_row));
        Some(if known { size } else { SIZE_USUAL })
    }

    /// Writes one line. The caller has escaped what came from outside.
    pub(super) fn line(&mut self, line: &str) -> Result<(), CommandError> {
        Ok(writeln!(self.out, "{line}")?)
    }

    /// Writes bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), CommandError> {
        Ok(self.out.write_all(bytes)?)
    }

    /// For what writes by itself.
    pub(super) fn writer(&mut self) -> &mut impl Write {
        &mut self.out
    }

    /// Makes everything written so far visible.
    pub(super) fn flush(&mut self) -> Result<(), CommandError> {
        Ok(self.out.flush()?)
    }

    /// Writes data as indented JSON.
    pub(super) fn json<T: Serialize>(&mut self, data: &T) -> Result<(), CommandError> {
        let text = serde_json::to_string_pretty(data).map_err(CommandError::internal)?;
        self.line(&escape_json(&text))
    }

    /// Writes data as one YAML document. A terminal gets the characters that turn the direction of
    /// text as escapes; a file gets the data as it is.
    pub(super) fn yaml<T: Serialize>(&mut self, data: &T) -> Result<(), CommandError> {
        let value = serde_json::to_value(data).map_err(CommandError::internal)?;
        let text = yaml::print(&value);
        let text = if self.terminal { escape_lines(&text) } else { text };
        self.bytes(text.as_bytes())
    }

    /// Writes objects as YAML documents, each after a `---` line.
    pub(super) fn yaml_documents<'a>(
        &mut self,
        objects: impl IntoIterator<Item = &'a Value>,
    ) -> Result<(), CommandError> {
        for object in objects {
            self.line("---")?;
            self.yaml(object)?;
        }
        Ok(())
    }

    /// Tells something on standard error that does not stop the verb.
    pub(super) fn warn(&mut self, message: &str) {
        let _ = self.out.flush();
        eprintln!("{} {}", self.err_paint.yellow("warning:"), escape(message));
    }

    /// Tells an error of an input on standard error; the verb goes on to find the others.
    pub(super) fn complain(&mut self, message: &str) {
        let _ = self.out.flush();
        eprintln!("{} {}", self.err_paint.red("error:"), escape(message));
    }

    /// Prints an error with its causes and hints, and returns the exit code.
    pub(super) fn fail(&mut self, failure: &CommandError) -> ExitCode {
        let _ = self.out.flush();
        if failure.kind != Kind::BrokenPipe {
            let messages = chain(&failure.error);
            let mut messages = messages.iter();
            if let Some(first) = messages.next() {
                eprintln!("{} {}", self.err_paint.red("error:"), escape(first));
            }
            for cause in messages {
                eprintln!("  because: {}", escape(cause));
            }
            for hint in &failure.hints {
                eprintln!("{} {}", self.err_paint.cyan("hint:"), escape(hint));
            }
            if failure.kind == Kind::Internal {
                eprintln!("{} this is a bug in steadfast", self.err_paint.cyan("hint:"));
            }
        }
        failure.exit_code()
    }
}

/// The rules of no-color.org and of the CLICOLOR convention; the flag wins.
fn wants_colour(choice: ColorChoice, terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            let set = |name| variable(name).is_some_and(|value| !value.is_empty());
            if set("NO_COLOR") {
                return false;
            }
            let forced = variable("CLICOLOR_FORCE").is_some_and(|v| !v.is_empty() && v != "0");
            forced || terminal && variable("CLICOLOR").as_deref() != Some("0")
        }
    }
}

/// A variable of the terminal's, not a setting of ours.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
