//! A start with everything in sync.

use std::time::Instant;

use serde_json::Value;

use super::number;
use crate::{
    figure::Figure,
    rig::Rig,
    support::{LIMIT, eventually},
};

pub(super) async fn measure(rig: &mut Rig, figures: &mut Vec<Figure>) {
    rig.quiet().await;
    assert!(rig.controller.terminate().success(), "{}", rig.controller.log());
    start(rig, "start in sync", figures).await;
    rig.controller.kill9();
    start(rig, "start after SIGKILL", figures).await;
}

async fn start(rig: &mut Rig, name: &str, figures: &mut Vec<Figure>) {
    let mark = rig.plane.audit_mark();
    let begin = rig.start_again();
    rig.controller.await_ready();
    let ready = begin.elapsed();
    let reported = reported(rig).await - begin;
    rig.quiet().await;
    let asked = rig.asked(mark);
    let writes = asked.iter().filter(|event| event.is_write()).count();
    let time = |what: &str, s: f64| Figure::new(format!("{name}: {what}"), s, "s");
    figures.push(time("ready", ready.as_secs_f64()));
    figures.push(time("all reported", reported.as_secs_f64()).at_most(5.0));
    figures.push(Figure::new(format!("{name}: requests"), number(asked.len()), ""));
    figures.push(Figure::new(format!("{name}: writes"), number(writes), "").at_most(0.0));
    figures.push(Figure::new(format!("{name}: memory"), rig.memory().0, "MiB"));
}

/// When the status API showed all applications as synced.
async fn reported(rig: &Rig) -> Instant {
    let path = "/api/v1/applications?fields=items.status.sync.status";
    let look = async || {
        let (code, page) = rig.controller.get(path)?;
        let page: Value = serde_json::from_str(&page).ok().filter(|_| code == 200)?;
        let items = page["items"].as_array()?;
        let synced = items.iter().filter(|item| item["status"]["sync"]["status"] == "Synced");
        (synced.count() == rig.load.apps).then(Instant::now)
    };
    eventually(LIMIT * 5, "all applications to be reported", look).await
}
