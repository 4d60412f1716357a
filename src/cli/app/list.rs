//! `steadfast app list`.

use clap::Args;
use serde_json::Value;

use super::{
    Answer, Client, CommandError, Ui,
    view::{self, View, short, text},
};
use crate::cli::output::{
    Format,
    table::{Column, table},
};

/// List applications
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only applications of this project (can be given several times)
    #[arg(short, long = "project", value_name = "PROJECT")]
    projects: Vec<String>,

    /// Only applications with these labels, such as team=shop,stage!=test
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,

    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "text")]
    output: Format,
}

/// Prints the applications.
pub(super) async fn run(
    args: ListArgs,
    client: &Client,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    let ListArgs { projects, selector, output } = args;
    let mut query: Vec<(&str, &str)> = projects.iter().map(|p| ("projects", p.as_str())).collect();
    query.extend(selector.iter().map(|s| ("selector", s.as_str())));
    let found = client.get(&["applications"], &query).await?;
    let apps = view::list(&found, "/items");
    match output {
        Format::Json => ui.json(&apps)?,
        Format::Yaml => ui.yaml(&apps)?,
        Format::Name => {
            for app in apps {
                ui.line(&crate::cli::output::paint::escape(View(app).name()))?;
            }
        }
        Format::Text if apps.is_empty() => ui.line("no applications")?,
        Format::Text => {
            let rows: Vec<_> = apps.iter().map(|app| row(View(app))).collect();
            let width = ui.columns();
            ui.bytes(table(&COLUMNS, &rows, Some(width), ui.paint).as_bytes())?;
        }
        Format::Wide => {
            let rows: Vec<_> = apps.iter().map(|app| wide_row(View(app))).collect();
            let columns = [&COLUMNS[..], &COLUMNS_WIDE[..]].concat();
            ui.bytes(table(&columns, &rows, None, ui.paint).as_bytes())?;
        }
    }
    Ok(Answer::Yes)
}

const COLUMNS: [Column; 7] = [
    Column::Fixed("NAME"),
    Column::Fixed("PROJECT"),
    Column::State("SYNC"),
    Column::State("HEALTH"),
    Column::Fixed("REVISION"),
    Column::Path("REPO"),
    Column::Path("PATH"),
];

const COLUMNS_WIDE: [Column; 5] = [
    Column::Fixed("TARGET"),
    Column::Fixed("NAMESPACE"),
    Column::Fixed("CLUSTER"),
    Column::Fixed("POLICY"),
    Column::Fixed("CONDITIONS"),
];

fn row(app: View<'_>) -> Vec<String> {
    let sources = app.sources();
    let source = sources.first().copied().unwrap_or(&Value::Null);
    let (repo, path) =
        (text(source, "/repoURL"), view::or(text(source, "/path"), text(source, "/chart")));
    let cells =
        [app.name(), app.project(), app.sync(), app.health(), short(app.revision()), repo, path];
    cells.map(str::to_owned).to_vec()
}

fn wide_row(app: View<'_>) -> Vec<String> {
    let mut cells = row(app);
    app.revision().clone_into(&mut cells[4]);
    let sources = app.sources();
    let target = sources.first().map_or("", |source| text(source, "/targetRevision"));
    let (namespace, cluster) = app.destination();
    let conditions: Vec<&str> = app.conditions().iter().map(|c| text(c, "/type")).collect();
    cells.extend(
        [view::or(target, "HEAD"), namespace, cluster, &app.policy(), &conditions.join(",")]
            .map(str::to_owned),
    );
    cells
}
