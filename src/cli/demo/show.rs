//! What people see of a demo: what to try, and what happens.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use tokio::time::{interval, sleep};

use super::{
    NAMESPACE,
    frame::{Scene, commit, event_row, frame, state},
    guide::guide,
    place::Place,
    workload::{KINDS, Workload},
};
use crate::{
    cli::{
        app::view::text,
        error::CommandError,
        output::{Ui, paint::escape, wrap::wrap},
    },
    embedded::Server,
    object::{GroupKind, meta},
};

/// Time between two pictures, so that a burst of changes is one.
const DRAW_PAUSE: Duration = Duration::from_millis(100);
/// Ages and clocks move also when nothing happens.
const DRAW_PERIOD: Duration = Duration::from_secs(10);
/// Events that are remembered as told.
const TOLD_MAX: usize = 10_000;

/// Says what runs where, and what to try. `taken` is the address that the status API would have if
/// nobody else had it.
pub(super) fn introduce(
    place: &Place,
    address: SocketAddr,
    taken: Option<SocketAddr>,
    ui: &mut Ui,
) -> Result<(), CommandError> {
    let paint = ui.paint;
    let stays = if place.stays() { "stays when the demo ends" } else { "goes when the demo ends" };
    ui.line(&format!(
        "{} An API server in memory, a Git repository with two\n\
         applications, and the controller that makes the first equal to the second.\n\
         Ctrl-C ends it.\n",
        paint.bold("Steadfast demo.")
    ))?;
    let taken = taken.map(|taken| format!(" ({taken} is taken)")).unwrap_or_default();
    let rows = [
        ("repository", place.repository().display().to_string()),
        ("kubeconfig", place.kubeconfig().display().to_string()),
        ("status API", format!("http://{address}/api/v1/applications{taken}")),
        ("log", place.log().display().to_string()),
    ];
    for (what, place) in rows {
        ui.line(&format!("  {what:<11} {}", escape(&place)))?;
    }
    ui.line(&format!("  the directory {stays}\n"))?;
    let guide = guide(place, address);
    place.write_guide(&guide)?;
    ui.line(&paint.bold("Try, in another terminal:"))?;
    for line in guide.lines() {
        ui.line(&format!("  {}", escape(line)))?;
    }
    ui.line("")?;
    ui.flush()
}

/// Shows what happens, for ever: a picture that is drawn anew on a terminal, lines elsewhere.
pub(super) async fn follow(
    server: &Server,
    place: &Place,
    ui: &mut Ui,
) -> Result<(), CommandError> {
    let mut changes = server.changes();
    let foot = format!("Ctrl-C ends the demo. What to try: {}", place.guide().display());
    let mut shown = Shown { foot: escape(&foot), ..Shown::default() };
    let mut ticks = interval(DRAW_PERIOD);
    loop {
        shown.show(&look(server), ui)?;
        tokio::select! {
            _ = changes.next() => {}
            _ = ticks.tick() => {}
        }
        // What came in the pause is in the same picture.
        sleep(DRAW_PAUSE).await;
        changes = server.changes();
    }
}

/// Reads what is shown.
fn look(server: &Server) -> Scene {
    let workloads = KINDS
        .into_iter()
        .flat_map(|[group, kind]| server.list(&GroupKind::new(group, kind), None))
        // A Job of a CronJob is told by the CronJob.
        .filter(|object| text(object, "/kind") != "Job" || meta::owners(object).is_empty());
    let mut events = server.list(&GroupKind::new("", "Event"), Some(NAMESPACE));
    events.retain(|event| text(event, "/involvedObject/kind") == "Application");
    events.sort_by(|one, other| {
        let key = |event| (text(event, "/lastTimestamp").to_owned(), revision(event));
        key(one).cmp(&key(other))
    });
    Scene {
        applications: server.list(&GroupKind::new("argoproj.io", "Application"), Some(NAMESPACE)),
        workloads: workloads.map(|object| Workload::of(&object)).collect(),
        events,
    }
}

fn revision(object: &serde_json::Value) -> u64 {
    meta::resource_version(object).parse().unwrap_or_default()
}

/// What people have been told already.
#[derive(Default)]
struct Shown {
    /// The last line of the picture.
    foot: String,
    lines_drawn: usize,
    /// What was said last of an application or a workload.
    states: BTreeMap<String, String>,
    events: BTreeSet<u64>,
}

impl Shown {
    fn show(&mut self, scene: &Scene, ui: &mut Ui) -> Result<(), CommandError> {
        match ui.size() {
            Some((columns, rows)) => self.draw(scene, columns, rows, ui),
            None => self.tell(scene, ui),
        }
    }

    /// Draws the picture over the last one.
    fn draw(
        &mut self,
        scene: &Scene,
        columns: usize,
        rows: usize,
        ui: &mut Ui,
    ) -> Result<(), CommandError> {
        let mut lines = frame(scene, columns, rows.saturating_sub(3), ui.paint);
        lines.push(String::new());
        let foot = wrap(&self.foot, columns, 2, 1).into_iter();
        lines.extend(foot.map(|line| ui.paint.dim(&line)));
        if self.lines_drawn > 0 {
            ui.bytes(format!("\x1b[{}A\x1b[J", self.lines_drawn).as_bytes())?;
        }
        for line in &lines {
            ui.line(line)?;
        }
        self.lines_drawn = lines.len();
        ui.flush()
    }

    /// Writes a line for each thing that is new.
    fn tell(&mut self, scene: &Scene, ui: &mut Ui) -> Result<(), CommandError> {
        for event in &scene.events {
            if self.events.insert(revision(event)) {
                let [time, who, reason, message] = event_row(event);
                ui.line(&escape(&format!("{time} {who} {reason}: {message}")))?;
            }
        }
        while self.events.len() > TOLD_MAX {
            self.events.pop_first();
        }
        for line in self.news(scene) {
            ui.line(&escape(&line))?;
        }
        ui.flush()
    }

    /// What applications and workloads have come to since it was said last.
    fn news(&mut self, scene: &Scene) -> Vec<String> {
        let apps = scene.applications.iter().map(|app| {
            let name = meta::name(app);
            (name.to_owned(), format!("{name} is {} {}", state(app).join(" "), commit(app)))
        });
        let workloads = scene.workloads.iter().map(|it| (it.name.clone(), it.line()));
        let states: BTreeMap<_, _> = apps.chain(workloads).collect();
        let known = std::mem::replace(&mut self.states, states);
        let changed =
            self.states.iter().filter(|(subject, state)| known.get(*subject) != Some(state));
        let gone = known.keys().filter(|subject| !self.states.contains_key(*subject));
        changed
            .map(|(_, state)| state.trim_end().to_owned())
            .chain(gone.map(|subject| format!("{subject} is gone")))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn app(health: &str) -> Value {
        let status = json!({"sync": {"status": "Synced"}, "health": {"status": health}});
        json!({"metadata": {"name": "shop"}, "status": status})
    }

    fn cart(ready: i64) -> Workload {
        Workload::of(&json!({
            "metadata": {"namespace": "shop", "name": "cart"},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [{"image": "web:1"}]}}},
            "status": {"replicas": 2, "updatedReplicas": 2, "readyReplicas": ready},
        }))
    }

    #[test]
    fn a_change_is_told_once() {
        let scene = |applications, workloads| Scene { applications, workloads, events: Vec::new() };
        let mut shown = Shown::default();
        let steps: [(Scene, &[&str]); 4] = [
            (
                scene(vec![app("Progressing")], vec![cart(1)]),
                &["shop is Synced Progressing", "shop/cart: 1 of 2 ready (web:1)"],
            ),
            (scene(vec![app("Progressing")], vec![cart(1)]), &[]),
            (scene(vec![app("Progressing")], vec![cart(2)]), &["shop/cart: 2/2 ready (web:1)"]),
            (scene(vec![], vec![]), &["shop is gone", "shop/cart is gone"]),
        ];
        for (scene, wanted) in steps {
            assert_eq!(shown.news(&scene), wanted);
        }
    }
}
