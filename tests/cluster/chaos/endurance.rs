//! Much work leaves nothing behind in the process, and no work costs nothing.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::rig::{Maps, maps};
use crate::{
    common::{PATH, Scene},
    support::{ControlPlane, ControllerOptions, usage},
};

const OBJECTS: usize = 260;
/// Corrections of each object: one more would be called a fight and slowed down.
const DRIFTS: usize = 4;
const COMMITS: usize = 200;
/// A sync is waited for after so many commits.
const COMMITS_AT_ONCE: usize = 5;
/// How long nothing is to happen.
const IDLE: Duration = Duration::from_secs(10);

fn wanted(round: usize) -> Maps {
    maps("map", OBJECTS, &format!("round {round}"))
}

/// Resident memory in KiB.
fn resident_kib(pid: u32) -> u64 {
    usage::memory(pid).now >> 10
}

#[tokio::test]
async fn a_thousand_corrections_and_two_hundred_commits_leave_memory_flat_and_the_processor_idle() {
    let Some(plane) = ControlPlane::shared() else { return };
    // Polls are work too: here somebody says when there is something new.
    let hourly = |options: &mut ControllerOptions| options.poll_interval = "1h".to_owned();
    let scene = Scene::behind_proxy(plane, "endurance", hourly).await;
    let first = wanted(0);
    scene.open(&first).await;
    let pid = scene.controller.pid();
    let api = Api::<ConfigMap>::namespaced(scene.client(), scene.target.name());
    let (parameters, drift) = (PatchParams::default(), json!({"data": {"v": "drift"}}));
    let mut resident = vec![resident_kib(pid)];
    for _ in 0..DRIFTS {
        stream::iter(first.keys())
            .map(|name| {
                let (api, parameters, patch) = (&api, &parameters, Patch::Merge(&drift));
                async move { api.patch(name, parameters, &patch).await }
            })
            .buffer_unordered(16)
            .try_collect::<Vec<_>>()
            .await
            .expect("anybody may write here");
        scene.hold(&first).await;
        resident.push(resident_kib(pid));
    }
    for batch in 0..COMMITS / COMMITS_AT_ONCE {
        let mut commit = String::new();
        for number in 0..COMMITS_AT_ONCE {
            // Few objects change, as with most commits.
            let mut next = first.clone();
            next.extend(maps("map", 5, &format!("commit {batch}.{number}")));
            commit = scene.commit(&next);
        }
        scene.refresh(PATH, "normal").await;
        scene.deployed(PATH, &commit).await;
        if batch % 8 == 7 {
            resident.push(resident_kib(pid));
        }
    }
    println!("resident KiB: {resident:?}");
    let (before, after) = (resident[DRIFTS], *resident.last().expect("there are some"));
    assert!(after <= before * 3 / 2 + 32 * 1024, "{resident:?}");

    // News of all that may still be on its way: it is idle once it has said nothing for a while.
    let proxy = scene.proxy();
    let mut seen = proxy.seen();
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        if std::mem::replace(&mut seen, proxy.seen()) == proxy.seen() {
            break;
        }
    }
    let before = usage::cpu(pid);
    tokio::time::sleep(IDLE).await;
    let (busy, requests) = (usage::cpu(pid).saturating_sub(before), proxy.seen() - seen);
    println!("idle for {IDLE:?}: {busy:?} of processor time, {requests} requests");
    // A watch ends after some minutes and is opened again.
    assert!(requests <= 2, "{requests} requests");
    assert!(busy <= IDLE / 20, "{busy:?}");
}
