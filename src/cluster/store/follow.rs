//! One kind, followed from discovery to the index.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::object::{GroupKind, Turn};

use super::{
    super::{
        ClusterError, KindInfo, Signal,
        watch::{Update, Watch},
    },
    Inner, WatchState,
    index::{Origin, Touched},
};

/// Without contact for this long, what is known of a kind is called stale.
const STALE_AFTER: Duration = Duration::from_secs(10);
/// How often a kind that can't be followed is looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Pause before a second look that has to confirm that a kind is gone: while an API server starts,
/// discovery is incomplete.
const CONFIRM_AFTER: Duration = Duration::from_secs(2);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Contact is lost.
struct Loss {
    since: Instant,
    state: WatchState,
    /// The state was made public.
    told: bool,
}

/// Ends when a loss has lasted so long that it has to be told.
async fn lasting(loss: Option<&Loss>) {
    match loss {
        Some(loss) if !loss.told => sleep_until(loss.since + STALE_AFTER).await,
        _ => std::future::pending().await,
    }
}

/// Follows a kind for ever: while it is served, while it is not, and when it comes back.
pub(super) async fn follow<C: PartialEq + Send + Sync + 'static>(
    inner: Arc<Inner<C>>,
    kind: GroupKind,
) {
    let mut loss = None;
    let mut waiting = None;
    loop {
        let discovery = inner.cluster.discovery();
        let mut changes = discovery.changes();
        match discovery.find_preferred(&inner.cluster, &kind).await {
            Ok(info) if info.allows("watch") && info.allows("list") => {
                waiting = None;
                read(&inner, &kind, &info, &mut loss).await;
            }
            Ok(info) => {
                let message = format!("{} can't be listed and watched", info.gvk);
                inner.set_state(&kind, &WatchState::Failed { message, turn: Turn::Author });
                let _ = timeout(LOOK_EVERY, changes.changed()).await;
            }
            Err(ClusterError::NotServed { .. }) => {
                if inner.read().index.is_listed(&kind) && still_there(&inner, &kind).await {
                    continue;
                }
                waiting.get_or_insert_with(|| discovery.wait());
                inner.not_served(&kind);
                // The table outlives us.
                let _ = changes.changed().await;
            }
            Err(error) => {
                inner.lost(&kind, &error, &mut loss);
                sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// A kind that had objects a moment ago is missing: looks once more, later. True when it is there
/// or nothing can be said.
async fn still_there<C>(inner: &Inner<C>, kind: &GroupKind) -> bool {
    sleep(CONFIRM_AFTER).await;
    if let Ok(table) = inner.cluster.discovery().refresh(&inner.cluster).await {
        return table.preferred(kind).is_some();
    }
    sleep(RETRY_AFTER).await;
    true
}

/// Reads list and watch until the kind is gone or is served in another version.
async fn read<C: PartialEq + Send + Sync + 'static>(
    inner: &Inner<C>,
    kind: &GroupKind,
    info: &Arc<KindInfo>,
    loss: &mut Option<Loss>,
) {
    let mut watch = Watch::new(&inner.cluster, info, "");
    let mut kinds = inner.cluster.discovery().changes();
    loop {
        let update = tokio::select! {
            update = watch.next() => update,
            () = lasting(loss.as_ref()) => {
                inner.tell_loss(kind, loss);
                continue;
            }
            changed = kinds.changed() => {
                let now = inner.cluster.kinds().preferred(kind).cloned();
                // Gone is believed when the watch itself says so.
                if changed.is_err() || now.is_some_and(|now| now.gvk != info.gvk) {
                    return;
                }
                continue;
            }
        };
        if let Update::Lost(error) = &update {
            if error.is_code(404) {
                // Discovery may still list what is not served yet, or any more.
                sleep(RETRY_AFTER).await;
                // No answer from discovery either: the loop above tries again.
                let _ = inner.cluster.discovery().refresh(&inner.cluster).await;
                return;
            }
            inner.lost(kind, error, loss);
            continue;
        }
        inner.take(kind, update, loss);
    }
}

impl<C: PartialEq + Send + Sync + 'static> Inner<C> {
    fn take(&self, kind: &GroupKind, update: Update, loss: &mut Option<Loss>) {
        if let Update::Applied(_) | Update::Deleted(_) = &update {
            self.cluster.inner.teller.tell(Signal::Event(kind));
        }
        let mut state = self.write();
        let index = &mut state.index;
        index.heard(kind, Instant::now());
        let touched = match update {
            Update::Begin => {
                index.begin_list(kind);
                Touched::new()
            }
            Update::Item(object) => index.apply(kind, object, Origin::List, &self.reduce),
            Update::Applied(object) => index.apply(kind, object, Origin::Watch, &self.reduce),
            Update::Deleted(object) => index.delete(kind, &object),
            Update::Progress(version) => {
                index.progress(kind, version.parse().unwrap_or_default());
                Touched::new()
            }
            Update::Listed(version) => {
                *loss = None;
                let mut touched = index.end_list(kind, version.parse().unwrap_or(u64::MAX));
                if index.set_watch_state(kind, WatchState::Complete) {
                    touched.extend(state.needs.apps(kind));
                }
                touched
            }
            Update::Alive => {
                *loss = None;
                let back =
                    index.is_listed(kind) && index.set_watch_state(kind, WatchState::Complete);
                if back { state.needs.apps(kind) } else { Touched::new() }
            }
            Update::Lost(_) => Touched::new(),
        };
        drop(state);
        self.tell(&touched);
    }

    /// Contact is lost; says so once that has lasted, or at once when waiting can't help.
    fn lost(&self, kind: &GroupKind, error: &ClusterError, loss: &mut Option<Loss>) {
        let turn = error.turn();
        let message = if error.is_code(403) {
            format!(
                "Steadfast may not list and watch {kind}: grant the verbs get, list and watch on it \
                 to its service account"
            )
        } else {
            error.chain()
        };
        let since = loss.as_ref().map_or_else(Instant::now, |loss| loss.since);
        *loss = Some(Loss { since, state: WatchState::Failed { message, turn }, told: false });
        if turn != Turn::Cluster || since.elapsed() >= STALE_AFTER {
            self.tell_loss(kind, loss);
        }
    }

    fn tell_loss(&self, kind: &GroupKind, loss: &mut Option<Loss>) {
        if let Some(loss) = loss {
            loss.told = true;
            self.set_state(kind, &loss.state);
        }
    }

    fn set_state(&self, kind: &GroupKind, to: &WatchState) {
        let mut state = self.write();
        if !state.index.set_watch_state(kind, to.clone()) {
            return;
        }
        let apps = state.needs.apps(kind);
        drop(state);
        if let WatchState::Failed { message, .. } = to {
            tracing::warn!(%kind, message, "live state is not up to date");
        }
        self.tell(&apps);
    }

    fn not_served(&self, kind: &GroupKind) {
        let mut state = self.write();
        let before = state.index.watch_state(kind);
        let mut touched = state.index.clear_kind(kind);
        state.index.set_watch_state(kind, WatchState::NotServed);
        if before != WatchState::NotServed {
            touched.extend(state.needs.apps(kind));
        }
        drop(state);
        self.tell(&touched);
    }
}
