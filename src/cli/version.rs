//! `steadfast version`.

use clap::{Args, ValueEnum};

use super::{Answer, error::CommandError, output::Ui};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Print the version
#[derive(Debug, Args)]
pub(super) struct VersionArgs {
    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "text")]
    output: Format,
}

/// Prints the version of this program.
pub(super) fn run(args: &VersionArgs, ui: &mut Ui) -> Result<Answer, CommandError> {
    let version = env!("CARGO_PKG_VERSION");
    match args.output {
        Format::Text => ui.line(&format!("steadfast {version}"))?,
        Format::Json => ui.json(&serde_json::json!({ "version": version }))?,
    }
    Ok(Answer::Yes)
}
