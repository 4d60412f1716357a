//! Input that can't be used: one condition and one Event say where and what to do, everything else
//! goes on, and nothing is lost.

mod files;
mod kinds;
mod limits;
mod repositories;
mod sources;

use std::time::{Duration, Instant};

use crate::{
    common::Scene,
    support::{AuditEvent, LIMIT},
};

/// How long nothing may be written while input is broken.
const QUIET: Duration = Duration::from_secs(10);

/// Panics with all that went wrong.
fn all_well(results: Vec<Result<(), String>>) {
    let wrong: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Nothing at all is written while nothing changes.
async fn quiet(scene: &Scene) {
    calm(scene, |_| false).await;
}

/// Nothing is written for [`QUIET`] but what is excused; Events are written with a delay, so the
/// time may begin a little later.
async fn calm(scene: &Scene, is_excused: impl Fn(&AuditEvent) -> bool) {
    let begin = Instant::now();
    let mut mark = scene.plane.audit_mark();
    let mut since = Instant::now();
    while since.elapsed() < QUIET {
        tokio::time::sleep(QUIET / 20).await;
        let next = scene.plane.audit_mark();
        let writes = scene.all_writes_since(mark);
        if !writes.iter().all(&is_excused) {
            assert!(begin.elapsed() < LIMIT, "{writes:#?}\n{}", scene.tail());
            (mark, since) = (next, Instant::now());
        }
    }
}
