use expect_test::expect;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn print(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

fn id() -> ObjectId {
    ObjectId::new("apps", "Deployment", "shop", "web")
}

fn web(image: &str) -> Value {
    json!({"kind": "Deployment", "spec": {"template": {"spec": {"containers": [
        {"name": "log", "image": "log:v1"}, {"name": "web", "image": image}]}}}})
}

fn lines(old: &Value, new: &Value) -> Vec<String> {
    let show = |value: Option<Value>| value.map_or("-".to_owned(), |value| value.to_string());
    changes(Some(old), Some(new))
        .into_iter()
        .map(|change| format!("{} {} -> {}", change.path, show(change.old), show(change.new)))
        .collect()
}

#[test]
fn a_changed_image_is_one_change() {
    assert_eq!(
        lines(&web("web:v1"), &web("web:v2")),
        [r#".spec.template.spec.containers[name="web"].image "web:v1" -> "web:v2""#]
    );
}

#[test]
fn a_diff_reads_like_any_other() {
    let text = unified(&id(), Some(&web("web:v1")), Some(&web("web:v2")), &print, false);
    expect![[r#"
        --- live Deployment.apps shop/web
        +++ git Deployment.apps shop/web
        @@ -9,7 +9,7 @@
                     "name": "log"
                   },
                   {
        -            "image": "web:v1",
        +            "image": "web:v2",
                     "name": "web"
                   }
                 ]
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_creation_adds_and_a_prune_removes_every_line() {
    let object = json!({"a": 1});
    let created = unified(&id(), None, Some(&object), &print, false);
    expect![[r#"
        --- /dev/null
        +++ git Deployment.apps shop/web
        @@ -0,0 +1,3 @@
        +{
        +  "a": 1
        +}
    "#]]
    .assert_eq(&created);
    let pruned = unified(&id(), Some(&object), None, &print, false);
    assert!(pruned.ends_with("-{\n-  \"a\": 1\n-}\n"), "{pruned}");
    let whole = FieldChange { path: FieldPath::default(), old: None, new: Some(object.clone()) };
    assert_eq!(changes(None, Some(&object)), [whole]);
}

#[test]
fn colours_wrap_whole_lines() {
    let text = unified(&id(), Some(&json!({"a": 1})), Some(&json!({"a": 2})), &print, true);
    assert!(text.contains("\u{1b}[31m-  \"a\": 1\u{1b}[0m\n"), "{text:?}");
    assert!(text.contains("\u{1b}[32m+  \"a\": 2\u{1b}[0m\n"), "{text:?}");
    assert!(text.contains("\n {\n"), "{text:?}");
}

#[test]
fn what_the_server_keeps_for_itself_is_no_difference() {
    let live = json!({"spec": {}, "status": {"ready": true}, "metadata": {"name": "web",
        "uid": "u", "resourceVersion": "7", "generation": 3, "selfLink": "/x",
        "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [{}],
        "annotations": {mask::LAST_APPLIED: "{}"}}});
    let predicted = json!({"spec": {}, "metadata": {"name": "web"}});
    assert_eq!(unified(&id(), Some(&live), Some(&predicted), &print, false), "");
    assert_eq!(changes(Some(&live), Some(&predicted)), []);
    assert_eq!(changes(None, None), []);
}

#[test]
fn secrets_never_reach_a_diff() {
    let secret = |value: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "data": {"password": value, "user": "bWU="},
            "metadata": {"annotations": {mask::LAST_APPLIED:
                json!({"kind": "Secret", "data": {"password": value}}).to_string()}}})
    };
    let (old, new) = (secret("b2xkLXBhc3M="), secret("bmV3LXBhc3M="));
    for (live, predicted) in
        [(Some(&old), Some(&new)), (Some(&old), None), (None, Some(&new)), (Some(&new), Some(&old))]
    {
        let text = unified(&id(), live, predicted, &print, false);
        let data = format!("{:?}", changes(live, predicted));
        for shown in [&text, &data] {
            assert!(shown.contains("+++++"), "{shown}");
            for hidden in ["b2xk", "bmV3", "bWU="] {
                assert!(!shown.contains(hidden), "{shown}");
            }
        }
    }
    assert_eq!(lines(&old, &new), [r#".data.password "++++++++" -> "++++++++++++""#]);
}

#[test]
fn items_are_matched_by_what_the_api_tells_them_apart_by() {
    let ports = |target: i64| json!({"ports": [{"port": 80, "targetPort": target}, {"port": 80, "protocol": "UDP"}]});
    assert_eq!(
        lines(&ports(1), &ports(2)),
        [r#".ports[port=80,protocol="TCP"].targetPort 1 -> 2"#]
    );
    // The server fills in the protocol: the item stays the same one.
    let (bare, filled) =
        (json!({"ports": [{"port": 1}]}), json!({"ports": [{"port": 1, "protocol": "TCP"}]}));
    assert_eq!(lines(&bare, &filled), [r#".ports[port=1,protocol="TCP"].protocol - -> "TCP""#]);
    let mounts = |path: &str| json!({"volumeMounts": [{"name": "v", "mountPath": path}]});
    assert_eq!(
        lines(&mounts("/a"), &mounts("/b")),
        [
            r#".volumeMounts[mountPath="/a"] {"mountPath":"/a","name":"v"} -> -"#,
            r#".volumeMounts[mountPath="/b"] - -> {"mountPath":"/b","name":"v"}"#,
        ]
    );
}

#[test]
fn an_added_and_a_removed_item_are_named() {
    let env = |names: &[&str]| {
        let items: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        json!({"env": items})
    };
    assert_eq!(
        lines(&env(&["A", "B"]), &env(&["B", "C"])),
        [r#".env[name="A"] {"name":"A"} -> -"#, r#".env[name="C"] - -> {"name":"C"}"#]
    );
    let swapped = changes(Some(&env(&["A", "B"])), Some(&env(&["B", "A"])));
    assert_eq!(swapped.len(), 1);
    assert_eq!(swapped[0].path.to_string(), ".env");
}

#[test]
fn items_without_a_key_are_matched_by_their_place() {
    let args = |args: &[&str]| json!({"args": args});
    assert_eq!(lines(&args(&["a", "b", "z"]), &args(&["a", "c", "z"])), [r#".args[1] "b" -> "c""#]);
    assert_eq!(lines(&args(&["a", "z"]), &args(&["a", "n", "z"])), [r#".args[1] - -> "n""#]);
    // A name that stands twice tells nothing apart.
    let twice = |value: &str| json!({"env": [{"name": "A"}, {"name": "A", "value": value}]});
    assert_eq!(lines(&twice("x"), &twice("y")), [r#".env[1].value "x" -> "y""#]);
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3).prop_map(Value::from),
        "[ab]".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(
                prop::sample::select(vec!["name", "ports", "port", "x"]).prop_map(str::to_owned),
                inner,
                0..4
            )
            .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn there_are_changes_exactly_when_there_is_a_diff(a in any_value(), b in any_value()) {
        let changes = changes(Some(&a), Some(&b));
        prop_assert_eq!(changes.is_empty(), a == b);
        prop_assert_eq!(unified(&id(), Some(&a), Some(&b), &print, false).is_empty(), a == b);
        for change in changes {
            prop_assert_ne!(change.old, change.new);
        }
    }
}
