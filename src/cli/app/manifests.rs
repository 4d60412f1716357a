//! `steadfast app manifests`.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{Answer, Client, CommandError, Ui, live_objects, view};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// As Git says, tracking annotation included
    Git,
    /// As the cluster has them
    Live,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One document per object
    Yaml,
    /// One v1 List
    Json,
    /// Kind and name only, one object a line
    Name,
}

/// Print the manifests of an application
///
/// Values of Secrets are masked.
#[derive(Debug, Args)]
pub(super) struct ManifestsArgs {
    /// Name of the application
    #[arg(value_name = "APP")]
    name: String,

    /// Branch, tag or commit to render; default: what the application follows
    #[arg(long, value_name = "REV", conflicts_with = "source")]
    revision: Option<String>,

    /// Where to take them from
    #[arg(long, value_name = "SOURCE", value_enum, default_value = "git")]
    source: From,

    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "yaml")]
    output: Format,
}

/// Prints the manifests.
pub(super) async fn run(
    args: ManifestsArgs,
    client: &Client,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    let ManifestsArgs { name, revision, source, output } = args;
    let objects = match source {
        From::Git => rendered(client, &name, revision.as_deref()).await?,
        From::Live => live_objects(client, &name).await?,
    };
    match output {
        Format::Yaml => ui.yaml_documents(&objects)?,
        Format::Json => ui.json(&list_of(&objects))?,
        Format::Name => {
            for object in &objects {
                let id = crate::object::meta::id(object).map(|id| id.to_string());
                ui.line(&crate::cli::output::paint::escape(&id.unwrap_or_default()))?;
            }
        }
    }
    Ok(Answer::Yes)
}

/// One `v1` `List`.
pub(in crate::cli) fn list_of(items: &[Value]) -> Value {
    serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

/// What the controller renders at a revision.
pub(in crate::cli) async fn rendered(
    client: &Client,
    name: &str,
    revision: Option<&str>,
) -> Result<Vec<Value>, CommandError> {
    let query: Vec<_> = revision.iter().map(|revision| ("revision", *revision)).collect();
    let answer = client.get(&["applications", name, "manifests"], &query).await?;
    view::list(&answer, "/manifests").iter().map(super::json_text).collect()
}
