//! What the scenarios share: an application of many `ConfigMaps` behind a proxy, and how to tell
//! that the cluster is as Git says.

use std::{collections::BTreeMap, fmt::Write as _, fs, panic::Location};

use serde_json::{Value, json};

use crate::{
    common::{PATH, Scene, conditions, is_deployed},
    support::{ControlPlane, LIMIT, waited_for},
};

/// The annotation with the tracking id.
const TRACKING: &str = "argocd.argoproj.io/tracking-id";
/// Objects per file.
const FILE_OBJECTS: usize = 50;

/// `ConfigMaps` by name: the value of their key `v`.
pub(super) type Maps = BTreeMap<String, String>;

/// `count` `ConfigMaps` named `prefix` and a number, all with the value `v`.
pub(super) fn maps(prefix: &str, count: usize, v: &str) -> Maps {
    (0..count).map(|number| (format!("{prefix}-{number:03}"), v.to_owned())).collect()
}

/// What a commit wants: `half` objects that every commit names, and as many that are named after
/// `generation`. All have the round as their value.
pub(super) fn half_renamed(half: usize, round: usize, generation: usize) -> Maps {
    let v = format!("round {round}");
    let mut all = maps("kept", half, &v);
    all.extend(maps(&format!("renamed-{generation}"), half, &v));
    all
}

impl Scene {
    /// A scene behind a proxy on the shared control plane, with an application that is in sync;
    /// `None` when there is no control plane.
    #[track_caller]
    pub(super) fn synced(name: &str, first: &Maps) -> impl Future<Output = Option<Self>> {
        let plane = ControlPlane::shared();
        async move {
            let scene = Self::behind_proxy(plane?, name, |_| ()).await;
            scene.open(first).await;
            Some(scene)
        }
    }

    /// Adds the application, which takes its objects along when it goes, and syncs `first`.
    pub(super) async fn open(&self, first: &Maps) {
        self.application(PATH, |app| {
            app["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
        });
        self.deploy(first).await;
    }

    /// Commits exactly these `ConfigMaps`; returns the commit.
    pub(super) fn commit(&self, maps: &Maps) -> String {
        self.commit_with(maps, &[])
    }

    /// The same and other objects.
    pub(super) fn commit_with(&self, maps: &Maps, others: &[Value]) -> String {
        // It is not there before the first commit.
        let _ = fs::remove_dir_all(self.repo.dir().join(PATH));
        let maps: Vec<_> = maps.iter().collect();
        for (number, part) in maps.chunks(FILE_OBJECTS).enumerate() {
            let mut text = String::new();
            for (name, v) in part {
                let map = json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": name}, "data": {"v": v},
                });
                write!(text, "---\n{map}\n").expect("a String takes everything");
            }
            self.repo.write(&format!("{PATH}/{number:03}.yaml"), &text);
        }
        for (number, other) in others.iter().enumerate() {
            self.repo.write(&format!("{PATH}/other-{number}.json"), &other.to_string());
        }
        self.repo.commit("x")
    }

    /// Commits `wanted` and waits until it is in the cluster.
    #[track_caller]
    pub(super) fn deploy(&self, wanted: &Maps) -> impl Future<Output = Value> {
        let commit = self.commit(wanted);
        let what = format!("the sync of {commit}");
        self.until(PATH, what, move |app| is_deployed(app, &commit))
    }

    /// The `ConfigMaps` that carry a tracking id, as they are in the cluster; `None` when it does
    /// not answer.
    pub(super) async fn tracked(&self) -> Option<Maps> {
        let path = format!("/api/v1/namespaces/{}/configmaps", self.target);
        let list = self.get(&path).await?;
        let items = list["items"].as_array()?.iter();
        let mine = items.filter(|map| map["metadata"]["annotations"][TRACKING].is_string());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Some(mine.map(|map| (text(&map["metadata"]["name"]), text(&map["data"]["v"]))).collect())
    }

    /// Waits until the cluster holds exactly `wanted`.
    #[track_caller]
    pub(super) fn hold(&self, wanted: &Maps) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            let mut last = None;
            let look = async || {
                last = self.tracked().await;
                (last.as_ref() == Some(wanted)).then_some(())
            };
            if waited_for(LIMIT, look).await.is_none() {
                let app = self.app(PATH).await;
                let differs = differences(&last.unwrap_or_default(), wanted);
                panic!("{place}: {differs:?}\n{}", self.report(&app));
            }
        }
    }

    /// Waits until the proxy has done harm `count` times since `before`.
    #[track_caller]
    pub(super) fn harmed(&self, before: u64, count: u64) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            let harm = || self.proxy().faults() - before;
            let look = async || (harm() >= count).then_some(());
            let waited = waited_for(LIMIT, look).await;
            let tail = || self.tail();
            assert!(waited.is_some(), "{place}: {} of {count} faults\n{}", harm(), tail());
        }
    }

    /// Fails unless the cluster holds exactly `wanted`, there is nothing to be told and nothing
    /// asked for, and all that [`Scene::assert_settled`] shows.
    #[track_caller]
    pub(super) fn assert_deployed(&self, wanted: &Maps) -> impl Future<Output = ()> {
        let place = Location::caller();
        let told = self.until(PATH, "no conditions, and nothing asked for", |app| {
            app["operation"].is_null() && conditions(app).is_empty()
        });
        let settled = self.assert_settled(PATH);
        async move {
            let live = self.tracked().await.expect("the API server answers");
            let differs = differences(&live, wanted);
            assert!(differs.is_empty(), "{place}: {differs:?}\n{}", self.tail());
            told.await;
            settled.await;
        }
    }
}

/// What is not as Git says, and what should not be there.
fn differences(live: &Maps, wanted: &Maps) -> Vec<String> {
    let differs = wanted.iter().filter(|(name, v)| live.get(*name) != Some(v));
    let differs = differs.map(|(name, v)| format!("{name} is {:?}, not {v}", live.get(name)));
    let extra = live.keys().filter(|name| !wanted.contains_key(*name));
    differs.chain(extra.map(|name| format!("{name} is left behind"))).collect()
}
