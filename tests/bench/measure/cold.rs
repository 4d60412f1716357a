//! From nothing to everything healthy.

use super::{floor::Floor, number, rate};
use crate::{
    figure::Figure,
    load::OBJECTS,
    rig::Rig,
    support::{testbed::say, usage},
};

pub(super) async fn measure(rig: &mut Rig, floor: &Floor, figures: &mut Vec<Figure>) {
    let (at_start, _) = rig.memory();
    assert!(rig.controller.terminate().success(), "{}", rig.controller.log());
    rig.open().await;
    let apps = rig.load.apps;
    say(&format!("cold sync of {apps} applications ..."));

    let mark = rig.plane.audit_mark();
    let begin = rig.start_again();
    let commit = rig.repo.head();
    let end = rig.all_done(&commit).await;
    rig.controller.await_ready();
    let cpu = usage::cpu(rig.controller.pid());
    let (memory, most) = rig.memory();
    let objects = apps * OBJECTS;
    let healthy = rate(objects, end - begin);
    let asked = rig.asked(mark);
    let count = |wanted: &dyn Fn(&&crate::support::AuditEvent) -> bool| {
        number(asked.iter().filter(wanted).count())
    };
    let applied = count(&|event| event.is_apply() && event.group != "argoproj.io");
    let status = count(&|event| event.is_write() && event.group == "argoproj.io");
    let watches = count(&|event| event.verb == "watch");
    let others = number(asked.len()) - applied - status - watches;

    figures.push(Figure::new("cold sync, to healthy", (end - begin).as_secs_f64(), "s"));
    figures.push(Figure::new("cold sync, to healthy", healthy, "objects/s"));
    let ratio = |name: &str, floor: f64| Figure::new(name, healthy / floor, "");
    figures.push(ratio("cold sync / floor", floor.created).at_least(0.8));
    figures.push(ratio("cold sync / floor until available", floor.available));
    let (objects, apps) = (number(objects), number(apps));
    figures.push(Figure::new("cold sync: applies per object", applied / objects, "").at_most(1.0));
    figures.push(
        Figure::new("cold sync: status writes per application", status / apps, "").at_most(2.0),
    );
    figures.push(Figure::new("cold sync: watches opened", watches, ""));
    figures.push(Figure::new("cold sync: other requests per object", others / objects, ""));
    figures.push(Figure::new("cold sync: processor", cpu.as_secs_f64() * 1000.0 / apps, "ms/app"));
    figures.push(Figure::new("memory: at start", at_start, "MiB"));
    let memory_max = if apps <= 100.0 { 50.0 } else { 100.0 };
    let after = Figure::new("memory: after cold sync", memory, "MiB");
    figures.push(if apps <= 1000.0 { after.at_most(memory_max) } else { after });
    figures.push(Figure::new("memory: the most in the cold sync", most, "MiB"));
    let each = (memory - at_start) * 1024.0 / apps;
    figures.push(Figure::new("memory: per application", each, "KiB"));
}
