//! `steadfast app resources`.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{
    Answer, Client, CommandError, Ui,
    view::{self, View, object_name, text},
};
use crate::cli::output::{
    paint::{Paint, escape},
    table::{Column, table},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table that fits the terminal
    Text,
    /// A table with more columns, nothing cut
    Wide,
    /// Objects with their children: Deployment, ReplicaSet, Pod
    Tree,
    /// Kind and name only, one object a line
    Name,
    /// JSON, as in the status of the application
    Json,
    /// The same as YAML
    Yaml,
}

/// List the objects of an application
#[derive(Debug, Args)]
pub(super) struct ResourcesArgs {
    /// Name of the application
    #[arg(value_name = "APP")]
    name: String,

    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "text")]
    output: Format,
}

/// Prints the objects.
pub(super) async fn run(
    args: ResourcesArgs,
    client: &Client,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    if args.output == Format::Tree {
        let tree = client.get(&["applications", &args.name, "resource-tree"], &[]).await?;
        let text = draw(view::list(&tree, "/nodes"), ui.paint);
        ui.bytes(text.as_bytes())?;
        return Ok(Answer::Yes);
    }
    let app = client.application(&args.name).await?;
    let resources = View(&app).resources();
    match args.output {
        Format::Json => ui.json(&resources)?,
        Format::Yaml => ui.yaml(&resources)?,
        Format::Name => {
            for resource in resources {
                ui.line(&escape(&object_name(resource)))?;
            }
        }
        Format::Text | Format::Wide | Format::Tree => {
            let wide = args.output == Format::Wide;
            let width = (!wide).then(|| ui.columns());
            ui.bytes(resource_table(resources, wide, width, ui.paint).as_bytes())?;
        }
    }
    Ok(Answer::Yes)
}

/// The objects of a status as a table.
pub(super) fn resource_table(
    resources: &[Value],
    wide: bool,
    width: Option<usize>,
    paint: Paint,
) -> String {
    let mut columns = vec![
        Column::Fixed("KIND"),
        Column::Fixed("NAMESPACE"),
        Column::Fixed("NAME"),
        Column::State("SYNC"),
        Column::State("HEALTH"),
        Column::Text("MESSAGE"),
    ];
    if wide {
        columns.splice(
            1..1,
            [Column::Fixed("GROUP"), Column::Fixed("VERSION"), Column::Fixed("WAVE")],
        );
    }
    let rows: Vec<Vec<String>> = resources.iter().map(|r| row(r, wide)).collect();
    table(&columns, &rows, width, paint)
}

fn row(resource: &Value, wide: bool) -> Vec<String> {
    let flag = |key: &str| resource.get(key) == Some(&Value::Bool(true));
    let message = match text(resource, "/health/message") {
        "" if flag("requiresPruning") => "no longer in Git",
        "" if flag("hook") => "hook",
        message => message,
    };
    let of = |pointer| text(resource, pointer).to_owned();
    let mut cells = vec![of("/kind")];
    if wide {
        let wave = resource.get("syncWave").and_then(Value::as_i64).unwrap_or_default();
        cells.extend([of("/group"), of("/version"), wave.to_string()]);
    }
    cells.extend([of("/namespace"), of("/name"), of("/status"), of("/health/status")]);
    cells.push(message.to_owned());
    cells
}

/// Deepest chain of owners that is drawn.
const DEPTH_MAX: usize = 16;

/// Draws the objects with their children below them.
fn draw(nodes: &[Value], paint: Paint) -> String {
    let uid = |node: &Value| text(node, "/uid").to_owned();
    let known: std::collections::HashSet<String> = nodes.iter().map(uid).collect();
    let parent = |node: &Value| text(node, "/parentRefs/0/uid").to_owned();
    let roots = nodes.iter().filter(|node| !known.contains(&parent(node)));
    let mut tree = String::new();
    for root in roots {
        push_node(&mut tree, root, "", "", paint);
        push_children(&mut tree, nodes, &uid(root), "", 1, paint);
    }
    tree
}

fn push_children(
    tree: &mut String,
    nodes: &[Value],
    owner: &str,
    indent: &str,
    depth: usize,
    paint: Paint,
) {
    if owner.is_empty() || depth > DEPTH_MAX {
        return;
    }
    let children: Vec<&Value> =
        nodes.iter().filter(|node| text(node, "/parentRefs/0/uid") == owner).collect();
    for (at, child) in children.iter().enumerate() {
        let last = at + 1 == children.len();
        push_node(tree, child, indent, if last { "└─ " } else { "├─ " }, paint);
        let deeper = format!("{indent}{}", if last { "   " } else { "│  " });
        push_children(tree, nodes, text(child, "/uid"), &deeper, depth + 1, paint);
    }
}

fn push_node(tree: &mut String, node: &Value, indent: &str, branch: &str, paint: Paint) {
    let health = paint.status(&escape(text(node, "/health/status")));
    let message = escape(text(node, "/health/message"));
    let line = format!("{indent}{branch}{}  {health}  {message}", escape(&object_name(node)));
    tree.push_str(line.trim_end());
    tree.push('\n');
}
