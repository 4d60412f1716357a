//! The directories of one mirror on disk.
//!
//! `ID/7` is the seventh generation of mirror `ID`. A new one is made as `ID/8.new` and renamed
//! when its first poll has succeeded; the old one goes when the last snapshot of it is dropped.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

/// One bare repository on disk.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) dir: PathBuf,
    number: u64,
    /// It has to be made anew: it cannot be read, or is too big, or in too many packs.
    worn: AtomicBool,
    /// It is not needed any more.
    obsolete: AtomicBool,
}

impl Generation {
    /// The newest generation in `home`. All others, and what a killed process left, are removed.
    pub(super) fn newest(home: &Path) -> io::Result<Option<Self>> {
        fs::create_dir_all(home)?;
        let names: Vec<String> = fs::read_dir(home)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<_>>()?;
        let newest: Option<u64> = names.iter().filter_map(|name| name.parse().ok()).max();
        for name in names {
            let path = home.join(&name);
            let number = name.split('.').next().and_then(|number| number.parse::<u64>().ok());
            // A child that outlives its killed parent by a moment still holds this lock.
            let locks = path.extension().is_some_and(|end| end == "lock") && number >= newest;
            if locks || (number == newest && name.parse::<u64>().is_ok()) {
                continue;
            }
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }?;
        }
        Ok(newest.map(|number| Self::at(home, number)))
    }

    fn at(home: &Path, number: u64) -> Self {
        Self {
            dir: home.join(number.to_string()),
            number,
            worn: AtomicBool::new(false),
            obsolete: AtomicBool::new(false),
        }
    }

    /// Where the generation after `previous` is to be made; nothing is there yet.
    pub(super) fn prepare(home: &Path, previous: Option<&Self>) -> io::Result<Draft> {
        let number = previous.map_or(1, |previous| previous.number + 1);
        let dir = home.join(format!("{number}.new"));
        match fs::remove_dir_all(&dir) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
            _ => Ok(Draft { home: home.to_owned(), number, dir }),
        }
    }

    /// Asks for a new generation at the next poll.
    pub(super) fn wear_out(&self) {
        self.worn.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_worn(&self) -> bool {
        self.worn.load(Ordering::Relaxed)
    }

    /// Removes it from disk when its last reader is gone.
    pub(super) fn retire(&self) {
        self.obsolete.store(true, Ordering::Relaxed);
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if self.obsolete.load(Ordering::Relaxed) {
            // What cannot be removed now is removed at the next start.
            let _ = fs::remove_dir_all(&self.dir);
            let _ = fs::remove_file(self.dir.with_extension("lock"));
        }
    }
}

/// A generation in the making; removed when it is dropped.
#[derive(Debug)]
pub(super) struct Draft {
    home: PathBuf,
    number: u64,
    pub(super) dir: PathBuf,
}

impl Draft {
    /// Makes it a generation.
    pub(super) fn publish(self) -> io::Result<Generation> {
        let generation = Generation::at(&self.home, self.number);
        fs::rename(&self.dir, &generation.dir)?;
        Ok(generation)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Nothing is there any more when it was published.
        let _ = fs::remove_dir_all(&self.dir);
    }
}
