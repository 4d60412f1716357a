//! `steadfast diff` and `steadfast app diff`: what would change in the cluster.
//!
//! The status API says what every object is (live), should be (target), and would be after a sync
//! (predicted). For a revision or a directory, what those manifests change in the targets is carried
//! over to the prediction, so that ignored differences, defaults and fields of other managers stay
//! out of the picture.

mod gather;
mod predict;
mod print;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{
    Answer,
    app::{
        manifests::rendered,
        view::{list, text},
    },
    connection::{Client, ConnectionArgs},
    error::{CommandError, Kind},
    output::{Ui, paint::escape},
    render::offline,
    runtime,
};
use crate::render::DirectorySource;
use gather::Pair;

/// Bytes of a comment on GitHub are limited to 65,536.
const MARKDOWN_BYTES_MAX: usize = 65_000;

/// Below this, not even the list of objects fits.
const MARKDOWN_BYTES_MIN: u64 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Unified diffs
    Text,
    /// A comment for a pull request
    Markdown,
    /// What differs, as data
    Json,
    /// The same as YAML
    Yaml,
}

/// `diff` at the top level: the same, with the connection.
#[derive(Debug, Args)]
pub(super) struct DiffVerb {
    #[command(flatten)]
    args: DiffArgs,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Show what a sync, a revision or a local directory would change in the cluster
///
/// Without --revision and --local: what differs now between Git and the cluster. With one of them:
/// what a sync to those manifests would change, for pull requests. Values of Secrets are never
/// shown.
///
/// Exit code 0: no differences. 1: differences. 2: error.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// Name of the application
    #[arg(value_name = "APP")]
    name: String,

    /// Branch, tag or commit that the controller renders instead
    #[arg(long, value_name = "REV", conflicts_with = "local")]
    revision: Option<String>,

    /// File or directory to render here instead, such as a checked-out pull request
    ///
    /// The directory stands for the path of the application; its settings (recurse, include,
    /// exclude) hold.
    #[arg(long, value_name = "PATH")]
    local: Option<PathBuf>,

    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "text")]
    output: Format,

    /// Largest markdown to write, in bytes; the default fits a comment on GitHub
    #[arg(long, value_name = "BYTES", default_value_t = MARKDOWN_BYTES_MAX as u64)]
    #[arg(value_parser = clap::value_parser!(u64).range(MARKDOWN_BYTES_MIN..))]
    bytes_max: u64,
}

/// Runs `steadfast diff`.
pub(super) fn run_verb(verb: DiffVerb, ui: &mut Ui) -> Result<Answer, CommandError> {
    let DiffVerb { args, connection } = verb;
    run(args, connection, ui)
}

/// Prints the differences.
pub(super) fn run(
    args: DiffArgs,
    connection: ConnectionArgs,
    ui: &mut Ui,
) -> Result<Answer, CommandError> {
    let work = async {
        let client = Client::connect(connection)?;
        compare(args, &client, ui).await
    };
    runtime()?.block_on(work).map_err(CommandError::of_diff)
}

async fn compare(args: DiffArgs, client: &Client, ui: &mut Ui) -> Result<Answer, CommandError> {
    let DiffArgs { name, revision, local, output, bytes_max } = args;
    let app = client.application(&name).await?;
    // What is wanted, before the server is asked for the rest: a broken file needs no server.
    let wanted: Option<Vec<Value>> = match (&local, &revision) {
        (Some(path), _) => {
            let Some(manifests) = offline(path, &directory_of(&app), ui)? else {
                return Ok(Answer::Unreadable);
            };
            Some(manifests.into_iter().map(|manifest| manifest.value()).collect())
        }
        (None, Some(revision)) => Some(rendered(client, &name, Some(revision)).await?),
        (None, None) => None,
    };
    let path = ["applications", name.as_str(), "managed-resources"];
    let managed = gather::managed(&client.get(&path, &[]).await?)?;
    let broken = unrendered(&app);
    let pairs: Vec<Pair> = match wanted {
        None => {
            if let Some(why) = broken {
                let error = anyhow::anyhow!("{name} can't be compared: {}", escape(why));
                return Err(CommandError::new(Kind::User, error));
            }
            gather::as_it_is(managed)
        }
        Some(wanted) => {
            if let Some(why) = broken {
                ui.warn(&format!(
                    "what Git says now can't be rendered, so fields that go are not shown: {why}"
                ));
            }
            gather::with(managed, wanted, text(&app, "/spec/destination/namespace"))
        }
    };
    let differences = print::differences(pairs);
    for secret in differences.iter().filter(|d| d.values_hidden) {
        ui.warn(&format!("{}: values of Secrets are not compared, only their keys", secret.id));
    }
    let subject = print::Subject {
        app: name,
        with: revision.or_else(|| local.map(|path| path.display().to_string())),
    };
    let shown: Vec<_> = differences.into_iter().filter(|d| !d.is_empty()).collect();
    match output {
        Format::Text => {
            let text = print::text(&subject, &shown, ui.paint);
            ui.bytes(text.as_bytes())?;
        }
        Format::Markdown => {
            let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
            ui.bytes(print::markdown(&subject, &shown, bytes_max).as_bytes())?;
        }
        Format::Json => ui.json(&print::data(&subject, &shown))?,
        Format::Yaml => ui.yaml(&print::data(&subject, &shown))?,
    }
    Ok(if shown.is_empty() { Answer::Yes } else { Answer::No })
}

/// The settings of the application's directory source; the path is where `--local` points.
fn directory_of(app: &Value) -> DirectorySource {
    let source = app.pointer("/spec/source").or_else(|| app.pointer("/spec/sources/0"));
    let directory = source.and_then(|source| source.get("directory")).unwrap_or(&Value::Null);
    let pattern = |pointer| Some(text(directory, pointer).to_owned()).filter(|p| !p.is_empty());
    DirectorySource {
        path: String::new(),
        recurse: directory.get("recurse") == Some(&Value::Bool(true)),
        include: pattern("/include"),
        exclude: pattern("/exclude"),
        any_name: directory.get("disableExtensionFilter") == Some(&Value::Bool(true)),
    }
}

/// Why the application has no comparison; nothing may be concluded from its objects then.
fn unrendered(app: &Value) -> Option<&str> {
    let fatal = |condition: &&Value| {
        matches!(text(condition, "/type"), "ComparisonError" | "InvalidSpecError")
    };
    list(app, "/status/conditions").iter().find(fatal).map(|c| text(c, "/message"))
}
