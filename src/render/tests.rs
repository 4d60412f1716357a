use std::{fs, os::unix::fs::symlink, path::Path};

use tempfile::TempDir;

use super::*;
use crate::object::{Severity, Tree, meta};

/// A directory with these files; a content that starts with `->` makes a symbolic link.
fn tree(files: &[(&str, &str)]) -> (TempDir, DirTree) {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        write(root.path(), path, content);
    }
    let tree = DirTree::new(root.path()).unwrap();
    (root, tree)
}

fn write(root: &Path, path: &str, content: &str) {
    let place = root.join(path);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    match content.strip_prefix("->") {
        Some(target) => symlink(target, place).unwrap(),
        None => fs::write(place, content).unwrap(),
    }
}

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

fn source(path: &str) -> DirectorySource {
    DirectorySource { path: path.to_owned(), ..DirectorySource::default() }
}

fn deep(path: &str) -> DirectorySource {
    DirectorySource { recurse: true, ..source(path) }
}

fn names(rendered: &Rendered) -> Vec<&str> {
    rendered.manifests.iter().map(|manifest| meta::name(&manifest.value)).collect()
}

/// The findings as a person sees them, each with its weight.
fn findings(rendered: &Rendered) -> Vec<String> {
    rendered.findings.iter().map(|finding| format!("{:?} {finding}", finding.severity)).collect()
}

fn render_all(files: &[(&str, &str)]) -> Rendered {
    let (_root, tree) = tree(files);
    directory(&tree, &deep(""), &Limits::default())
}

#[test]
fn a_directory_gives_its_manifests_in_the_order_of_the_files() {
    let (a, b, c) = (config_map("a"), config_map("b"), config_map("c"));
    let two = format!("{b}---\n{}", config_map("b2"));
    let json = r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "d"}}"#;
    let files = [
        ("apps/b.yml", two.as_str()),
        ("apps/a.yaml", &a),
        ("apps/d.json", json),
        ("apps/readme.md", "kind: nothing"),
        ("apps/sub/c.yaml", &c),
        ("other/x.yaml", "]"),
    ];
    let (_root, tree) = tree(&files);
    let rendered = directory(&tree, &source("apps"), &Limits::default());
    assert_eq!(names(&rendered), ["a", "b", "b2", "d"]);
    assert_eq!(rendered.manifests[2].origin.to_string(), "apps/b.yml:6");
    assert!(rendered.is_complete() && rendered.findings.is_empty());
    let rendered = directory(&tree, &deep("./apps/"), &Limits::default());
    assert_eq!(names(&rendered), ["a", "b", "b2", "d", "c"]);
}
