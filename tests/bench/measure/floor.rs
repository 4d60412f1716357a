//! The floor: what the server gives a client that does nothing but write.

use std::time::Instant;

use crate::{
    bare::AT_ONCE,
    figure::Figure,
    load::{LABEL, Load},
    measure::rate,
    rig::Rig,
    support::testbed::say,
    tail::Tail,
};

/// Applications that are enough to know the rate.
const APPS_MAX: usize = 200;

/// Objects per second.
pub(super) struct Floor {
    /// Created, until the last answer.
    pub(super) created: f64,
    /// Created, until the last Deployment is available.
    pub(super) available: f64,
}

pub(super) async fn measure(rig: &Rig, figures: &mut Vec<Figure>) -> Floor {
    let load = Load { name: "floor", apps: rig.load.apps.min(APPS_MAX) };
    rig.prepare(&load).await;
    let objects = load.objects();
    say(&format!("floor: {} objects, {AT_ONCE} at once ...", objects.len()));
    let selector = Some(format!("{LABEL}={}", load.name));
    let mut deployments = Tail::open(&rig.bare, "/apis/apps/v1/deployments", selector, |object| {
        object["status"]["availableReplicas"].to_string()
    });
    let begin = Instant::now();
    let created = rate(objects.len(), rig.bare.apply_all(&objects).await);
    let all: Vec<_> =
        (0..load.apps).map(|number| (load.namespace(number), load.app(number))).collect();
    let end = deployments.values(&all, "1").await;
    let available = rate(objects.len(), end - begin);
    let changes: Vec<_> = (0..load.apps).map(|number| load.map(number, 0, "changed")).collect();
    let changed = rate(changes.len(), rig.bare.apply_all(&changes).await);
    figures.push(Figure::new("floor: created", created, "objects/s"));
    figures.push(Figure::new("floor: created, until available", available, "objects/s"));
    figures.push(Figure::new("floor: changed", changed, "objects/s"));
    Floor { created, available }
}
