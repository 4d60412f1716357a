//! Which tool a directory is meant for.

use super::{
    DirectorySource, Limits, Rendered, directory, links,
    reads::{Listing, ReadSet},
    walk,
};
use crate::object::{EntryKind, Tree, TreeError};

/// The tool that renders a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tool {
    /// Plain manifests.
    Directory,
    /// `kustomize build`.
    Kustomize,
    /// `helm template`.
    Helm,
}

/// Detects the tool as Argo CD does when the application names none: by the files that lie directly
/// in the directory. Where both are, the kustomization wins, because Argo CD's search
/// (`util/app/discovery`) keeps the last in alphabetical order.
pub fn detect(tree: &dyn Tree, path: &str) -> Result<Tool, TreeError> {
    let found = mark(tree, path, &mut ReadSet::default())?;
    Ok(found.map_or(Tool::Directory, |(tool, _)| tool))
}

/// Renders with the tool that the application names, or with the one that fits the files.
pub fn render(
    tree: &dyn Tree,
    tool: Option<Tool>,
    source: &DirectorySource,
    limits: &Limits,
) -> Rendered {
    let mut reads = ReadSet::default();
    let (tool, file) = match tool {
        Some(tool) => (tool, None),
        None => match mark(tree, &source.path, &mut reads) {
            Ok(Some((tool, file))) => (tool, Some(file)),
            // A path that can't be read is explained by the directory's own render.
            Ok(None) | Err(TreeError::Outside { .. }) => (Tool::Directory, None),
            Err(error) => {
                let mut rendered = Rendered { reads, ..Rendered::default() };
                rendered.error(&source.path, 0, walk::chain(&error));
                return rendered;
            }
        },
    };
    let name = match tool {
        Tool::Directory => {
            let mut rendered = directory(tree, source, limits);
            rendered.reads.extend(reads);
            return rendered;
        }
        Tool::Kustomize => "Kustomize",
        Tool::Helm => "Helm",
    };
    let mut rendered = Rendered { reads, ..Rendered::default() };
    let message = match &file {
        Some(file) => {
            format!("{file} found: {name} rendering is not available in this version")
        }
        None => format!("{name} rendering is not available in this version"),
    };
    let place = file.map_or_else(|| source.path.clone(), |file| links::join(&source.path, &file));
    rendered.error(&place, 0, message);
    rendered
}

/// The file that names a tool.
fn mark(
    tree: &dyn Tree,
    path: &str,
    reads: &mut ReadSet,
) -> Result<Option<(Tool, String)>, TreeError> {
    let Some(path) = links::normal(path) else {
        return Err(TreeError::Outside { path: path.to_owned() });
    };
    let mut found = None;
    for entry in reads.list(tree, &path, Listing::Names)? {
        if matches!(entry.kind, EntryKind::Directory | EntryKind::Submodule) {
            continue;
        }
        let tool = match entry.name.as_str() {
            "Chart.yaml" => Tool::Helm,
            "kustomization.yaml" | "kustomization.yml" | "Kustomization" => Tool::Kustomize,
            _ => continue,
        };
        found = Some((tool, entry.name));
    }
    Ok(found)
}
