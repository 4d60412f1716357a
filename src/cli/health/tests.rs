use expect_test::expect;

use super::*;
use crate::cli::ColorChoice;

const FILE: &str = r#"apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: shop, uid: u-web, generation: 1}
  spec: {replicas: 4}
  status: {observedGeneration: 1, replicas: 4, updatedReplicas: 2, availableReplicas: 2}
- apiVersion: apps/v1
  kind: ReplicaSet
  metadata:
    name: web-7d9
    namespace: shop
    uid: u-set
    ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u-web, controller: true}]
  spec: {replicas: 2}
- apiVersion: v1
  kind: Pod
  metadata:
    name: web-7d9-x
    namespace: shop
    uid: u-pod
    ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-7d9, uid: u-set, controller: true}]
  spec: {restartPolicy: Always}
  status:
    phase: Pending
    containerStatuses:
    - name: app
      state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image "web:v2"'}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
"#;

fn read(text: &str) -> Input {
    Input::read(text.as_bytes(), &yaml::Limits::default())
}

fn lines(text: &str, scripts: &Scripts) -> Vec<Line> {
    judge(&read(text).objects, scripts, Timestamp::UNIX_EPOCH)
}

#[test]
fn objects_of_one_file_explain_each_other() {
    let lines = lines(FILE, &Scripts::default());
    assert_eq!(lines.len(), 5);
    assert_eq!(
        lines[0].message,
        "2 of 4 replicas updated; pod web-7d9-x: ImagePullBackOff: Back-off pulling image \"web:v2\""
    );
    assert_eq!((lines[2].status, lines[3].status), ("Degraded", ""));
}

#[test]
fn the_table_fits_80_columns() {
    let ui = Ui::new(ColorChoice::Never);
    expect![[r"
        KIND             NAMESPACE/NAME  STATUS       MESSAGE
        Deployment.apps  shop/web        Progressing  2 of 4 replicas updated; pod web-…
        ReplicaSet.apps  shop/web-7d9    Progressing  0 of 2 replicas available; pod we…
        Pod              shop/web-7d9-x  Degraded     ImagePullBackOff: Back-off pullin…
        ConfigMap        shop/settings   -
        Namespace        shop            -
    "]]
    .assert_eq(&text(&lines(FILE, &Scripts::default()), Some(80), &ui));
    let wide = text(&lines(FILE, &Scripts::default()), None, &ui);
    assert!(wide.contains("Back-off pulling image \"web:v2\"\n"), "{wide}");
}

#[test]
fn the_json_has_the_promised_fields() {
    let text = serde_json::to_string(&lines(FILE, &Scripts::default())[4..]).unwrap();
    expect![[
        r#"[{"group":"","kind":"Namespace","namespace":"","name":"shop","status":"","message":""}]"#
    ]]
    .assert_eq(&text);
}

#[test]
fn what_is_no_object_is_told_with_its_line() {
    let errors = |text: &str| -> Vec<String> {
        read(text).errors.iter().map(|problem| told("web.yaml", problem)).collect()
    };
    let text = "kind: Pod\n---\n- 1\n---\na: [\n---\napiVersion: v1\nkind: Pod\n";
    assert_eq!(read(text).objects.len(), 1);
    expect![[r"
        web.yaml:1: no Kubernetes object: apiVersion or kind is missing
        web.yaml:3: no Kubernetes object: apiVersion or kind is missing
        web.yaml:5: unclosed bracket '['"]]
    .assert_eq(&errors(text).join("\n"));
    expect![[r"
        web.yaml:4: no Kubernetes object: apiVersion or kind is missing
        web.yaml:5: no Kubernetes object: apiVersion or kind is missing"]]
    .assert_eq(&errors("apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n- 7\n").join("\n"));
}

#[test]
fn typed_and_nested_lists_are_taken_apart() {
    let text = "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n";
    let line = &lines(text, &Scripts::default())[0];
    assert_eq!((line.kind.as_str(), line.name.as_str(), line.status), ("Pod", "a", "Unknown"));
    let text = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Secret"}]}]}"#;
    assert_eq!(lines(text, &Scripts::default())[0].kind, "Secret");
    // A kind of somebody's that only ends like one.
    let text = "apiVersion: example.org/v1\nkind: AllowList\nspec: {}\n";
    assert_eq!(lines(text, &Scripts::default())[0].kind, "AllowList");
}

#[test]
fn scripts_are_found_below_their_directory() {
    let root = tempfile::tempdir().unwrap();
    for (path, status) in [
        ("ConfigMap/health.lua", "Healthy"),
        ("apps/Deployment/health.lua", "Suspended"),
        ("a/b/c/health.lua", "Degraded"),
        ("apps/Deployment/README.md", "Degraded"),
    ] {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("return {{status = '{status}', message = obj.kind}}")).unwrap();
    }
    let scripts = read_scripts(root.path()).unwrap();
    assert_eq!(scripts.len(), 2);
    let lines = lines(FILE, &scripts);
    assert_eq!((lines[0].status, lines[0].message.as_str()), ("Suspended", "Deployment"));
    assert_eq!((lines[3].status, lines[3].message.as_str()), ("Healthy", "ConfigMap"));
}

#[test]
fn bad_scripts_stop_the_command() {
    let root = tempfile::tempdir().unwrap();
    let said = |root: &Path| read_scripts(root).unwrap_err().error.to_string();
    assert!(said(&root.path().join("absent")).starts_with("cannot read "));
    assert!(said(root.path()).ends_with("holds no health check"));
    fs::create_dir(root.path().join("Pod")).unwrap();
    let script = root.path().join("Pod/health.lua");
    fs::write(&script, vec![b' '; 2 << 20]).unwrap();
    assert!(said(root.path()).contains("is larger than 1048576 bytes"));
    fs::write(&script, [0xff]).unwrap();
    assert!(said(root.path()).starts_with("cannot read "));
}
