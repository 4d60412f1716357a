//! A CRD counts as applied when the server serves its kinds.

use std::{sync::Arc, time::Duration};

use http::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    cluster::{Call, ClusterError, KindInfo, served_by},
    object::GroupVersionKind,
    plan::Step,
};

use super::Run;

/// Longest wait for a CRD; usually it takes some 50 ms.
const ESTABLISHED_MAX: Duration = Duration::from_secs(30);
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);

pub(super) fn is_crd(gvk: &GroupVersionKind) -> bool {
    gvk.group == "apiextensions.k8s.io" && gvk.kind == "CustomResourceDefinition"
}

/// Waits until the CRD is Established and discovery lists its kinds; returns it as it then is.
pub(super) async fn established(
    run: &Run<'_>,
    step: &Step,
    info: &Arc<KindInfo>,
    mut crd: Value,
) -> Result<Value, ClusterError> {
    let deadline = run.deadline.min(Instant::now() + ESTABLISHED_MAX);
    let mut pause = PAUSE_FIRST;
    while condition(&crd, "Established") != Some("True") {
        if Instant::now() + pause > deadline {
            let why = condition(&crd, "NamesAccepted").filter(|accepted| *accepted == "False");
            let why = if why.is_some() { ", its names are taken" } else { "" };
            return Err(ClusterError::Silent {
                what: format!("applied {}, but it is not established{why}", step.id),
                limit_s: ESTABLISHED_MAX.as_secs(),
            });
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
        let what = format!("could not read {}", step.id);
        let call = Call::new(Method::GET, info.object(&step.id), what).by(deadline);
        crd = run.cluster.call(call).await?.body;
    }
    for gvk in served_by(&crd) {
        run.cluster.wait_served(&gvk, deadline).await?;
    }
    Ok(crd)
}

fn condition<'a>(crd: &'a Value, kind: &str) -> Option<&'a str> {
    crd.pointer("/status/conditions")?
        .as_array()?
        .iter()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))?
        .get("status")?
        .as_str()
}
