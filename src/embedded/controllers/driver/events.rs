//! Events, as `kubectl describe` shows them. What is repeated is counted; the oldest ones go.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    embedded::controllers::{
        Action, Actor, Cluster, Event, Propagation, node,
        read::{count, stamp, text},
    },
    object::{ObjectId, meta},
};

/// Most events at a time.
const EVENTS_MAX: usize = 2000;
/// How long an event is kept.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(1);

/// What makes two events the same.
type Likeness = (String, String, String, &'static str);

/// The events that were written.
#[derive(Default)]
pub(super) struct Recorder {
    written: HashMap<Likeness, ObjectId>,
    order: VecDeque<(Timestamp, Likeness, ObjectId)>,
    number: u64,
}

impl Recorder {
    /// What is to be written for an event.
    pub(super) fn record(
        &mut self,
        cluster: &impl Cluster,
        event: &Event,
        now: Timestamp,
    ) -> Vec<(Actor, Action)> {
        let actor = match event.source {
            "kubelet" => Actor::Kubelet,
            "default-scheduler" => Actor::Scheduler,
            _ => Actor::Controllers,
        };
        let likeness = (
            text(&event.about, "/uid").to_owned(),
            event.reason.clone(),
            event.message.clone(),
            event.source,
        );
        let known = self.written.get(&likeness).and_then(|id| cluster.get(id));
        if let Some(mut known) = known {
            known["count"] = json!(count(&known, "/count") + 1);
            known["lastTimestamp"] = json!(stamp(now));
            return vec![(actor, Action::Update(known))];
        }
        let mut actions = self.expire(cluster, now);
        self.number += 1;
        let object = made(event, self.number, now);
        if let Some(id) = meta::id(&object) {
            self.order.push_back((now, likeness.clone(), id.clone()));
            self.written.insert(likeness, id);
        }
        actions.push((actor, Action::create(object)));
        actions
    }

    /// Forgets what is too old or too much.
    fn expire(&mut self, cluster: &impl Cluster, now: Timestamp) -> Vec<(Actor, Action)> {
        let mut actions = Vec::new();
        while let Some((at, ..)) = self.order.front() {
            if self.order.len() < EVENTS_MAX && now.duration_since(*at) < AGE_MAX {
                break;
            }
            let Some((_, likeness, id)) = self.order.pop_front() else { break };
            if self.written.get(&likeness) == Some(&id) {
                self.written.remove(&likeness);
            }
            if let Some(object) = cluster.get(&id) {
                let uid = meta::uid(&object).to_owned();
                let propagation = Propagation::Background;
                let delete = Action::Delete { id, uid, propagation, at_once: true };
                actions.push((Actor::Controllers, delete));
            }
        }
        actions
    }
}

fn made(event: &Event, number: u64, now: Timestamp) -> Value {
    let namespace = match text(&event.about, "/namespace") {
        "" => "default",
        namespace => namespace,
    };
    // As client-go names them: the object, and a time in hexadecimal. The number makes it unique.
    let ticks = now.as_nanosecond() + i128::from(number);
    let name = format!("{}.{ticks:x}", text(&event.about, "/name"));
    let mut source = json!({"component": event.source});
    if event.source == "kubelet" {
        source["host"] = json!(node::NAME);
    }
    let kind = if event.is_warning { "Warning" } else { "Normal" };
    json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": event.about, "reason": event.reason, "message": event.message,
        "type": kind, "source": source, "count": 1,
        "firstTimestamp": stamp(now), "lastTimestamp": stamp(now), "eventTime": null,
        "reportingComponent": event.source,
        "reportingInstance": if event.source == "kubelet" { node::NAME } else { "" },
    })
}
