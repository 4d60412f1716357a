//! `steadfast app history`.

use clap::Args;
use serde_json::Value;

use super::{
    Answer, Client, CommandError, Ui,
    view::{View, short, text},
};
use crate::cli::output::{
    Format,
    table::{Column, table},
};

/// List the revisions that were deployed
#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// Name of the application
    #[arg(value_name = "APP")]
    name: String,

    /// Form of the output; "name" prints the ids
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "text")]
    output: Format,
}

/// Prints the history, oldest first.
pub(super) async fn run(
    args: HistoryArgs,
    client: &Client,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    let app = client.application(&args.name).await?;
    let history = View(&app).history();
    match args.output {
        Format::Json => ui.json(&history)?,
        Format::Yaml => ui.yaml(&history)?,
        Format::Name => {
            for entry in history {
                ui.line(&id(entry).to_string())?;
            }
        }
        Format::Text if history.is_empty() => ui.line("nothing was deployed yet")?,
        Format::Text | Format::Wide => {
            let wide = args.output == Format::Wide;
            let rows: Vec<_> = history.iter().map(|entry| row(entry, wide)).collect();
            let columns = [
                Column::Fixed("ID"),
                Column::Fixed("DEPLOYED"),
                Column::Fixed("REVISION"),
                Column::Text("BY"),
                Column::Path("REPO"),
                Column::Path("PATH"),
            ];
            let width = (!wide).then(|| ui.columns());
            ui.bytes(table(&columns, &rows, width, ui.paint).as_bytes())?;
        }
    }
    Ok(Answer::Yes)
}

/// The number by which `rollback` knows an entry.
pub(super) fn id(entry: &Value) -> i64 {
    // The first one is 0, which Go leaves out.
    entry.get("id").and_then(Value::as_i64).unwrap_or_default()
}

fn row(entry: &Value, wide: bool) -> Vec<String> {
    let revision = text(entry, "/revision");
    let by = match text(entry, "/initiatedBy/username") {
        "" if entry.pointer("/initiatedBy/automated") == Some(&Value::Bool(true)) => "automated",
        "" => "-",
        user => user,
    };
    vec![
        id(entry).to_string(),
        text(entry, "/deployedAt").to_owned(),
        if wide { revision } else { short(revision) }.to_owned(),
        by.to_owned(),
        text(entry, "/source/repoURL").to_owned(),
        text(entry, "/source/path").to_owned(),
    ]
}
