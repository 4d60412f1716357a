//! Errors at the edge: what kind decides the exit code, hints say what to do next.

use std::{io, process::ExitCode};

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::object::Turn;

/// Who has to do something about it. Decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The person at the keyboard: an argument, an input file, a name.
    User,
    /// Whoever set this machine or the controller up: a file, a variable, a token.
    Config,
    /// Nobody: something else is under way, the same command works when it is over.
    Later,
    /// The status API or the cluster: it can't be reached, or it refused.
    Cluster,
    /// Nobody: the reader of our output went away.
    BrokenPipe,
    /// Us.
    Internal,
}

impl From<Kind> for ExitCode {
    fn from(kind: Kind) -> Self {
        match kind {
            // Whoever closed the pipe has read what it wanted, as in `steadfast app list | head -1`.
            Kind::BrokenPipe => Self::SUCCESS,
            Kind::Later => Self::from(1),
            Kind::User | Kind::Config => Self::from(2),
            Kind::Cluster => Self::from(3),
            Kind::Internal => Self::from(4),
        }
    }
}

/// Why a verb could not answer.
#[derive(Debug)]
pub(super) struct CommandError {
    /// Decides the exit code.
    pub(super) kind: Kind,
    /// What was tried, and the chain of causes.
    pub(super) error: anyhow::Error,
    /// What to do next, one sentence each, lower case.
    pub(super) hints: Vec<String>,
    /// True when the thing that was asked for is not there.
    pub(super) absent: bool,
    /// True where 1 and 2 are all that a script may meet, as with diff(1).
    diff_codes: bool,
}

impl CommandError {
    pub(super) fn new(kind: Kind, error: impl Into<anyhow::Error>) -> Self {
        Self { kind, error: error.into(), hints: Vec::new(), absent: false, diff_codes: false }
    }

    /// An error that the person at the keyboard can mend, in one sentence.
    pub(super) fn user(message: impl Into<String>) -> Self {
        Self::new(Kind::User, anyhow::Error::msg(message.into()))
    }

    /// A failure of something that should not fail.
    pub(super) fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Kind::Internal, error)
    }

    /// Marks that the thing that was asked for is not there.
    pub(super) fn of_absence(mut self) -> Self {
        self.absent = true;
        self
    }

    /// The same failure with the exit code that `diff` promises for every error: 2.
    pub(super) fn of_diff(mut self) -> Self {
        self.diff_codes = true;
        self
    }

    /// The exit code of the process.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self.kind {
            Kind::BrokenPipe => self.kind.into(),
            _ if self.diff_codes => ExitCode::from(2),
            kind => kind.into(),
        }
    }

    /// Adds a hint.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<io::Error> for CommandError {
    /// For writing to standard output: every other input and output has its own message.
    fn from(cause: io::Error) -> Self {
        let kind = match cause.kind() {
            io::ErrorKind::BrokenPipe => Kind::BrokenPipe,
            _ => Kind::Config,
        };
        Self::new(kind, anyhow::Error::new(cause).context("cannot write to standard output"))
    }
}

impl From<crate::config::ConfigError> for CommandError {
    fn from(cause: crate::config::ConfigError) -> Self {
        Self::new(Kind::Config, cause)
    }
}

impl From<Turn> for Kind {
    fn from(turn: Turn) -> Self {
        match turn {
            Turn::Cluster => Self::Cluster,
            Turn::Author => Self::User,
            Turn::Operator => Self::Config,
            Turn::Us => Self::Internal,
        }
    }
}

/// Prints what clap has to say (help and version included) and returns the exit code.
pub(super) fn refuse_arguments(refusal: &clap::Error) -> ExitCode {
    // A reader that went away needs no help.
    let _ = refusal.print();
    if let Some(verb) = misplaced_verb(refusal) {
        eprintln!("\nhint: write \"steadfast app {verb}\"");
    }
    match refusal.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    }
}

/// The verb of `steadfast sync web`, which lives one level down.
fn misplaced_verb(refusal: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(given)) = refusal.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let whole = super::command();
    let app = whole.find_subcommand("app")?;
    // Below `app` the verb was looked up already.
    let known = app.find_subcommand(given).is_some();
    known.then(|| given.clone())
}

/// The messages of an error and of its causes, outermost first, repeated ones left out.
pub(super) fn chain(error: &anyhow::Error) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    while let Some(error) = next {
        let message = error.to_string();
        // Some libraries print their cause as well: saying it twice helps nobody.
        if !messages.last().is_some_and(|outer| outer.contains(&message)) {
            messages.push(message);
        }
        next = error.source();
    }
    messages
}
