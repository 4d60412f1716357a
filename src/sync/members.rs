//! The replicas of one installation, and which of them acts for which application.
//!
//! All replicas are equal. Each keeps a Lease and watches those of all others, the members. An
//! application belongs to the member with the highest rank for it (`rank`), so each member computes
//! for itself what is its own. A member that ends, or is not heard of any more, has its Lease closed,
//! which is final: whoever comes back has another name.
//!
//! **Why there are never two writers.** Let M and N both act for one application.
//!
//! 1. Whoever acts has an open Lease. It closes its Lease itself once all of its writes have been
//!    answered; others close it when they have not seen it change for [`roll::EXPIRES_AFTER`], and the
//!    API server refuses that when it has changed meanwhile. So the last renewal began longer ago than
//!    that, and nobody writes for longer than [`roll::HELD_FOR`] after its last renewal began. No two
//!    clocks are compared.
//! 2. Say that M's Lease was created later. M acts only when it has read a list of Leases in which its
//!    own is. N's is in it too, so M knows N; and M acts only when N's Lease says that N knows M.
//! 3. N's Lease says so only when every request has been answered that N sent before it knew M. What
//!    it sends from then on, it sends knowing M, because a member is forgotten only when its Lease is
//!    closed, or has been gone for as long as it takes to expire.
//! 4. So both know each other, and each finds its own rank higher than the other's. Both compute the
//!    two ranks from the same names: one of them is wrong. ∎
//!
//! `model` tries this with random interleavings. What it can't prevent: a request that was sent while
//! the right was there, and that the network keeps for longer than the difference of the two times.

mod keeper;
#[cfg(test)]
mod model;
mod rank;
mod roll;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::{Notify, watch};

pub(super) use self::keeper::Keeper;
use self::roll::Roll;

/// Where an application is worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Here.
    Here,
    /// At the member with this address.
    At(String),
    /// Here as soon as others have let go; why, in words.
    Soon(String),
}

/// The members as this process knows them. Alone, everything is its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    roll: Mutex<Roll>,
    /// Counts what may make somebody act otherwise.
    news: watch::Sender<u64>,
    /// Asks the keeper of our Lease to look.
    stir: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the roll; `change` says whether somebody may have to act otherwise. Returns the same.
    fn change(&self, change: impl FnOnce(&mut Roll) -> bool) -> bool {
        let news = change(&mut self.lock());
        if news {
            self.news.send_modify(|count| *count += 1);
        }
        news
    }
}

impl Members {
    fn of(own: &str, began: Instant) -> (Self, Arc<Shared>) {
        let shared = Arc::new(Shared {
            roll: Mutex::new(Roll::new(own, began)),
            news: watch::Sender::new(0),
            stir: Notify::new(),
        });
        (Self(Some(Arc::clone(&shared))), shared)
    }

    /// The right to write at all: our Lease can't have been closed by now. Asked before each write.
    pub(crate) fn holds(&self) -> bool {
        self.0.as_ref().is_none_or(|shared| shared.lock().holds(Instant::now()))
    }

    /// Whether we act for an application. Asked before each write, with [`Self::holds`].
    pub(crate) fn acts(&self, app: &str) -> bool {
        self.0.as_ref().is_none_or(|shared| shared.lock().acts(app))
    }

    /// How many members there are, this one included.
    pub(crate) fn count(&self) -> usize {
        self.0.as_ref().map_or(1, |shared| shared.lock().names().count())
    }

    /// True when somebody else was there at some time: what was read of an application may be older
    /// than what that one wrote.
    pub(crate) fn were_accompanied(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.lock().was_accompanied())
    }

    /// Where an application is worked on.
    pub(crate) fn place(&self, app: &str) -> Place {
        let Some(shared) = &self.0 else { return Place::Here };
        let roll = shared.lock();
        if roll.acts(app) {
            return Place::Here;
        }
        if let Some(address) = roll.address(roll.owner(app)) {
            return Place::At(address.to_owned());
        }
        let strangers: Vec<&str> = roll.strangers().collect();
        Place::Soon(match strangers.as_slice() {
            [] => "the other replicas have not been read yet".to_owned(),
            names => format!("{} has not let go of it yet", names.join(", ")),
        })
    }

    /// The addresses of all other members.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.0.as_ref().map_or_else(Vec::new, |shared| shared.lock().addresses())
    }

    /// Waits until all members are known that were there before us.
    pub(crate) async fn known(&self) {
        self.until(Roll::is_complete).await;
    }

    /// Waits until we act for an application.
    pub(crate) async fn acting(&self, app: &str) {
        self.until(|roll| roll.acts(app)).await;
    }

    /// Waits until we do not act for an application any more.
    pub(crate) async fn over(&self, app: &str) {
        if self.0.is_none() {
            std::future::pending::<()>().await;
        }
        self.until(|roll| !roll.acts(app)).await;
    }

    async fn until(&self, is_so: impl Fn(&Roll) -> bool) {
        let Some(shared) = &self.0 else { return };
        let mut news = shared.news.subscribe();
        while !is_so(&shared.lock()) {
            // The sender lives as long as `shared`.
            let _ = news.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures::{FutureExt as _, poll};

    use super::*;
    use crate::cluster::Lease;

    fn lease(name: &str, knows: &[&str]) -> Lease {
        let knows: BTreeSet<_> = knows.iter().map(|name| (*name).to_owned()).collect();
        let version = knows.len().to_string();
        Lease {
            name: name.to_owned(),
            address: format!("{name}:80"),
            version,
            knows,
            closed: false,
        }
    }

    /// An application whose owner of these two is `member`.
    fn app_of(member: &str) -> String {
        let owner = |app: &String| rank::owner(["a", "b"].into_iter(), app) == Some(member);
        (0..100).map(|number| format!("app-{number}")).find(owner).unwrap()
    }

    #[tokio::test]
    async fn alone_everything_is_ours() {
        let members = Members::default();
        assert!(members.holds() && members.acts("shop") && !members.were_accompanied());
        assert_eq!((members.place("shop"), members.count()), (Place::Here, 1));
        assert!(members.over("shop").now_or_never().is_none());
        members.known().await;
    }

    #[tokio::test]
    async fn a_newcomer_waits_for_the_word_of_those_who_were_there() {
        let now = Instant::now();
        let (members, shared) = Members::of("a", now);
        let (mine, other) = (app_of("a"), app_of("b"));
        shared.change(|roll| roll.saw(&lease("a", &[]), now) | roll.saw(&lease("b", &[]), now));
        let mut acting = std::pin::pin!(members.acting(&mine));
        assert!(poll!(acting.as_mut()).is_pending());
        shared.change(Roll::listed);
        assert!(poll!(acting.as_mut()).is_pending(), "b has not said that it knows us");
        assert_eq!(members.place(&mine), Place::Soon("b has not let go of it yet".to_owned()));
        assert_eq!(members.place(&other), Place::At("b:80".to_owned()));
        shared.change(|roll| roll.saw(&lease("b", &["a"]), now));
        assert!(poll!(acting.as_mut()).is_ready());
        assert!(!members.acts(&other));

        // Whoever comes later is known from its first moment, and nothing of ours has to wait.
        shared.change(|roll| roll.saw(&lease("c", &[]), now));
        assert!(shared.lock().strangers().next().is_none());
        let gone = Lease { closed: true, ..lease("b", &[]) };
        shared.change(|roll| roll.saw(&gone, now) | roll.closed("c", now));
        assert!(members.acts(&other), "those of who is gone are ours at once");
        assert!(!shared.change(|roll| roll.saw(&lease("b", &["a"]), now)), "it never comes back");
    }
}
