//! `steadfast render`: the manifests of a directory or of an application.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{
    Answer,
    app::manifests::{list_of, rendered},
    connection::{Client, ConnectionArgs},
    error::{CommandError, Kind},
    output::Ui,
    runtime,
};
use crate::{
    object::{Finding, Manifest, Origin, Severity},
    render::{self, DirTree, DirectorySource, Limits},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One document per object
    Yaml,
    /// One v1 List
    Json,
}

/// Print the manifests of a directory (offline) or of an application
///
/// For a file or directory no cluster is asked and no namespace is filled in: the objects come out
/// as the controller reads them. What can't be read is listed as "error: FILE:LINE: why", nothing
/// is printed then, and the exit code is 2.
///
/// For the name of an application the controller renders, and prints what it would apply.
#[derive(Debug, Args)]
pub(super) struct RenderArgs {
    /// A file, a directory, or the name of an application
    #[arg(value_name = "PATH|APP")]
    target: String,

    /// Look into sub-directories too
    #[arg(short = 'R', long)]
    recurse: bool,

    /// Only files that match this pattern, such as "*.yaml" or "{a,b}/*"
    #[arg(long, value_name = "GLOB")]
    include: Option<String>,

    /// No files that match this pattern
    #[arg(long, value_name = "GLOB")]
    exclude: Option<String>,

    /// Branch, tag or commit to render (of an application)
    #[arg(long, value_name = "REV")]
    revision: Option<String>,

    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "yaml")]
    output: Format,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Prints the manifests.
pub(super) fn run(args: RenderArgs, ui: &mut Ui) -> Result<Answer, CommandError> {
    let RenderArgs { target, recurse, include, exclude, revision, output, connection } = args;
    let objects: Vec<Value> = if Path::new(&target).exists() {
        let source = DirectorySource { recurse, include, exclude, ..DirectorySource::default() };
        let Some(manifests) = offline(Path::new(&target), &source, ui)? else {
            return Ok(Answer::Unreadable);
        };
        manifests.into_iter().map(|manifest| manifest.value()).collect()
    } else if looks_like_a_path(&target) {
        return Err(CommandError::user(format!("{target}: no such file or directory")));
    } else {
        runtime()?
            .block_on(async {
                let client = Client::connect(connection)?;
                rendered(&client, &target, revision.as_deref()).await
            })
            .map_err(|failure| {
                failure.hint(format!("there is no file or directory {target} here"))
            })?
    };
    match output {
        Format::Yaml => ui.yaml_documents(&objects)?,
        Format::Json => ui.json(&list_of(&objects))?,
    }
    Ok(Answer::Yes)
}

/// Renders a file or directory and tells the findings; `None` when something can't be read.
pub(super) fn offline(
    path: &Path,
    source: &DirectorySource,
    ui: &mut Ui,
) -> Result<Option<Vec<Manifest>>, CommandError> {
    let limits = Limits::default();
    let (root, rendered) = if path.is_dir() {
        let tree = open(path)?;
        (path.to_owned(), render::render(&tree, None, source, &limits))
    } else {
        let root = parent(path);
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            CommandError::user(format!("{}: the name of a file is needed", path.display()))
        })?;
        let tree = open(&root)?;
        (if path.parent() == Some(Path::new("")) { PathBuf::new() } else { root }, {
            render::file(&tree, name, &limits)
        })
    };
    for finding in &rendered.findings {
        let shown = Finding { origin: shown(&root, &finding.origin), ..finding.clone() };
        match finding.severity {
            Severity::Warning => ui.warn(&shown.to_string()),
            Severity::Error => ui.complain(&shown.to_string()),
        }
    }
    Ok(rendered.is_complete().then_some(rendered.manifests))
}

fn open(root: &Path) -> Result<DirTree, CommandError> {
    DirTree::new(root)
        .with_context(|| format!("{}: cannot be read", root.display()))
        .map_err(|error| CommandError::new(Kind::User, error))
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Where the finding is, from where the person stands.
fn shown(root: &Path, origin: &Origin) -> Origin {
    let file = if origin.file.is_empty() { root.to_owned() } else { root.join(&origin.file) };
    Origin { file: file.display().to_string(), line: origin.line }
}

fn looks_like_a_path(target: &str) -> bool {
    let extension = Path::new(target).extension().and_then(|extension| extension.to_str());
    target.contains('/')
        || target.starts_with('.')
        || matches!(extension, Some("yaml" | "yml" | "json"))
}
