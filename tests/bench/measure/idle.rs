//! What nothing costs.

use std::{collections::BTreeMap, time::Duration};

use super::number;
use crate::{figure::Figure, rig::Rig, support::usage};

pub(super) async fn measure(rig: &Rig, idle_s: u64, figures: &mut Vec<Figure>) {
    rig.quiet().await;
    let pid = rig.controller.pid();
    let (before, mark) = (usage::cpu(pid), rig.plane.audit_mark());
    let span = Duration::from_secs(idle_s);
    tokio::time::sleep(span).await;
    let busy = usage::cpu(pid).saturating_sub(before);
    let mut verbs = BTreeMap::<String, usize>::new();
    for event in rig.asked(mark) {
        *verbs.entry(event.verb).or_default() += 1;
    }
    let watches = verbs.remove("watch").unwrap_or_default();
    let share = busy.as_secs_f64() / span.as_secs_f64() * 100.0;
    figures.push(Figure::new("idle: processor", share, "% of one").at_most(0.5));
    let others = number(verbs.values().sum());
    figures.push(Figure::new("idle: requests but watches and leases", others, "").at_most(0.0));
    for (verb, count) in verbs {
        figures.push(Figure::new(format!("idle: {verb}"), number(count), "requests"));
    }
    figures.push(Figure::new("idle: watches opened again", number(watches), "requests"));
    figures.push(Figure::new("memory: when idle", rig.memory().0, "MiB"));
}
