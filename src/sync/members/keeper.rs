//! The tasks that make a member of this process: its Lease is kept, those of others are watched, and
//! whoever is new is let in.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use futures::StreamExt as _;
use tokio::time::{sleep, sleep_until, timeout};

use super::{
    super::{
        clock,
        context::Context,
        fleet::Fleet,
        readiness::{Need, Readiness},
        tasks::Tasks,
    },
    Members, Shared,
    roll::{EXPIRES_AFTER, HELD_FOR, Roll},
};
use crate::{
    cluster::{Changed, Cluster, ClusterError, Lease, ResourceEvent, watch_resources},
    config::Replica,
    object::Turn,
};

/// Time between two renewals.
const RENEW_EVERY: Duration = Duration::from_secs(2);
/// Pause before a request is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(300);
/// Time for the first Lease to be created.
const JOIN_LIMIT: Duration = Duration::from_secs(30);
/// Time for writes under way to be answered when the process stops. Whoever takes longer keeps its
/// Lease until others close it.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);

/// Keeps the Lease of this process.
pub(crate) struct Keeper {
    cluster: Cluster,
    namespace: String,
    shared: Arc<Shared>,
    lease: Lease,
}

/// How one look at our Lease ended.
enum Kept {
    /// Look again then.
    Until(Instant),
    /// We are no member any more.
    Lost,
}

impl Keeper {
    /// Becomes a member. `listen` is where the status API listens.
    pub(crate) async fn join(
        cluster: &Cluster,
        namespace: &str,
        replica: &Replica,
        listen: SocketAddr,
    ) -> anyhow::Result<(Self, Members)> {
        let ip = replica.ip.unwrap_or_else(|| reachable(listen.ip()));
        let address = SocketAddr::new(ip, listen.port()).to_string();
        let begin = Instant::now();
        loop {
            let began = Instant::now();
            let name = replica.identity();
            let lease = Lease { name, address: address.clone(), ..Lease::default() };
            match cluster.create_lease(namespace, &lease, EXPIRES_AFTER, clock::now()).await {
                Ok(Some(version)) => {
                    let (members, shared) = Members::of(&lease.name, began);
                    tracing::info!(replica = lease.name, address, "this replica has its Lease");
                    let cluster = cluster.clone();
                    let lease = Lease { version, ..lease };
                    let keeper = Self { cluster, namespace: namespace.to_owned(), shared, lease };
                    return Ok((keeper, members));
                }
                // Somebody else has this name: the next one is another.
                Ok(None) => {}
                Err(cause) if cause.turn() == Turn::Cluster && begin.elapsed() < JOIN_LIMIT => {
                    tracing::debug!(cause = cause.chain(), "the Lease was not created");
                    sleep(TRY_AGAIN).await;
                }
                Err(cause) => return Err(cause).context("cannot share the applications"),
            }
        }
    }

    /// Starts the tasks.
    pub(crate) fn start(
        self,
        ctx: &Arc<Context>,
        fleet: &Arc<Fleet>,
        readiness: &Arc<Readiness>,
        tasks: &Tasks,
    ) {
        readiness.bad(Need::Members, "the other replicas have not been read yet");
        let follow = follow(ctx.cluster.clone(), self.namespace.clone(), Arc::clone(&self.shared));
        tasks.follow("members", follow);
        let let_in = let_in(ctx.cluster.clone(), Arc::clone(&self.shared));
        tasks.follow("new members", let_in);
        let tell = tell(Arc::clone(&self.shared), self.lease.name.clone(), Arc::clone(readiness));
        tasks.follow("news of members", tell);
        let (fleet, readiness, tasks_too) =
            (Arc::clone(fleet), Arc::clone(readiness), tasks.clone());
        tasks.follow("lease", async move {
            let name = self.lease.name.clone();
            self.keep(&fleet, &readiness).await;
            tasks_too.fail(format!(
                "{name} has lost its Lease: it was not renewed for {} s, or somebody deleted it; \
                 other replicas act for its applications now",
                EXPIRES_AFTER.as_secs()
            ));
        });
    }

    /// Renews our Lease, and closes those of others that are not renewed; returns when ours is lost.
    async fn keep(mut self, fleet: &Fleet, readiness: &Readiness) {
        let mut renewal = Instant::now() + RENEW_EVERY;
        loop {
            let overdue = self.shared.lock().next_overdue();
            // What was overdue and could not be closed is not tried without a pause.
            let overdue = overdue.map(|at| at.max(Instant::now() + TRY_AGAIN));
            let due = overdue.map_or(renewal, |overdue| overdue.min(renewal));
            let stirred = tokio::select! {
                () = sleep_until(due.into()) => false,
                () = self.shared.stir.notified() => true,
            };
            if stirred || Instant::now() >= renewal {
                match self.renew(fleet).await {
                    Kept::Until(at) => renewal = at,
                    Kept::Lost => {
                        self.shared.change(|roll| {
                            roll.lose();
                            true
                        });
                        return;
                    }
                }
            }
            self.close_overdue().await;
            self.sweep().await;
            self.report(readiness);
        }
    }

    async fn renew(&mut self, fleet: &Fleet) -> Kept {
        let began = Instant::now();
        let knows = self.shared.lock().knows().clone();
        let lease = Lease { knows, ..self.lease.clone() };
        match self.cluster.renew_lease(&self.namespace, &lease, clock::now()).await {
            Ok(Changed::To(version)) => {
                self.lease = Lease { version, ..lease };
                let lapsed = !self.shared.lock().holds(began);
                self.shared.change(|roll| {
                    if lapsed {
                        // Others may have been as unable to renew theirs.
                        roll.begin_anew(Instant::now());
                    }
                    roll.renewed(began);
                    false
                });
                if lapsed {
                    tracing::info!("the Lease of this replica is renewed again");
                    // What could not be written meanwhile.
                    fleet.wake_all();
                }
                Kept::Until(began + RENEW_EVERY)
            }
            Ok(Changed::Absent) => Kept::Lost,
            Ok(Changed::Conflict) => self.read_again().await,
            Err(cause) => again(&cause),
        }
    }

    /// An answer was lost, or somebody else changed our Lease.
    async fn read_again(&mut self) -> Kept {
        match self.cluster.read_lease(&self.namespace, &self.lease.name).await {
            Ok(Some(live)) if !live.closed => {
                self.lease.version = live.version;
                Kept::Until(Instant::now())
            }
            Ok(_) => Kept::Lost,
            Err(cause) => again(&cause),
        }
    }

    /// Closes the Leases of members that have not been heard of for too long.
    async fn close_overdue(&self) {
        let overdue = self.shared.lock().overdue(Instant::now());
        for (name, version) in overdue {
            let closing =
                self.cluster.close_lease(&self.namespace, (&name, &version), "not renewed").await;
            let live = match closing {
                Ok(Changed::To(_)) => {
                    tracing::warn!(replica = name, "it was not heard of for too long: it is out");
                    None
                }
                Ok(Changed::Absent) => None,
                Ok(Changed::Conflict) => {
                    match self.cluster.read_lease(&self.namespace, &name).await {
                        Ok(live) => live,
                        Err(_) => continue,
                    }
                }
                Err(cause) => {
                    tracing::debug!(cause = cause.chain(), "a Lease was not closed");
                    continue;
                }
            };
            let now = Instant::now();
            self.shared.change(|roll| match &live {
                Some(live) => roll.saw(live, now),
                None => roll.closed(&name, now),
            });
        }
    }

    /// Deletes Leases that were closed long ago.
    async fn sweep(&self) {
        let litter = self.shared.lock().litter(Instant::now());
        for name in litter {
            if self.cluster.delete_lease(&self.namespace, &name).await.is_ok() {
                self.shared.lock().deleted(&name);
            }
        }
    }

    fn report(&self, readiness: &Readiness) {
        let roll = self.shared.lock();
        let now = Instant::now();
        if !roll.is_complete() {
            return;
        }
        if roll.holds(now) {
            readiness.good(Need::Members);
        } else {
            let seconds = roll.age(now).as_secs();
            let why = format!(
                "the Lease of this replica was not renewed for {seconds} s: nothing is written"
            );
            if readiness.is_good(Need::Members) {
                tracing::warn!("{why}");
            }
            readiness.bad(Need::Members, why);
        }
    }
}

impl Members {
    /// Stops being a member, once all writes under way have been answered. Nothing may be written
    /// any more.
    pub(crate) async fn leave(&self, cluster: &Cluster, namespace: &str) {
        let Some(shared) = &self.0 else { return };
        if shared.lock().is_lost() {
            return;
        }
        let leaving = async {
            cluster.writes_landed().await;
            let own = shared.lock().own().to_owned();
            loop {
                // A renewal may be on its way: the version is the one that is there.
                if let Ok(live) = cluster.read_lease(namespace, &own).await {
                    let Some(live) = live.filter(|live| !live.closed) else { return };
                    let place = (own.as_str(), live.version.as_str());
                    let closed = cluster.close_lease(namespace, place, "stopped").await;
                    if let Ok(Changed::To(_) | Changed::Absent) = closed {
                        return;
                    }
                }
                sleep(TRY_AGAIN).await;
            }
        };
        if timeout(LEAVE_LIMIT, leaving).await.is_err() {
            tracing::warn!(
                "the Lease of this replica was not closed: others take over in {} s",
                EXPIRES_AFTER.as_secs()
            );
        }
    }
}

fn again(cause: &ClusterError) -> Kept {
    tracing::debug!(cause = cause.chain(), "the Lease was not renewed");
    Kept::Until(Instant::now() + TRY_AGAIN)
}

/// An address at which others on this machine find a listener on all addresses.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

/// Follows the Leases of all members.
async fn follow(cluster: Cluster, namespace: String, shared: Arc<Shared>) {
    let mut events = std::pin::pin!(watch_resources(&cluster, Lease::query(&namespace)));
    while let Some(event) = events.next().await {
        match event {
            ResourceEvent::Applied(lease) => {
                let lease = Lease::parse(&lease);
                shared.change(|roll| roll.saw(&lease, Instant::now()));
            }
            ResourceEvent::Synced => drop(shared.change(Roll::listed)),
            ResourceEvent::Deleted { name, .. } => {
                // How it ended may not have been seen: it counts as a member until it expires.
                shared.lock().deleted(&name);
                // It may be ours.
                shared.stir.notify_one();
            }
            ResourceEvent::Alive => {}
            ResourceEvent::NotServed => tracing::warn!("the cluster serves no Leases"),
            ResourceEvent::Lost { message, .. } => {
                tracing::warn!(message, "the Leases of other replicas can't be followed");
            }
        }
    }
}

/// Says in our Lease that we know a new member, once all that was sent before has been answered.
async fn let_in(cluster: Cluster, shared: Arc<Shared>) {
    let mut news = shared.news.subscribe();
    loop {
        news.mark_unchanged();
        let names = shared.lock().unsettled();
        if names.is_empty() {
            // The sender lives as long as `shared`.
            let _ = news.changed().await;
            continue;
        }
        cluster.writes_landed().await;
        shared.lock().settle(names);
        shared.stir.notify_one();
    }
}

/// Logs who the members are, whenever that changes.
async fn tell(shared: Arc<Shared>, own: String, readiness: Arc<Readiness>) {
    let mut news = shared.news.subscribe();
    let mut told = (Vec::new(), Vec::new());
    loop {
        news.mark_unchanged();
        let (complete, now) = {
            let roll = shared.lock();
            let names: Vec<String> = roll.names().map(str::to_owned).collect();
            let strangers: Vec<String> = roll.strangers().map(str::to_owned).collect();
            (roll.is_complete() && !roll.is_lost(), (names, strangers))
        };
        if complete && now != told {
            readiness.good(Need::Members);
            let (members, waits_for) = (now.0.join(", "), now.1.join(", "));
            tracing::info!(replica = own, members, waits_for, "the applications are shared");
            told = now;
        }
        let _ = news.changed().await;
    }
}

// The second time is what makes the first a promise.
const _: () = assert!(HELD_FOR.as_secs() < EXPIRES_AFTER.as_secs());
