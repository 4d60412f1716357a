//! The command line: one file per verb.
//!
//! Everything that a person reads is written here and nowhere else; the stages return values. Every
//! verb answers yes or no (`Answer`) or fails (`CommandError`), and both decide the exit
//! code.

// clap shows the documentation of flags as it is: backticks would be printed.
#![allow(clippy::doc_markdown, reason = "help texts are no markdown")]

mod app;
mod completions;
mod connection;
mod controller;
mod demo;
mod diff;
mod error;
mod health;
pub mod install;
mod output;
mod render;
mod version;

use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::config::ControllerArgs;
use error::CommandError;
use output::Ui;

const EXIT_CODES: &str = "\
Exit codes:
  0  done; no differences; the application got there
  1  no: there are differences, the sync failed, the time is over, another
     operation runs
  2  wrong arguments, an unreadable input, a setting that can't work;
     of \"diff\" and \"app diff\" every failure
  3  the status API or the cluster can't be reached, or is in trouble
  4  a bug in steadfast

Environment:
  NO_COLOR        no colours (CLICOLOR_FORCE=1: colours also into a pipe)
  STEADFAST_...   defaults for flags, named in the help of each command";

/// A GitOps controller for Kubernetes: keeps clusters equal to Git
///
/// "steadfast controller" is the server: it reads Application resources, renders what their
/// repositories say, applies it, and puts drift back. The other commands talk to its status API or
/// work offline.
#[derive(Debug, Parser)]
#[command(name = "steadfast", version, max_term_width = 80, after_help = EXIT_CODES)]
#[command(arg_required_else_help = true, subcommand_required = true)]
#[command(disable_help_subcommand = true)]
struct Cli {
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value = "auto")]
    #[arg(help_heading = "Global options")]
    color: ColorChoice,

    #[command(subcommand)]
    verb: Verb,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Demo(demo::DemoArgs),
    /// Run the controller: keep the cluster equal to Git
    Controller(ControllerArgs),
    /// Look at applications and act on them, by the status API
    App(app::AppArgs),
    /// Show what a revision or a local directory would change in the cluster
    Diff(diff::DiffVerb),
    /// Print the manifests of a directory (offline) or of an application
    Render(render::RenderArgs),
    Health(health::HealthArgs),
    /// Print the manifests that run the controller in a cluster
    Install(install::InstallArgs),
    /// Print a script that completes commands in your shell
    Completions(completions::CompletionsArgs),
    /// Print the version
    Version(version::VersionArgs),
}

/// What a verb found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Done; no differences; it got there.
    Yes,
    /// Differences; it failed; it did not get there in time.
    No,
    /// The input can't be read, and every reason has been told.
    Unreadable,
}

impl From<Answer> for ExitCode {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Yes => Self::SUCCESS,
            Answer::No => Self::from(1),
            Answer::Unreadable => Self::from(2),
        }
    }
}

/// The whole command line, for the generated reference and for shell completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Reads the arguments of the process, does what they say, and returns the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return error::refuse_arguments(&refusal),
    };
    let mut ui = Ui::new(cli.color);
    match run(cli.verb, &mut ui).and_then(|answer| ui.flush().map(|()| answer)) {
        Ok(answer) => answer.into(),
        Err(failure) => ui.fail(&failure),
    }
}

/// A runtime for verbs that talk to a server: one thread is plenty.
fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::internal)
}

/// A runtime with a thread for each processor, for what goes on until it is told to stop.
fn runtime_of_threads(whose: &str) -> Result<tokio::runtime::Runtime, CommandError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .with_context(|| format!("cannot start the threads of the {whose}"))
        .map_err(CommandError::internal)
}

fn run(verb: Verb, ui: &mut Ui) -> Result<Answer, CommandError> {
    match verb {
        Verb::Demo(args) => demo::run(&args, ui),
        Verb::Controller(args) => controller::run(args, ui),
        Verb::App(args) => app::run(args, ui),
        Verb::Diff(args) => diff::run_verb(args, ui),
        Verb::Render(args) => render::run(args, ui),
        Verb::Health(args) => health::run(&args, ui),
        Verb::Install(args) => {
            install::run(&args, ui.writer())?;
            Ok(Answer::Yes)
        }
        Verb::Completions(args) => completions::run(&args, ui),
        Verb::Version(args) => version::run(&args, ui),
    }
}
