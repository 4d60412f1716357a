//! Replicas that share the applications: one that is killed, stopped or paused, and one that joins.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    common::{Scene, config_map},
    support::{AuditEvent, AuditMark, ControlPlane, Controller, LIMIT, Namespace, eventually},
};

/// What the account of each replica may do: everything, so that it can begin an installation.
const RIGHTS: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NAME}
rules: [{apiGroups: [\"*\"], resources: [\"*\"], verbs: [\"*\"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: NAME}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: NAME}
subjects: [{kind: ServiceAccount, name: NAME, namespace: HOME}]
";
/// The promise after a kill.
const KILLED_LIMIT: Duration = Duration::from_secs(20);
/// The promise after an orderly end.
const STOPPED_LIMIT: Duration = Duration::from_secs(2);

/// Replicas that share applications of one `ConfigMap` each.
struct Crowd {
    /// Its controller is replica 0.
    scene: Scene,
    others: Vec<Controller>,
    accounts: Namespace,
    apps: usize,
}

impl Crowd {
    /// So many replicas, each with an account of its own, and so many applications in sync with the
    /// first commit.
    #[track_caller]
    fn begin(name: &str, replicas: usize, apps: usize) -> impl Future<Output = Option<Self>> {
        let plane = ControlPlane::shared();
        async move {
            let plane = plane?;
            let accounts = plane.namespace(&format!("{name}-accounts")).await;
            let first = Self::account(&plane, &accounts, 0).await;
            let scene = Scene::with(plane, name, |options| {
                options.kubeconfig = Some(first);
                options.args.push("--leader-elect".to_owned());
            })
            .await;
            let mut crowd = Self { scene, others: Vec::new(), accounts, apps };
            for _ in 1..replicas {
                crowd.join().await;
            }
            crowd.commit("1");
            for app in crowd.names() {
                crowd.scene.application(&app, |resource| {
                    resource["spec"]["source"]["path"] = json!(format!("apps/{app}"));
                });
            }
            crowd.holds("1").await;
            Some(crowd)
        }
    }

    async fn account(
        plane: &Arc<ControlPlane>,
        accounts: &Namespace,
        replica: usize,
    ) -> std::path::PathBuf {
        let name = format!("{accounts}-{replica}");
        plane.apply("", &RIGHTS.replace("NAME", &name).replace("HOME", accounts.name()));
        let kubeconfig = plane.service_account(accounts.name(), &name);
        let user = format!("system:serviceaccount:{accounts}:{name}");
        let settled = async || plane.may(&user, "create", "namespaces", "default").then_some(());
        eventually(LIMIT, "the rights hold", settled).await;
        kubeconfig
    }

    /// Starts one replica more.
    async fn join(&mut self) {
        let replica = self.others.len() + 1;
        let mut options = self.scene.controller.options();
        options.data_dir = None;
        options.kubeconfig = Some(Self::account(&self.scene.plane, &self.accounts, replica).await);
        self.others.push(Controller::start(&self.scene.plane, options));
    }

    fn replica(&self, number: usize) -> &Controller {
        if number == 0 { &self.scene.controller } else { &self.others[number - 1] }
    }

    fn signal(&self, replica: usize, signal: Signal) {
        let pid = i32::try_from(self.replica(replica).pid()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process number"), signal).expect("it runs");
    }

    fn names(&self) -> Vec<String> {
        (0..self.apps).map(|number| format!("app-{number:02}")).collect()
    }

    /// Commits one value for the objects of all applications.
    fn commit(&self, value: &str) -> String {
        for app in self.names() {
            let map = config_map(&app, &[("v", value)]);
            self.scene.repo.write(&format!("apps/{app}/map.yaml"), &map);
        }
        self.scene.repo.commit(&format!("Say {value}"))
    }

    /// How long a commit to all applications takes while nobody leaves: on a machine that does much
    /// else a hand-over comes on top of this.
    async fn usual(&self, value: &str) -> Duration {
        let begin = Instant::now();
        self.commit(value);
        self.holds(value).await;
        begin.elapsed()
    }

    /// Waits until the objects of all applications have this value.
    #[track_caller]
    fn holds(&self, value: &str) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let mut last = Vec::new();
            let look = async || {
                let path = format!("/api/v1/namespaces/{}/configmaps", self.scene.target);
                let list = self.scene.get(&path).await?;
                let items = list["items"].as_array()?;
                let found: BTreeSet<&str> = items
                    .iter()
                    .filter(|map| map["data"]["v"] == value)
                    .filter_map(|map| map["metadata"]["name"].as_str())
                    .collect();
                last = self.names();
                last.retain(|app| !found.contains(app.as_str()));
                last.is_empty().then_some(())
            };
            let waited = crate::support::waited_for(LIMIT, look).await;
            assert!(waited.is_some(), "{place}: {last:?} have not {value}\n{}", self.logs());
        }
    }

    /// Ends replica 1, which acted for `lost` applications, and waits until replica 0 has synced a
    /// commit to all of them, which has to take no longer than is promised.
    async fn hand_over(&self, lost: usize, limit: Duration, end: impl FnOnce(&Self)) {
        let usual = self.usual("2").await;
        end(self);
        let ended = Instant::now();
        let mark = self.scene.plane.audit_mark();
        self.commit("3");
        self.holds("3").await;
        let took = ended.elapsed();
        println!("all of {lost} were taken over after {took:.1?}, usual is {usual:.1?}");
        assert!(took < limit + 2 * usual, "{took:.1?}, {usual:.1?}\n{}", self.logs());
        assert!(self.writers(mark).await.values().all(|writer| *writer == 0));
    }

    /// Waits until a replica has ended by itself; returns how.
    async fn ended(&self, replica: usize) -> ExitStatus {
        let look = async || self.replica(replica).status();
        eventually(LIMIT, &format!("replica {replica} to end"), look).await
    }

    fn logs(&self) -> String {
        let logs = (0..=self.others.len()).map(|number| {
            let log = self.replica(number).log();
            let lines: Vec<_> = log.lines().collect();
            format!("replica {number}:\n{}", lines[lines.len().saturating_sub(30)..].join("\n"))
        });
        logs.collect::<Vec<_>>().join("\n")
    }

    /// The writes to objects and Applications since `mark` that came to something.
    fn writes(&self, mark: AuditMark) -> Vec<AuditEvent> {
        let mut writes = self.scene.all_writes_since(mark);
        writes.retain(|event| event.code < 300 && !event.is_dry_run());
        writes
    }

    /// Who wrote each object since `mark`; fails unless each was written once. A write may be seen
    /// before it stands in the audit log.
    #[track_caller]
    fn writers(&self, mark: AuditMark) -> impl Future<Output = BTreeMap<String, usize>> {
        let place = std::panic::Location::caller();
        async move {
            let look = async || {
                let mut writes = self.writes(mark);
                writes.retain(|event| event.resource == "configmaps");
                let names: BTreeSet<_> = writes.iter().map(|event| event.name.clone()).collect();
                (names.into_iter().collect::<Vec<_>>() == self.names()).then_some(writes)
            };
            let writes = eventually(LIMIT, &format!("{place}: all writes"), look).await;
            let count = writes.len();
            let writers: BTreeMap<_, _> =
                writes.into_iter().map(|event| (event.name.clone(), writer(&event))).collect();
            assert_eq!(count, writers.len(), "{place}: one was written twice\n{}", self.logs());
            writers
        }
    }

    /// Waits until each application has one of these replicas that acts for it, as all of them see
    /// it.
    async fn shared_by(&self, replicas: &[usize]) {
        let read = |replica: usize, metric: &str| -> Option<usize> {
            let (_, page) = self.replica(replica).request("GET", "/metrics", None);
            let page = page.as_str()?.to_owned();
            page.lines().find_map(|line| line.strip_prefix(metric)?.trim().parse().ok())
        };
        let look = async || {
            let mut owned = 0;
            for replica in replicas {
                owned += read(*replica, "steadfast_applications_owned ")?;
                let members = read(*replica, "steadfast_replicas ")?;
                (members == replicas.len()).then_some(())?;
            }
            (owned == self.apps).then_some(())
        };
        eventually(LIMIT, &format!("{replicas:?} to share all applications"), look).await;
    }

    /// Shows that a second pass over each of some applications plans nothing.
    async fn assert_settled(&self, apps: &[&String]) {
        for app in apps {
            self.scene.assert_settled(app).await;
        }
    }
}

/// Which replica wrote: the accounts are numbered.
fn writer(event: &AuditEvent) -> usize {
    let number = event.user.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
    number.unwrap_or_else(|| panic!("{event:?} is nobody's"))
}

/// The applications that this replica wrote.
fn share(writers: &BTreeMap<String, usize>, replica: usize) -> Vec<&String> {
    writers.iter().filter(|(_, writer)| **writer == replica).map(|(app, _)| app).collect()
}

#[tokio::test]
async fn what_a_killed_replica_acted_for_is_synced_by_the_other_within_20_s() {
    let begin = AuditMark::default();
    let Some(crowd) = Crowd::begin("killed", 2, 20).await else { return };
    let writers = crowd.writers(begin).await;
    let (kept, lost) = (share(&writers, 0), share(&writers, 1));
    assert!(!kept.is_empty() && !lost.is_empty(), "{writers:?}");

    crowd.hand_over(lost.len(), KILLED_LIMIT, |crowd| crowd.replica(1).kill9()).await;
    crowd.assert_settled(&[lost[0], kept[0]]).await;
}

#[tokio::test]
async fn what_a_stopped_replica_acted_for_is_synced_by_the_other_within_2_s() {
    let begin = AuditMark::default();
    let Some(crowd) = Crowd::begin("stopped", 2, 20).await else { return };
    let writers = crowd.writers(begin).await;
    let lost = share(&writers, 1);
    assert!(!lost.is_empty(), "{writers:?}");

    crowd.hand_over(lost.len(), STOPPED_LIMIT, |crowd| crowd.signal(1, Signal::TERM)).await;
    // It may still be busy with its end, and a second signal would cut that short.
    let status = crowd.ended(1).await;
    assert!(status.success(), "{}", crowd.logs());
    crowd.assert_settled(&lost[..1]).await;
}

#[tokio::test]
async fn a_paused_replica_writes_nothing_any_more_once_it_goes_on() {
    let begin = AuditMark::default();
    let Some(crowd) = Crowd::begin("paused", 2, 20).await else { return };
    let writers = crowd.writers(begin).await;
    let lost = share(&writers, 1);
    assert!(!lost.is_empty(), "{writers:?}");

    // It is paused when there is work.
    crowd.commit("2");
    crowd.signal(1, Signal::STOP);
    let paused = Instant::now();
    crowd.holds("2").await;
    // What it had not begun is only done once the other is sure of it.
    crowd.shared_by(&[0]).await;
    println!("the other acts for everything after {:.1?}", paused.elapsed());

    // It wakes up to more work, and to objects that are not as it left them.
    let mark = crowd.scene.plane.audit_mark();
    crowd.commit("3");
    crowd.scene.target.delete("configmap", lost[0]);
    crowd.signal(1, Signal::CONT);
    let status = crowd.ended(1).await;
    assert!(!status.success());
    let log = crowd.replica(1).log();
    assert!(log.contains("has lost its Lease"), "{log}");
    crowd.holds("3").await;
    let late: Vec<_> = crowd.writes(mark).into_iter().filter(|event| writer(event) == 1).collect();
    assert!(late.is_empty(), "{late:#?}\n{}", crowd.logs());
    crowd.assert_settled(&lost[..1]).await;
}

#[tokio::test]
async fn a_third_replica_takes_its_share_and_gives_it_back() {
    let begin = AuditMark::default();
    let Some(mut crowd) = Crowd::begin("three", 2, 30).await else { return };
    let two = crowd.writers(begin).await;
    let mark = crowd.scene.plane.audit_mark();
    crowd.join().await;
    crowd.shared_by(&[0, 1, 2]).await;
    let moved = crowd.scene.writes_since(mark);
    assert!(moved.is_empty(), "who takes over has nothing to do: {moved:#?}");

    let mark = crowd.scene.plane.audit_mark();
    crowd.commit("2");
    crowd.holds("2").await;
    let three = crowd.writers(mark).await;
    let shares: Vec<usize> = (0..3).map(|replica| share(&three, replica).len()).collect();
    println!("of 30 applications the replicas have {shares:?}");
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
    for (app, writer) in &three {
        assert!(*writer == 2 || *writer == two[app], "{app} has moved from one to another");
    }
    every_replica_answers(&crowd, &three);

    crowd.signal(2, Signal::TERM);
    crowd.shared_by(&[0, 1]).await;
    let mark = crowd.scene.plane.audit_mark();
    crowd.commit("3");
    crowd.holds("3").await;
    assert_eq!(crowd.writers(mark).await, two, "everything is where it was before");
    for replica in 0..2 {
        let apps = share(&two, replica);
        crowd.assert_settled(&apps[..1]).await;
    }
}

/// Each replica answers for all applications, whoever acts for them.
fn every_replica_answers(crowd: &Crowd, writers: &BTreeMap<String, usize>) {
    for replica in 0..3 {
        let controller = crowd.replica(replica);
        let (code, list) = controller.request("GET", "/api/v1/applications", None);
        assert_eq!((code, list["items"].as_array().map(Vec::len)), (200, Some(30)));
        for owner in 0..3 {
            let app = share(writers, owner)[0];
            let path = format!("/api/v1/applications/{app}/managed-resources");
            let (code, answer) = controller.request("GET", &path, None);
            assert_eq!(code, 200, "{replica} about {app}: {answer:#}");
            let items = answer["items"].as_array().cloned().unwrap_or_default();
            let names: Vec<&Value> = items.iter().map(|item| &item["name"]).collect();
            assert_eq!(names, [app], "{replica} about an application of {owner}");
        }
    }
}
