//! Files that are wrong. All rows live in one repository, one application and one directory each,
//! and break in the same commit.

use std::{collections::BTreeMap, os::unix::fs::symlink};

use futures::future::join_all;

use super::{QUIET, all_well, calm};
use crate::{
    common::{Scene, config_map},
    support::{AuditEvent, Repo},
};

/// One way to break a directory.
struct Row {
    name: &'static str,
    /// Breaks the directory.
    make: fn(&Repo, &str),
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
        says: &["{}/bad.yaml:4: ConfigMap", "`metadata.name` is missing"],
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
            let text = config_map("too-large-bad", &[("key", &value)]);
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
        make: |repository, dir| {
            repository.remove(dir);
        },
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
            let mut text = config_map("huge", &[]);
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
        says: &["Secret", "/secret-bad", "{}/bad.yaml:1", "stringData"],
        refused: true,
    },
];

/// Rows whose every file is out of reach: nothing of the application can go on.
const STANDS_STILL: [&str; 3] = ["no-path", "kustomize", "helm"];

#[tokio::test]
async fn a_bad_file_gives_one_condition_and_one_event_and_all_else_goes_on() {
    let Some(scene) = Scene::begin("files").await else { return };
    let repository = &scene.repo;
    for name in names() {
        let (keep, old) = (format!("{name}-keep"), format!("{name}-old"));
        repository.write(&format!("{name}/keep.yaml"), &config_map(&keep, &[("key", "one")]));
        repository.write(&format!("{name}/old.yaml"), &config_map(&old, &[("key", "one")]));
    }
    let first = repository.commit("good");
    for name in names() {
        scene.application(name, |app| app["spec"]["source"]["path"] = name.into());
    }
    for name in names() {
        scene.content(name, &first).await;
    }

    for name in names() {
        let keep = format!("{name}-keep");
        repository.write(&format!("{name}/keep.yaml"), &config_map(&keep, &[("key", "two")]));
        repository.remove(&format!("{name}/old.yaml"));
    }
    for row in &ROWS {
        (row.make)(repository, row.name);
    }
    let second = repository.commit("bad");
    scene.content("well", &second).await;
    let says = |row: &Row| -> Vec<String> {
        row.says.iter().map(|part| part.replace("{}", row.name)).collect()
    };
    let told = ROWS.iter().map(async |row| scene.alone(row.name, row.kind, &says(row)).await);
    all_well(join_all(told).await);
    goes_on(&scene).await;
    no_storm(&scene).await;
    let told = ROWS.iter().map(async |row| scene.told_once(row.name, &says(row)).await);
    all_well(join_all(told).await);
    let everything = scene.everything("secret").await;
    // The value, and how it looks in base64.
    assert!(!everything.contains("hunter2") && !everything.contains("aHVudGVyMg"), "{everything}");

    for row in &ROWS {
        let keep = format!("{}-keep", row.name);
        drop(std::fs::remove_dir_all(repository.dir().join(row.name)));
        let text = config_map(&keep, &[("key", "three")]);
        repository.write(&format!("{}/keep.yaml", row.name), &text);
    }
    let third = repository.commit("good again");
    for row in &ROWS {
        scene.content(row.name, &third).await;
        assert_eq!(scene.config(&format!("{}-old", row.name), "key").await, None, "{}", row.name);
    }
    join_all(ROWS.iter().map(|row| scene.assert_settled(row.name))).await;
}

fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name).chain(["well"])
}

/// Other objects of the same application were synced, and nothing was pruned.
async fn goes_on(scene: &Scene) {
    for row in &ROWS {
        let keep = scene.config(&format!("{}-keep", row.name), "key").await;
        let wanted = if STANDS_STILL.contains(&row.name) { "one" } else { "two" };
        assert_eq!(keep.as_deref(), Some(wanted), "{}", row.name);
        let old = scene.config(&format!("{}-old", row.name), "key").await;
        assert_eq!(old.as_deref(), Some("one"), "{}: nothing is pruned", row.name);
    }
}

/// Nothing is written while nothing changes, but for tries of what the server refused.
async fn no_storm(scene: &Scene) {
    let row = |write: &AuditEvent| {
        let is_about = |row: &&Row| write.name.starts_with(row.name);
        ROWS.iter().filter(|row| row.refused).find(is_about)
    };
    calm(scene, |write| row(write).is_some()).await;
    let mark = scene.plane.audit_mark();
    tokio::time::sleep(QUIET).await;
    let mut writes: BTreeMap<&str, usize> = BTreeMap::new();
    for write in scene.all_writes_since(mark) {
        *writes.entry(row(&write).map_or("others", |row| row.name)).or_default() += 1;
    }
    println!("writes in {QUIET:?} of bad input: {writes:?}");
    // One or two tries, each with its object, two writes of the status and counts of two Events.
    assert!(writes.values().all(|count| *count <= 10), "{writes:?}");
    assert!(!writes.contains_key("others"), "{writes:?}");
}
