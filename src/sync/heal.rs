//! Putting drift back, or saying that it is there.

use std::time::Duration;

use serde_json::Value;

use super::{
    act, clock,
    handle::DriftRecord,
    observe::{self, Seen},
    pass::{Pass, Work, labels},
    read::condition,
};
use crate::{
    api::ConditionType,
    object::ObjectId,
    plan::decide::{Extent, Mode, PruneOrder, State, decide},
    report::events::{EventReason, EventType},
};

/// Fields that an event names.
const FIELDS_TOLD_MAX: usize = 5;

/// Applies what drifted again, and nothing else.
pub(crate) async fn heal(pass: &mut Pass<'_>, work: &mut Work) {
    let now = pass.now;
    let mut due: Vec<ObjectId> = Vec::new();
    for seen in work.view.seen.iter().filter(|seen| is_drifted(seen)) {
        let id = &seen.subject.target.id;
        match Duration::try_from(pass.memory.heal_wait(id, now)) {
            Ok(wait) if wait > Duration::ZERO => pass.look_again(wait),
            _ => due.push(id.clone()),
        }
    }
    note_fights(pass, work, &due);
    let pick = |id: &ObjectId| due.contains(id);
    let mode = Mode {
        extent: Extent::Picked(&pick),
        waves: false,
        prune: PruneOrder::Never,
        force: false,
        replace: false,
        validate: pass.app.spec.sync_option("Validate") != Some("false"),
        propagation: "Foreground",
    };
    let decision = decide(&act::subjects(work), &[], &mode);
    let outcome = act::execute(pass, &decision.plan).await;
    let before: Vec<Seen> = work
        .view
        .seen
        .iter()
        .filter(|seen| due.contains(&seen.subject.target.id))
        .cloned()
        .collect();
    let refused = act::absorb(pass, work, &decision.plan, &outcome);
    let app = std::sync::Arc::clone(&pass.app);
    let Work { project, desired, kinds, .. } = &*work;
    work.view = observe::view(pass.ctx, &app, project, desired, kinds, pass.memory).await;
    for seen in &before {
        let id = &seen.subject.target.id;
        let back = work
            .view
            .seen
            .iter()
            .any(|after| after.subject.target.id == *id && after.subject.state == State::Clean);
        record(pass, seen, back);
        if back {
            pass.memory.healed(id, now);
            let latency = pass.asked_at.map_or(Duration::ZERO, |asked| asked.elapsed());
            pass.ctx.metrics.drift_corrected(latency);
        }
    }
    if let Some(refused) = refused {
        let text = format!("drift could not be put back: {}", refused.message);
        pass.conditions.push(condition(&ConditionType::SyncError, text));
        pass.memory.turn = Some(refused.turn);
        pass.look_again(crate::plan::gate::retry_delay(0, refused.turn));
    }
}

/// Says what drifted, without touching it.
pub(crate) fn report(pass: &mut Pass<'_>, work: &Work) {
    for seen in work.view.seen.iter().filter(|seen| is_drifted(seen)) {
        record(pass, seen, false);
    }
}

fn is_drifted(seen: &Seen) -> bool {
    seen.subject.state == State::Drifted || seen.deleted
}

/// Objects that somebody keeps changing are corrected with growing pauses; a condition names them.
fn note_fights(pass: &mut Pass<'_>, work: &Work, due: &[ObjectId]) {
    for seen in work.view.seen.iter().filter(|seen| is_drifted(seen)) {
        let id = &seen.subject.target.id;
        if due.contains(id) {
            continue;
        }
        let who = seen.drifts.iter().find_map(|drift| {
            (!drift.manager.is_empty()).then(|| format!("{} ({})", drift.manager, drift.path))
        });
        let text = format!(
            "{id} is changed again and again by {}; corrections are slowed down: stop the other \
             writer, remove the field from Git or list it in spec.ignoreDifferences",
            who.unwrap_or_else(|| "somebody".to_owned())
        );
        pass.conditions.push(condition(&ConditionType::SyncError, text));
    }
}

/// Keeps one record for each field, and tells about the object once.
fn record(pass: &mut Pass<'_>, seen: &Seen, corrected: bool) {
    let id = &seen.subject.target.id;
    let at = clock::now().to_string();
    let entry =
        |field: String, old: Option<Value>, new: Option<Value>, manager: &str| DriftRecord {
            group: id.group.clone(),
            kind: id.kind.clone(),
            namespace: id.namespace.clone(),
            name: id.name.clone(),
            field,
            old: masked(id, old),
            new: masked(id, new),
            manager: manager.to_owned(),
            at: at.clone(),
            corrected,
        };
    let records: Vec<DriftRecord> = if seen.deleted {
        vec![entry(String::new(), None, None, "")]
    } else {
        seen.drifts
            .iter()
            .map(|drift| {
                let (old, new) = (drift.old.clone(), drift.new.clone());
                entry(drift.path.to_string(), old, new, &drift.manager)
            })
            .collect()
    };
    let words: Vec<String> = records.iter().take(FIELDS_TOLD_MAX).map(words).collect();
    let mut fresh = false;
    for record in records {
        fresh |= pass.memory.drifted(record);
    }
    if !fresh {
        return;
    }
    pass.ctx.metrics.drift_seen(labels(&pass.app), &id.group_kind());
    let (event_type, reason, end) = if corrected {
        (EventType::Normal, EventReason::DriftCorrected, "put back")
    } else {
        (EventType::Warning, EventReason::Drifted, "not put back")
    };
    let text = format!("{id}: {}; {end}", words.join(", "));
    tracing::info!(app = pass.entry.name, drift = text, "drift");
    pass.tell(event_type, reason, &text);
}

/// A drift in words: field, values, who.
fn words(record: &DriftRecord) -> String {
    let show =
        |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
    let by = match record.manager.as_str() {
        "" => String::new(),
        manager => format!(" by {manager}"),
    };
    if record.field.is_empty() {
        return format!("the object was deleted{by}");
    }
    format!("{} changed from {} to {}{by}", record.field, show(&record.old), show(&record.new))
}

/// Values of Secrets never leave: not even their length is told.
fn masked(id: &ObjectId, value: Option<Value>) -> Option<Value> {
    if id.group.is_empty() && id.kind == "Secret" {
        value.map(|_| Value::from("++++++++"))
    } else {
        value
    }
}
