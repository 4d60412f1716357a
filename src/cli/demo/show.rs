//! What people see of a demo: what to try, and what happens.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    time::Duration,
};

use tokio::time::{interval, sleep};

use super::{
    NAMESPACE,
    frame::{Scene, event_row, frame, state},
    place::Place,
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

/// Says what runs where, and what to try.
pub(super) fn introduce(
    place: &Place,
    listen: SocketAddr,
    ui: &mut Ui,
) -> Result<(), CommandError> {
    let repository = place.repository();
    let paint = ui.paint;
    let stays = if place.stays() { "stays when the demo ends" } else { "goes when the demo ends" };
    ui.line(&format!(
        "{} An API server in memory, a Git repository with two applications, and the\n\
         controller that makes the first equal to the second. Ctrl-C ends it.\n",
        paint.bold("Steadfast demo.")
    ))?;
    let rows = [
        ("repository", repository.display().to_string()),
        ("kubeconfig", place.kubeconfig().display().to_string()),
        ("status API", format!("http://{listen}/api/v1/applications")),
        ("log", place.log().display().to_string()),
    ];
    for (what, place) in rows {
        ui.line(&format!("  {what:<11} {}", escape(&place)))?;
    }
    ui.line(&format!("  the directory {stays}\n"))?;
    let guide = guide(&repository, &place.kubeconfig());
    place.write_guide(&guide)?;
    ui.line(&paint.bold("Try, in another terminal:"))?;
    for line in guide.lines() {
        ui.line(&format!("  {}", escape(line)))?;
    }
    ui.line("")?;
    ui.flush()
}

/// What to try, as people read it.
fn guide(repository: &Path, kubeconfig: &Path) -> String {
    let mut text = String::new();
    for (what, commands) in things_to_try(repository, kubeconfig) {
        text += &format!("# {what}\n");
        for command in commands {
            text += &format!("{command}\n");
        }
    }
    text
}

/// What to try, with the commands for it. A test runs them as they are printed.
pub(super) fn things_to_try(
    repository: &Path,
    kubeconfig: &Path,
) -> [(&'static str, Vec<String>); 5] {
    let (repository, kubeconfig) = (quoted(repository), quoted(kubeconfig));
    let commit = |from: &str, to: &str, message: &str| {
        vec![
            format!("sed -i.bak 's/whoami:{from}/whoami:{to}/' {repository}/pampam/cart.yaml"),
            format!("git -C {repository} commit -qm '{message}' pampam/cart.yaml"),
        ]
    };
    [
        (
            "look around with kubectl",
            vec![
                format!("export KUBECONFIG={kubeconfig}"),
                format!("kubectl get applications -n {NAMESPACE}"),
            ],
        ),
        ("release a new version by a commit", commit("v1.*", "v1.11.0", "Bump the cart")),
        (
            "change something by hand: it is put back at once",
            vec!["kubectl scale deployment cart -n pampam --replicas=1".to_owned()],
        ),
        (
            "release a broken version: the old pods stay",
            commit("v1.*", "v1.12.0-broken", "Break the cart"),
        ),
        ("go back to what worked", vec![format!("git -C {repository} revert --no-edit HEAD")]),
    ]
}

/// A path as a word for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
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
    let workloads = ["Deployment", "StatefulSet"]
        .into_iter()
        .flat_map(|kind| server.list(&GroupKind::new("apps", kind), None));
    let mut events = server.list(&GroupKind::new("", "Event"), Some(NAMESPACE));
    events.retain(|event| text(event, "/involvedObject/kind") == "Application");
    events.sort_by(|one, other| {
        let key = |event| (text(event, "/lastTimestamp").to_owned(), revision(event));
        key(one).cmp(&key(other))
    });
    Scene {
        applications: server.list(&GroupKind::new("argoproj.io", "Application"), Some(NAMESPACE)),
        workloads: workloads.collect(),
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
        for app in &scene.applications {
            let commit: String = text(app, "/status/sync/revision").chars().take(8).collect();
            let state = format!("{} {commit}", state(app).join(" "));
            if self.states.get(meta::name(app)) != Some(&state) {
                ui.line(&escape(&format!("{} is {state}", meta::name(app))))?;
                self.states.insert(meta::name(app).to_owned(), state);
            }
        }
        ui.flush()
    }
}
