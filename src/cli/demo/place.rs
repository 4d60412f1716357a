//! The directory of a demo: a sample repository, the kubeconfig, the log, the controller's cache.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    cli::{
        error::{CommandError, Kind},
        output::paint::escape,
    },
    source::sample,
    yaml,
};

/// One of the examples, as it lies in the repository.
struct Example {
    name: &'static str,
    application: &'static str,
    manifests: &'static [(&'static str, &'static str)],
}

macro_rules! example {
    ($name:literal: $($file:literal)*) => {
        Example {
            name: $name,
            application: include_str!(concat!("../../../examples/", $name, "/application.yaml")),
            manifests: &[$((
                $file,
                include_str!(concat!("../../../examples/", $name, "/manifests/", $file)),
            )),*],
        }
    };
}

const EXAMPLES: [Example; 2] = [
    example!("pampam":
        "accounts.yaml" "cart.yaml" "catalog.yaml" "inventory.yaml" "namespace.yaml" "orders.yaml"
        "payments.yaml" "shipping.yaml" "storefront.yaml"),
    example!("order-config":
        "configuration.yaml" "namespace.yaml" "order-store.yaml" "storage.yaml"),
];

/// The manifest in the repository that people are told to change.
pub(super) const CART: &str = "pampam/cart.yaml";

const REPOSITORY: &str = "repository";
const LOG: &str = "steadfast.log";
/// The repository while it is made.
const DRAFT: &str = "repository.unfinished";

/// Where everything is that a demo leaves behind.
pub(super) struct Place {
    dir: PathBuf,
    /// Removed at the end.
    passing: bool,
    /// Locked as long as the demo runs.
    log: fs::File,
}

impl Place {
    /// Prepares the named directory, which stays; without one a temporary one, which goes at the
    /// end unless `keep`. A directory of an earlier demo is used again, with the commits in it.
    pub(super) fn prepare(
        dir: Option<&Path>,
        keep: bool,
        now_s: i64,
    ) -> Result<Self, CommandError> {
        let Some(dir) = dir else {
            let dir = temporary()?;
            let place = Self::settle(dir.clone(), !keep, now_s);
            if place.is_err() {
                remove_dir(&dir)?;
            }
            return place;
        };
        let dir = std::path::absolute(dir).map_err(|cause| unusable(dir, cause))?;
        expect_writable_name(&dir)?;
        fs::create_dir_all(&dir).map_err(|cause| unusable(&dir, cause))?;
        Self::settle(dir, false, now_s)
    }

    /// Takes a directory that is there into use.
    fn settle(dir: PathBuf, passing: bool, now_s: i64) -> Result<Self, CommandError> {
        expect_own(&dir)?;
        let is_old = dir.join(REPOSITORY).is_dir();
        if !is_old && !is_free(&dir).map_err(|cause| unusable(&dir, cause))? {
            let message = format!("{} is neither empty nor of a demo", dir.display());
            return Err(CommandError::user(message).hint("name a directory that does not exist"));
        }
        let place = Self { log: begin_log(&dir)?, dir, passing };
        if !is_old {
            place.make_repository(now_s)?;
        }
        Ok(place)
    }

    /// Makes the sample beside its place and moves it there when it is complete, so that a demo that
    /// is killed meanwhile leaves nothing that looks like a repository.
    fn make_repository(&self, now_s: i64) -> Result<(), CommandError> {
        let draft = self.dir.join(DRAFT);
        remove_dir(&draft)?;
        sample::create(&draft, &sample_files(), "Add the shop and its orders", now_s)
            .map_err(|cause| CommandError::new(Kind::Config, cause))?;
        fs::rename(&draft, self.repository()).map_err(|cause| unusable(&self.repository(), cause))
    }

    /// What the manifest holds that people are told to change; empty if they took it away.
    pub(super) fn cart(&self) -> String {
        fs::read_to_string(self.repository().join(CART)).unwrap_or_default()
    }

    /// The working tree of the sample repository.
    pub(super) fn repository(&self) -> PathBuf {
        self.dir.join(REPOSITORY)
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir.join(LOG)
    }

    /// Where the log is written. It is also what keeps a second demo out of the directory.
    pub(super) fn log_writer(&self) -> Result<fs::File, CommandError> {
        self.log.try_clone().map_err(|cause| unusable(&self.log(), cause))
    }

    /// What to try, as it is printed at the start.
    pub(super) fn guide(&self) -> PathBuf {
        self.dir.join("try.txt")
    }

    /// The controller's mirrors.
    pub(super) fn cache(&self) -> PathBuf {
        self.dir.join("cache")
    }

    /// Writes down what to try, for whoever has lost sight of it.
    pub(super) fn write_guide(&self, text: &str) -> Result<(), CommandError> {
        let path = self.guide();
        fs::write(&path, text).map_err(|cause| unusable(&path, cause))
    }

    /// Writes the kubeconfig, which holds a token: for its owner only.
    pub(super) fn write_kubeconfig(&self, text: &str) -> Result<(), CommandError> {
        let path = self.kubeconfig();
        let gone = fs::remove_file(&path).or_else(|cause| match cause.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(cause),
        });
        let open = || fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written = gone
            .and_then(|()| open())
            .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()));
        written.map_err(|cause| unusable(&path, cause))
    }

    /// Cleans up: the cache always, the rest when nobody wants it. Returns the directory that stays.
    pub(super) fn leave(self) -> Result<Option<PathBuf>, CommandError> {
        let cache = self.cache();
        remove_dir(if self.passing { &self.dir } else { &cache })?;
        Ok((!self.passing).then_some(self.dir))
    }

    /// Whether the directory stays when the demo ends.
    pub(super) fn stays(&self) -> bool {
        !self.passing
    }
}

/// The Applications of the examples, reading from `repository`.
pub(super) fn applications(repository: &Path) -> Vec<Value> {
    let read = |example: &Example| {
        let loaded = yaml::load(example.application.as_bytes(), &yaml::Limits::default());
        let mut application = loaded.documents.into_iter().next()?.value;
        let source = application.pointer_mut("/spec/source")?;
        source["repoURL"] = format!("file://{}", repository.display()).into();
        source["path"] = example.name.into();
        Some(application)
    };
    EXAMPLES.iter().map(|example| read(example).expect("the examples are tested")).collect()
}

/// Whether a demo may begin here: it is empty, or holds what a demo left that was killed at once.
fn is_free(dir: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if name != LOG && name != DRAFT {
            return Ok(false);
        }
    }
    Ok(true)
}

/// People are told commands that hold the name of the directory, and `KUBECONFIG` is a list with
/// colons in between.
fn expect_writable_name(dir: &Path) -> Result<(), CommandError> {
    if dir.to_str().is_some_and(|name| name == escape(name) && !name.contains(':')) {
        return Ok(());
    }
    let message = format!("{:?} can't be written into commands for a shell", dir.display());
    Err(CommandError::user(message)
        .hint("name a directory without line breaks, control characters and colons"))
}

/// Whoever owns a directory can put links and repositories of their own into it.
fn expect_own(dir: &Path) -> Result<(), CommandError> {
    let owner = fs::metadata(dir).map_err(|cause| unusable(dir, cause))?.uid();
    if owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let message = format!("{} belongs to another user", dir.display());
    Err(CommandError::user(message).hint("name a directory that does not exist"))
}

/// An empty log in `dir`. As long as it is open, nobody else begins one there.
fn begin_log(dir: &Path) -> Result<fs::File, CommandError> {
    let path = dir.join(LOG);
    let open = fs::OpenOptions::new().create(true).append(true).open(&path);
    let log = open.map_err(|cause| unusable(&path, cause))?;
    match log.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let message = format!("another demo runs in {}", dir.display());
            return Err(CommandError::user(message).hint("end it, or name another --dir"));
        }
        Err(fs::TryLockError::Error(cause)) => return Err(unusable(&path, cause)),
    }
    log.set_len(0).map_err(|cause| unusable(&path, cause))?;
    Ok(log)
}

fn sample_files() -> BTreeMap<String, Vec<u8>> {
    let files = EXAMPLES.iter().flat_map(|example| {
        let path = |file: &str| format!("{}/{file}", example.name);
        example.manifests.iter().map(move |(file, text)| (path(file), text.as_bytes().to_vec()))
    });
    // Left behind by `sed -i.bak`, which is the form that every sed knows.
    files.chain([(".gitignore".to_owned(), b"*.bak\n".to_vec())]).collect()
}

/// A new directory below the system's temporary one, for this user only.
fn temporary() -> Result<PathBuf, CommandError> {
    let parent = std::env::temp_dir();
    expect_writable_name(&parent)?;
    let made = (1..=1000).find_map(|number| {
        let dir = parent.join(format!("steadfast-demo-{}-{number}", std::process::id()));
        let mut builder = fs::DirBuilder::new();
        match std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700).create(&dir) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => None,
            made => Some(made.map(|()| dir)),
        }
    });
    let made = made.unwrap_or_else(|| Err(io::ErrorKind::AlreadyExists.into()));
    made.map_err(|cause| unusable(&parent, cause))
}

/// Removes a directory with all in it, if it is there.
fn remove_dir(dir: &Path) -> Result<(), CommandError> {
    match fs::remove_dir_all(dir) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(unusable(dir, cause)),
        _ => Ok(()),
    }
}

fn unusable(path: &Path, cause: io::Error) -> CommandError {
    let error = anyhow::Error::new(cause).context(format!("cannot use {}", path.display()));
    CommandError::new(Kind::Config, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_made_once_used_again_and_never_taken_from_somebody() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("demo");
        let place = Place::prepare(Some(&dir), false, 0).unwrap();
        let cart = place.repository().join("pampam/cart.yaml");
        fs::write(&cart, "mine").unwrap();
        fs::create_dir(place.cache()).unwrap();
        place.write_kubeconfig("first").unwrap();
        place.write_kubeconfig("second").unwrap();
        assert_eq!(fs::read_to_string(place.kubeconfig()).unwrap(), "second");
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(place.kubeconfig()).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(place.leave().unwrap(), Some(dir.clone()));
        assert!(!dir.join("cache").exists());
        let again = Place::prepare(Some(&dir), false, 0).unwrap();
        assert_eq!(fs::read_to_string(&cart).unwrap(), "mine");
        assert!(again.stays());

        let refusal = Place::prepare(Some(parent.path()), false, 0).err().unwrap();
        assert!(refusal.error.to_string().contains("neither empty nor of a demo"));
    }

    #[test]
    fn a_name_that_no_command_can_hold_is_refused_before_there_is_anything() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["a\nb", "a\tb", "a\u{202e}b", "a:b", "end\n"] {
            let dir = parent.path().join(name);
            let refusal = Place::prepare(Some(&dir), false, 0).err().unwrap();
            assert!(refusal.error.to_string().contains("can't be written"), "{name:?}");
            assert!(!dir.exists(), "{name:?}");
        }
    }

    #[test]
    fn what_a_demo_left_that_was_killed_at_once_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(LOG), "").unwrap();
        fs::create_dir_all(dir.path().join(DRAFT).join(".git")).unwrap();
        let place = Place::prepare(Some(dir.path()), false, 0).unwrap();
        assert!(place.repository().join("pampam/cart.yaml").is_file());
        assert!(!dir.path().join(DRAFT).exists());
    }

    #[test]
    fn a_temporary_directory_goes_at_the_end_unless_it_is_kept() {
        let place = Place::prepare(None, false, 0).unwrap();
        let dir = place.repository();
        assert!(dir.is_dir());
        assert_eq!(place.leave().unwrap(), None);
        assert!(!dir.exists());
        let kept = Place::prepare(None, true, 0).unwrap();
        let dir = kept.leave().unwrap().unwrap();
        assert!(dir.join("repository/pampam/cart.yaml").is_file());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_applications_read_from_the_sample() {
        let applications = applications(Path::new("/demo/repository"));
        let sources: Vec<_> = applications
            .iter()
            .map(|application| {
                let source = &application["spec"]["source"];
                [&source["repoURL"], &source["path"]].map(|text| text.as_str().unwrap().to_owned())
            })
            .collect();
        assert_eq!(
            sources,
            ["pampam", "order-config"]
                .map(|path| ["file:///demo/repository".to_owned(), path.to_owned()])
        );
        let files = sample_files();
        for [_, path] in &sources {
            assert!(files.keys().any(|file| file.starts_with(&format!("{path}/"))), "{path}");
        }
    }
}
