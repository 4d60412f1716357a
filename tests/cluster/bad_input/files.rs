//! Files that are wrong. All rows live in one repository, one application and one directory each,
//! and break in the same commit.

use std::{collections::BTreeMap, fs, os::unix::fs::symlink, time::Duration};

use futures::future::join_all;
use serde_json::Value;

use crate::{
    ground::{Event, Ground, Repository, conditions, config_map},
    support::ControlPlane,
};

/// How long nothing may be written while input is broken.
const QUIET: Duration = Duration::from_secs(10);

/// One way to break a directory.
struct Row {
    name: &'static str,
    /// Breaks the directory.
    make: fn(&Repository, &str),
    /// Type of the condition.
    kind: &'static str,
    /// What condition and event have to say; `{}` is the directory.
    says: &'static [&'static str],
    /// The server refuses the object, so the sync is tried again now and then.
    refused: bool,
}

const MANIFEST: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ";

const ROWS: [Row; 14] = [
    Row {
        name: "broken-yaml",
        make: |repository, dir| {
            let text = format!("{MANIFEST}broken\ndata:\n  a: 1\n b: [\n");
            repository.write(&format!("{dir}/bad.yaml"), &text);
        },
        kind: "ComparisonError",
        says: &["{}/bad.yaml:7: "],
        refused: false,
    },
    Row {
        name: "no-name",
        make: |repository, dir| {
            let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: {a: b}\n";
            repository.write(&format!("{dir}/bad.yaml"), text);
        },
        kind: "ComparisonError",
        says: &["{}/bad.yaml:3: ConfigMap", "metadata.name"],
        refused: false,
    },
    Row {
        name: "unknown-kind",
        make: |repository, dir| {
            let text = "\n---\napiVersion: nowhere.example/v1\nkind: Thing\nmetadata: {name: t}\n";
            repository.write(&format!("{dir}/bad.yaml"), text);
        },
        kind: "ComparisonError",
        says: &["{}/bad.yaml:3: ", "Thing in nowhere.example/v1", "CustomResourceDefinition"],
        refused: false,
    },
    Row {
        name: "invalid-value",
        make: |repository, dir| {
            let text = "apiVersion: v1\nkind: Service\nmetadata: {name: invalid-value-bad}\n\
                        spec: {ports: [{port: 99999}]}\n";
            repository.write(&format!("{dir}/bad.yaml"), text);
        },
        kind: "SyncError",
        says: &["Service", "/invalid-value-bad", "{}/bad.yaml:1", "spec.ports[0].port", "65535"],
        refused: true,
    },
    Row {
        name: "unknown-field",
        make: |repository, dir| {
            let text = "apiVersion: v1\nkind: Service\nmetadata: {name: unknown-field-bad}\n\
                        spec: {prots: [], ports: [{port: 80}]}\n";
            repository.write(&format!("{dir}/bad.yaml"), text);
        },
        kind: "SyncError",
        says: &["Service", "/unknown-field-bad", "{}/bad.yaml:1", ".spec.prots"],
        refused: true,
    },
    Row {
        name: "too-large",
        make: |repository, dir| {
            let value = "x".repeat(2 << 20);
            let text = config_map("too-large-bad", &value);
            repository.write(&format!("{dir}/bad.yaml"), &text);
        },
        kind: "SyncError",
        says: &["ConfigMap", "/too-large-bad", "{}/bad.yaml:1", "1048576"],
        refused: true,
    },
    Row {
        name: "no-namespace",
        make: |repository, dir| {
            let text = format!("{MANIFEST}lost\n  namespace: nowhere\n");
            repository.write(&format!("{dir}/bad.yaml"), &text);
        },
        kind: "SyncError",
        says: &["ConfigMap nowhere/lost", "{}/bad.yaml:1", "namespace", "CreateNamespace"],
        refused: true,
    },
    Row {
        name: "no-path",
        make: |repository, dir| repository.remove(dir),
        kind: "ComparisonError",
        says: &["path {} does not exist"],
        refused: false,
    },
    Row {
        name: "link-out",
        make: |repository, dir| {
            let link = repository.dir().join(dir).join("bad.yaml");
            symlink("../../../../../../etc/passwd", link).expect("it is writable");
        },
        kind: "ComparisonError",
        says: &["{}/bad.yaml: ", "link", "out of the repository"],
        refused: false,
    },
    Row {
        name: "huge-file",
        make: |repository, dir| {
            let mut text = config_map("huge", "x");
            text.push_str(&"# nothing but a hundred megabytes\n".repeat(100 << 20 >> 5));
            repository.write(&format!("{dir}/bad.yaml"), &text);
        },
        kind: "ComparisonError",
        says: &["{}/bad.yaml: ", "bytes", "split the file"],
        refused: false,
    },
    Row {
        name: "alias-bomb",
        make: |repository, dir| {
            let mut text =
                format!("{MANIFEST}bomb\ndata:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
            for level in 1..12 {
                let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
                text.push_str(&format!("  a{level}: &a{level} [{aliases}]\n"));
            }
            repository.write(&format!("{dir}/bad.yaml"), &text);
        },
        kind: "ComparisonError",
        says: &["{}/bad.yaml:", "alias"],
        refused: false,
    },
    Row {
        name: "kustomize",
        make: |repository, dir| {
            repository.write(&format!("{dir}/kustomization.yaml"), "resources: [keep.yaml]\n");
        },
        kind: "ComparisonError",
        says: &["{}/kustomization.yaml", "Kustomize rendering is not available"],
        refused: false,
    },
    Row {
        name: "helm",
        make: |repository, dir| {
            let text = "apiVersion: v2\nname: x\nversion: 0.1.0\n";
            repository.write(&format!("{dir}/Chart.yaml"), text);
        },
        kind: "ComparisonError",
        says: &["{}/Chart.yaml", "Helm rendering is not available"],
        refused: false,
    },
    Row {
        name: "secret",
        make: |repository, dir| {
            let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: secret-bad}\n\
                        data: {token: 'hunter2!'}\nstringData: {other: hunter2}\n";
            repository.write(&format!("{dir}/bad.yaml"), text);
        },
        kind: "SyncError",
        says: &["Secret", "/secret-bad", "{}/bad.yaml:1", "token"],
        refused: true,
    },
];

/// Rows whose every file is out of reach: nothing of the application can go on.
const STANDS_STILL: [&str; 3] = ["no-path", "kustomize", "helm"];

#[tokio::test]
async fn a_bad_file_gives_one_condition_and_one_event_and_all_else_goes_on() {
    let Some(plane) = ControlPlane::shared() else { return };
    let ground = Ground::start(&plane, "files").await;
    let repository = Repository::empty("files");
    for name in names() {
        repository.write(&format!("{name}/keep.yaml"), &config_map(&format!("{name}-keep"), "one"));
        repository.write(&format!("{name}/old.yaml"), &config_map(&format!("{name}-old"), "one"));
    }
    let first = repository.commit("good");
    for name in names() {
        ground.add(name, &repository.url(), name);
    }
    for name in names() {
        ground.until_synced(name, &first).await;
    }

    for name in names() {
        repository.write(&format!("{name}/keep.yaml"), &config_map(&format!("{name}-keep"), "two"));
        repository.remove(&format!("{name}/old.yaml"));
    }
    for row in &ROWS {
        (row.make)(&repository, row.name);
    }
    let second = repository.commit("bad");
    ground.until_synced("well", &second).await;
    let told = join_all(ROWS.iter().map(|row| is_told(&ground, row))).await;
    let silent: Vec<String> = told.into_iter().flatten().collect();
    assert!(silent.is_empty(), "{}", silent.join("\n\n"));
    goes_on(&ground);
    no_storm(&ground).await;
    for row in &ROWS {
        told_once(&ground, row);
    }
    nothing_of_a_secret(&ground);

    for row in &ROWS {
        let bad = repository.dir().join(row.name);
        drop(fs::remove_dir_all(&bad));
        repository.write(
            &format!("{}/keep.yaml", row.name),
            &config_map(&format!("{}-keep", row.name), "3"),
        );
    }
    let third = repository.commit("good again");
    for row in &ROWS {
        ground.until_synced(row.name, &third).await;
        assert_eq!(ground.config(&format!("{}-old", row.name), "key"), None, "{}", row.name);
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name).chain(["well"])
}

/// The condition is there and is the only one; else what is wrong.
async fn is_told(ground: &Ground, row: &Row) -> Option<String> {
    let said =
        |text: &str| row.says.iter().all(|part| text.contains(&part.replace("{}", row.name)));
    let what = format!("to have only a {} that says {:?}", row.kind, row.says);
    let told = |app: &Value| {
        let held = conditions(app);
        held.len() == 1 && held[0].0 == row.kind && said(&held[0].1)
    };
    ground.seen(row.name, &what, told).await.err()
}

/// Other objects of the same application were synced, and nothing was pruned.
fn goes_on(ground: &Ground) {
    for row in &ROWS {
        let keep = ground.config(&format!("{}-keep", row.name), "key");
        let wanted = if STANDS_STILL.contains(&row.name) { "one" } else { "two" };
        assert_eq!(keep.as_deref(), Some(wanted), "{}", row.name);
        let old = ground.config(&format!("{}-old", row.name), "key");
        assert_eq!(old.as_deref(), Some("one"), "{}: nothing is pruned", row.name);
    }
}

/// Nothing is written while nothing changes, but for tries of what the server refused.
async fn no_storm(ground: &Ground) {
    let mark = ground.plane.audit_mark();
    tokio::time::sleep(QUIET).await;
    let mut writes: BTreeMap<String, usize> = BTreeMap::new();
    for write in ground.writes(mark) {
        let about =
            ROWS.iter().filter(|row| row.refused).find(|row| write.name.starts_with(row.name));
        assert!(about.is_some() || write.name == "lost", "nobody asked for {write:#?}");
        *writes.entry(about.map_or("no-namespace", |row| row.name).to_owned()).or_default() += 1;
    }
    println!("writes of {QUIET:?} with bad input: {writes:?}");
    // Two tries, each with its object, two writes of the status and a few events.
    assert!(writes.values().all(|count| *count <= 14), "{writes:?}");
}

/// One event says it, in the words of the condition.
fn told_once(ground: &Ground, row: &Row) {
    let events = ground.events(row.name);
    let says: Vec<String> = row.says.iter().map(|part| part.replace("{}", row.name)).collect();
    let telling: Vec<&Event> = events
        .iter()
        .filter(|event| says.iter().all(|part| event.message.contains(part)))
        .collect();
    assert_eq!(telling.len(), 1, "{}: {events:#?}", row.name);
    assert_eq!(telling[0].kind, "Warning", "{}", row.name);
}

/// What a Secret holds stands nowhere.
fn nothing_of_a_secret(ground: &Ground) {
    let mut pages: Vec<String> = vec![ground.controller.log(), ground.app("secret").to_string()];
    pages.extend(ground.events("secret").into_iter().map(|event| event.message));
    for page in ["", "/resource-tree", "/managed-resources", "/manifests"] {
        let path = format!("/api/v1/applications/secret{page}");
        pages.push(ground.controller.get(&path).expect("an answer").1);
    }
    for page in pages {
        assert!(!page.contains("hunter2"), "{page}");
        // What it is in base64.
        assert!(!page.contains("aHVudGVyMg"), "{page}");
    }
    let _: Value = ground.api("/api/v1/applications");
}
