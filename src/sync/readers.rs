//! Who reads which revision of one repository, and whom a new commit concerns.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{object::Tree, render::Rendered, source::Target};

/// What an application rendered of one revision: one result for each source that follows it.
/// `None` while that is not known.
type Renders = Option<Vec<Arc<Rendered>>>;

/// The applications that read a repository, by what they follow.
#[derive(Debug, Default)]
pub(super) struct Readers(BTreeMap<Target, BTreeMap<String, Renders>>);

/// The readers of a revision that has moved.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Concern {
    /// A file that they read has changed, or nobody knows what they read.
    pub(super) concerned: BTreeSet<String>,
    /// For them the commit has another name and nothing else.
    pub(super) others: BTreeSet<String>,
}

impl Readers {
    /// Takes `app` off every target but `targets`; false when nobody is left.
    pub(super) fn keep(&mut self, app: &str, targets: &[&Target]) -> bool {
        self.0.retain(|target, apps| {
            if !targets.contains(&target) {
                apps.remove(app);
            }
            !apps.is_empty()
        });
        !self.0.is_empty()
    }

    /// Adds a reader; true when the target was not read before.
    pub(super) fn add(&mut self, app: &str, target: &Target) -> bool {
        let new = !self.0.contains_key(target);
        self.0.entry(target.clone()).or_default().entry(app.to_owned()).or_default();
        new
    }

    /// Keeps what a reader rendered of a target.
    pub(super) fn rendered(&mut self, app: &str, target: &Target, renders: Renders) {
        let known = self.0.get_mut(target).and_then(|apps| apps.get_mut(app));
        if let Some(known) = known {
            *known = renders;
        }
    }

    /// What is read.
    pub(super) fn targets(&self) -> Vec<Target> {
        self.0.keys().cloned().collect()
    }

    pub(super) fn reads(&self, target: &Target) -> bool {
        self.0.contains_key(target)
    }

    pub(super) fn has(&self, app: &str) -> bool {
        self.0.values().any(|apps| apps.contains_key(app))
    }

    /// Everybody.
    pub(super) fn all(&self) -> BTreeSet<String> {
        self.0.values().flat_map(|apps| apps.keys().cloned()).collect()
    }

    /// Whom a new commit of a target concerns; everybody when its files can't be read.
    pub(super) fn judge(&self, target: &Target, files: Option<&dyn Tree>) -> Concern {
        let mut concern = Concern::default();
        for (app, renders) in self.0.get(target).into_iter().flatten() {
            let same = files.zip(renders.as_ref()).is_some_and(|(files, renders)| {
                renders.iter().all(|rendered| rendered.reads.holds(files))
            });
            let side = if same { &mut concern.others } else { &mut concern.concerned };
            side.insert(app.clone());
        }
        concern
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{DirTree, DirectorySource, Limits, directory};

    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, DirTree) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let tree = DirTree::new(root.path()).unwrap();
        (root, tree)
    }

    fn names(apps: &[&str]) -> BTreeSet<String> {
        apps.iter().map(|app| (*app).to_owned()).collect()
    }

    #[test]
    fn a_commit_concerns_those_whose_files_it_changes_and_those_who_have_rendered_nothing() {
        let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
        let (_before, before) = tree(&[("a/a.yaml", manifest), ("b/b.yaml", manifest)]);
        let mut readers = Readers::default();
        let main = Target::from("main");
        for app in ["a", "b", "new"] {
            assert_eq!(readers.add(app, &main), app == "a");
        }
        for app in ["a", "b"] {
            let source = DirectorySource { path: app.to_owned(), ..DirectorySource::default() };
            let rendered = Arc::new(directory(&before, &source, &Limits::default()));
            readers.rendered(app, &main, Some(vec![rendered]));
        }
        // Who asks again is still the same reader.
        readers.add("b", &main);
        let (_after, after) = tree(&[("a/a.yaml", "{}"), ("b/b.yaml", manifest), ("c", "")]);
        let concern = readers.judge(&main, Some(&after));
        assert_eq!(concern.concerned, names(&["a", "new"]));
        assert_eq!(concern.others, names(&["b"]));
        assert_eq!(readers.judge(&main, None).concerned, names(&["a", "b", "new"]));
        assert!(readers.keep("a", &[]) && readers.keep("b", &[]) && !readers.keep("new", &[]));
    }
}
