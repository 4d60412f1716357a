//! `steadfast completions`: a script for the shell.

use clap::{Args, ValueEnum};
use clap_complete::{Shell as Generator, generate};

use super::{Answer, error::CommandError, output::Ui};

/// The shells that are supported.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Print a script that completes commands in your shell
///
/// bash: add to ~/.bashrc: source <(steadfast completions bash)
///
/// zsh: steadfast completions zsh > ~/.zfunc/_steadfast (a directory in $fpath)
///
/// fish: steadfast completions fish > ~/.config/fish/completions/steadfast.fish
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(args: &CompletionsArgs, ui: &mut Ui) -> Result<Answer, CommandError> {
    let generator = match args.shell {
        Shell::Bash => Generator::Bash,
        Shell::Zsh => Generator::Zsh,
        Shell::Fish => Generator::Fish,
    };
    let mut script = Vec::new();
    generate(generator, &mut super::command(), "steadfast", &mut script);
    ui.bytes(&script)?;
    Ok(Answer::Yes)
}
