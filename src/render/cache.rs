//! Results that can be used again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{DirectorySource, Rendered};
use crate::object::Tree;

/// Results kept for one key: an application may be rendered at several revisions that alternate
/// (two branches, a pull request and its base).
const VARIANTS_MAX: usize = 4;

/// What a result depends on besides the files.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RenderKey {
    /// Identity of the repository: equal identities hold equal content at equal ids.
    pub repository: String,
    /// The settings of the source.
    pub source: DirectorySource,
}

/// Counters of a [`RenderCache`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Results that were used again.
    pub hits: u64,
    /// Renders that had to be made.
    pub misses: u64,
    /// Results that are kept.
    pub entries: usize,
    /// Their rough size in memory, in bytes.
    pub bytes: u64,
}

/// Keeps the results of renders for as long as the files they read stay the same, within bounds;
/// the result that was not used for longest goes first.
#[derive(Debug)]
pub struct RenderCache {
    entries_max: usize,
    bytes_max: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    kept: HashMap<RenderKey, Vec<Kept>>,
    /// Goes up with each use; the age of a result is the last one it saw.
    clock: u64,
    stats: CacheStats,
}

#[derive(Debug)]
struct Kept {
    rendered: Arc<Rendered>,
    used: u64,
}

impl RenderCache {
    /// A cache of at most this many results and this many bytes.
    pub fn new(entries_max: usize, bytes_max: u64) -> Self {
        Self { entries_max, bytes_max, inner: Mutex::default() }
    }

    /// The kept result for `key` that holds for `tree`, or the one that `render` makes.
    ///
    /// The tree is asked, and `render` runs, without a lock: two callers with the same key may both
    /// render. A result that depends on a read that failed is given back and not kept.
    pub fn get(
        &self,
        key: &RenderKey,
        tree: &dyn Tree,
        render: impl FnOnce() -> Rendered,
    ) -> Arc<Rendered> {
        let candidates: Vec<Arc<Rendered>> = {
            let inner = self.lock();
            let kept = inner.kept.get(key).map(Vec::as_slice).unwrap_or_default();
            kept.iter().rev().map(|kept| Arc::clone(&kept.rendered)).collect()
        };
        if let Some(rendered) = candidates.into_iter().find(|kept| kept.reads.holds(tree)) {
            self.lock().touch(key, &rendered);
            return rendered;
        }
        let rendered = Arc::new(render());
        let usable = rendered.reads.is_usable() && rendered.weight_bytes <= self.bytes_max;
        let mut inner = self.lock();
        inner.stats.misses += 1;
        if usable {
            inner.keep(key, Arc::clone(&rendered));
            while inner.stats.entries > self.entries_max || inner.stats.bytes > self.bytes_max {
                inner.drop_oldest();
            }
        }
        rendered
    }

    /// Forgets what was kept for a repository that nobody uses any more.
    pub fn forget(&self, repository: &str) {
        let mut inner = self.lock();
        let Inner { kept, stats, .. } = &mut *inner;
        kept.retain(|key, variants| {
            let keep = key.repository != repository;
            if !keep {
                stats.entries -= variants.len();
                stats.bytes -= variants.iter().map(|v| v.rendered.weight_bytes).sum::<u64>();
            }
            keep
        });
    }

    /// The counters.
    pub fn stats(&self) -> CacheStats {
        self.lock().stats
    }

    /// Nothing that holds the lock can panic half way through a change.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn touch(&mut self, key: &RenderKey, rendered: &Arc<Rendered>) {
        self.stats.hits += 1;
        let used = self.tick();
        let variants = self.kept.get_mut(key).map(Vec::as_mut_slice).unwrap_or_default();
        if let Some(kept) = variants.iter_mut().find(|kept| Arc::ptr_eq(&kept.rendered, rendered)) {
            kept.used = used;
        }
    }

    fn keep(&mut self, key: &RenderKey, rendered: Arc<Rendered>) {
        let used = self.tick();
        self.stats.entries += 1;
        self.stats.bytes += rendered.weight_bytes;
        let variants = self.kept.entry(key.clone()).or_default();
        variants.push(Kept { rendered, used });
        if variants.len() > VARIANTS_MAX
            && let Some(oldest) = (0..variants.len()).min_by_key(|&at| variants[at].used)
        {
            let dropped = variants.remove(oldest);
            self.stats.entries -= 1;
            self.stats.bytes -= dropped.rendered.weight_bytes;
        }
    }

    /// Drops the result that was not used for longest. A walk over all of them: it happens once for
    /// each render beyond the bounds, and a render costs far more.
    fn drop_oldest(&mut self) {
        let oldest = self
            .kept
            .iter()
            .flat_map(|(key, variants)| variants.iter().map(move |kept| (kept.used, key)))
            .min_by_key(|(used, _)| *used)
            .map(|(used, key)| (used, key.clone()));
        let Some((used, key)) = oldest else { return };
        let Some(variants) = self.kept.get_mut(&key) else { return };
        if let Some(at) = variants.iter().position(|kept| kept.used == used) {
            let dropped = variants.remove(at);
            self.stats.entries -= 1;
            self.stats.bytes -= dropped.rendered.weight_bytes;
        }
        if variants.is_empty() {
            self.kept.remove(&key);
        }
    }
}
