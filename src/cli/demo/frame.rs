//! What a demo looks like at one moment. Pure: objects in, lines out.

use serde_json::Value;

use super::workload::Workload;
use crate::{
    cli::{
        app::view::{list, text},
        output::{
            paint::{Paint, escape},
            table::{Column, table},
            wrap::{cut, wrap},
        },
    },
    object::meta,
};

/// What is shown, as the cluster holds it.
#[derive(Debug, Clone, Default)]
pub(super) struct Scene {
    pub(super) applications: Vec<Value>,
    /// Deployments and the like.
    pub(super) workloads: Vec<Workload>,
    /// What happened to applications, oldest first.
    pub(super) events: Vec<Value>,
}

/// Lines of the newest events.
const EVENT_LINES_MAX: usize = 7;
/// Lines of one event, or of what is to be said of one application.
const TEXT_LINES_MAX: usize = 3;
/// What is shown when somebody has deleted all of them.
const NO_APPLICATIONS: &str = "No applications. The next demo has them again.";
/// Characters of a commit's id.
const COMMIT_CHARACTERS: usize = 8;
/// Width of the time of an event, and of the gap behind it.
const INDENT: usize = 9;
/// A terminal that is narrower gets no commits and no images.
const ALL_COLUMNS_MIN: usize = 60;

/// The whole picture in at most `rows_max` lines of `columns_max` characters: applications, what
/// runs, what happened lately. Workloads that are on their way come first and are cut last.
pub(super) fn frame(
    scene: &Scene,
    columns_max: usize,
    rows_max: usize,
    paint: Paint,
) -> Vec<String> {
    let mut lines = applications(scene, columns_max, paint);
    lines.push(String::new());
    let events = events(scene, columns_max, paint);
    let rest = rows_max.saturating_sub(lines.len() + events.len() + 1);
    lines.extend(workloads(scene, columns_max, rest, paint));
    lines.push(String::new());
    lines.extend(events);
    lines.truncate(rows_max);
    lines
}

fn applications(scene: &Scene, columns_max: usize, paint: Paint) -> Vec<String> {
    let columns = [
        Column::Fixed("APPLICATION"),
        Column::State("SYNC"),
        Column::State("HEALTH"),
        Column::Fixed("COMMIT"),
    ];
    let row = |app: &Value| {
        let [sync, health] = state(app);
        vec![meta::name(app).to_owned(), sync, health, commit(app)]
    };
    let rows: Vec<_> = scene.applications.iter().map(row).collect();
    let mut lines = drawn(&columns, &rows, 3, columns_max, paint);
    if rows.is_empty() {
        lines = wrap(NO_APPLICATIONS, columns_max, 2, TEXT_LINES_MAX);
    }
    for app in &scene.applications {
        let Some(remark) = remark(app) else { continue };
        let said = escape(&format!("{}: {remark}", meta::name(app)));
        let said = wrap(&said, columns_max, 2, TEXT_LINES_MAX);
        lines.extend(said.iter().map(|line| paint.dim(line)));
    }
    lines
}

/// Sync and health status, `Unknown` before there is one.
pub(super) fn state(app: &Value) -> [String; 2] {
    ["/status/sync/status", "/status/health/status"].map(|pointer| or_unknown(text(app, pointer)))
}

/// The beginning of the commit that an application is at; empty before there is one.
pub(super) fn commit(app: &Value) -> String {
    text(app, "/status/sync/revision").chars().take(COMMIT_CHARACTERS).collect()
}

/// What is to be said of an application that is not as it should be.
fn remark(app: &Value) -> Option<&str> {
    let condition = list(app, "/status/conditions").first();
    let condition = condition.map(|condition| text(condition, "/message"));
    let running = text(app, "/status/operationState/phase") == "Running";
    let operation = running.then(|| text(app, "/status/operationState/message"));
    let is_healthy = text(app, "/status/health/status") == "Healthy";
    let health = (!is_healthy).then(|| text(app, "/status/health/message"));
    let said = [condition, operation, health].into_iter().flatten();
    said.into_iter().find(|said| !said.is_empty())
}

fn or_unknown(word: &str) -> String {
    if word.is_empty() { "Unknown" } else { word }.to_owned()
}

fn workloads(scene: &Scene, columns_max: usize, rows_max: usize, paint: Paint) -> Vec<String> {
    let columns = [
        Column::Path("WORKLOAD"),
        Column::Fixed("READY"),
        Column::Text("IMAGE"),
        Column::Text("ROLLOUT"),
    ];
    let mut shown: Vec<&Workload> = scene.workloads.iter().collect();
    shown.sort_by_key(|workload| (workload.rollout.is_empty(), &workload.name));
    let hidden = if shown.len() < rows_max { 0 } else { shown.len() + 2 - rows_max.max(2) };
    shown.truncate(shown.len() - hidden.min(shown.len()));
    let row = |workload: &&Workload| {
        let Workload { name, ready, image, rollout, .. } = workload;
        [name, ready, image, rollout].map(Clone::clone).to_vec()
    };
    let rows: Vec<_> = shown.iter().map(row).collect();
    let mut lines = drawn(&columns, &rows, 2, columns_max, paint);
    if hidden > 0 {
        lines.push(paint.dim(&format!("and {hidden} more")));
    }
    lines
}

/// The newest events, each on as many lines as it takes. What states came to is shown above.
fn events(scene: &Scene, columns_max: usize, paint: Paint) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for event in scene.events.iter().rev() {
        if text(event, "/reason") == "ResourceUpdated" {
            continue;
        }
        let [time, who, reason, message] = event_row(event);
        let said = escape(&format!("{time} {who} {reason}: {message}"));
        let mut said = wrap(&said, columns_max, INDENT, TEXT_LINES_MAX);
        if lines.len() + said.len() > EVENT_LINES_MAX {
            break;
        }
        // The time of the newest stands out.
        if lines.is_empty() {
            said[0] = paint.bold(&said[0]);
        }
        said.append(&mut lines);
        lines = said;
    }
    lines
}

/// When, to whom, what, in words: the cells of an Event.
pub(super) fn event_row(event: &Value) -> [String; 4] {
    let time = text(event, "/lastTimestamp").get(11..19).unwrap_or_default();
    let [who, reason, message] = ["/involvedObject/name", "/reason", "/message"]
        .map(|pointer| text(event, pointer).replace('\n', " "));
    [time.to_owned(), who, reason, message]
}

/// The lines of a table, none too long. A narrow one has no column `spare`.
fn drawn(
    columns: &[Column],
    rows: &[Vec<String>],
    spare: usize,
    columns_max: usize,
    paint: Paint,
) -> Vec<String> {
    let (mut columns, mut rows) = (columns.to_vec(), rows.to_vec());
    if columns_max < ALL_COLUMNS_MIN {
        columns.remove(spare);
        for row in &mut rows {
            row.remove(spare);
        }
    }
    let table = table(&columns, &rows, Some(columns_max), paint);
    table.lines().map(|line| cut(line, columns_max)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workload(name: &str, wanted: i64, updated: i64, ready: i64) -> Workload {
        Workload::of(&json!({
            "metadata": {"namespace": "shop", "name": name, "generation": 1},
            "spec": {"replicas": wanted, "template": {"spec": {"containers": [{"image": "web:1"}]}}},
            "status": {"observedGeneration": 1, "replicas": wanted, "updatedReplicas": updated,
                "readyReplicas": ready},
        }))
    }

    fn scene() -> Scene {
        Scene {
            applications: vec![json!({
                "metadata": {"name": "shop"},
                "status": {
                    "sync": {"status": "Synced", "revision": "0123456789abcdef"},
                    "health": {"status": "Progressing"},
                    "operationState": {"phase": "Running", "message": "waits for cart"},
                },
            })],
            workloads: vec![workload("a", 3, 3, 3), workload("b", 3, 1, 3), workload("c", 3, 3, 2)],
            events: vec![json!({
                "lastTimestamp": "2026-11-21T10:11:12Z", "involvedObject": {"name": "shop"},
                "reason": "DriftCorrected", "message": "Deployment a: spec.replicas 5 -> 3",
            })],
        }
    }

    #[test]
    fn what_moves_stands_above_what_rests() {
        let lines = frame(&scene(), 100, 24, Paint::new(false));
        expect_test::expect![[r"
            APPLICATION  SYNC    HEALTH       COMMIT
            shop         Synced  Progressing  01234567
            shop: waits for cart

            WORKLOAD  READY  IMAGE  ROLLOUT
            shop/b    3/3    web:1  1 of 3 updated
            shop/c    2/3    web:1  2 of 3 ready
            shop/a    3/3    web:1

            10:11:12 shop DriftCorrected: Deployment a: spec.replicas 5 -> 3
        "]]
        .assert_eq(
            &(lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n") + "\n"),
        );
    }

    #[test]
    fn a_small_terminal_gets_what_fits() {
        for (columns, rows) in (12..100).zip((1..20).cycle()) {
            let lines = frame(&scene(), columns, rows, Paint::new(false));
            assert!(lines.len() <= rows, "{columns}x{rows}: {lines:#?}");
            let is_long = |line: &String| line.chars().count() > columns;
            assert!(!lines.iter().any(is_long), "{columns}x{rows}: {lines:#?}");
        }
        let lines = frame(&scene(), 40, 20, Paint::new(false));
        assert!(lines.iter().any(|line| line.ends_with("1 of 3 updated")), "{lines:#?}");
        let lines = frame(&scene(), 80, 9, Paint::new(false));
        assert!(lines.iter().any(|line| line.contains("and 2 more")), "{lines:#?}");
    }

    #[test]
    fn where_nothing_is_left_it_says_how_to_get_it_back() {
        let lines = frame(&Scene::default(), 80, 24, Paint::new(false));
        assert_eq!(lines[0], NO_APPLICATIONS);
    }
}
