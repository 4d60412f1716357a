use expect_test::expect;
use serde_json::json;

use super::*;

fn pair(name: &str, now: Option<Value>, after: Option<Value>) -> Pair {
    let object = |data: Value| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "shop"}, "data": data})
    };
    let id = ObjectId::new("", "ConfigMap", "shop", name);
    Pair { id, now: now.map(object), after: after.map(object), values_hidden: false }
}

fn shown() -> Vec<Difference> {
    let pairs = vec![
        pair("new", None, Some(json!({"a": "1"}))),
        pair("same", Some(json!({"a": "1"})), Some(json!({"a": "1"}))),
        pair("page", Some(json!({"a": "``` \u{1b}[2J\u{202e}"})), Some(json!({"a": "<b>"}))),
        pair("old", Some(json!({"a": "1"})), None),
    ];
    differences(pairs).into_iter().filter(|difference| !difference.is_empty()).collect()
}

fn subject() -> Subject {
    Subject { app: "web".to_owned(), with: Some("feature/x_y".to_owned()) }
}

#[test]
fn text_is_one_unified_diff_after_the_other() {
    expect![[r#"
        --- /dev/null
        +++ git ConfigMap shop/new
        @@ -0,0 +1,7 @@
        +apiVersion: v1
        +data:
        +  a: "1"
        +kind: ConfigMap
        +metadata:
        +  name: new
        +  namespace: shop

        --- live ConfigMap shop/page
        +++ git ConfigMap shop/page
        @@ -1,6 +1,6 @@
         apiVersion: v1
         data:
        -  a: "``` \x1b[2J\u{202e}"
        +  a: <b>
         kind: ConfigMap
         metadata:
           name: page

        --- live ConfigMap shop/old
        +++ /dev/null
        @@ -1,7 +0,0 @@
        -apiVersion: v1
        -data:
        -  a: "1"
        -kind: ConfigMap
        -metadata:
        -  name: old
        -  namespace: shop

        web with feature/x_y: 1 to create, 1 to update, 1 to prune
    "#]]
    .assert_eq(&text(&subject(), &shown(), Paint::new(false)));
    assert_eq!(text(&subject(), &[], Paint::new(false)), "");
}

#[test]
fn markdown_can_be_posted_as_it_is() {
    expect![[r####"
        ### web with feature/x&#95;y: 1 to create, 1 to update, 1 to prune

        <details><summary>create ConfigMap shop/new</summary>

        ```diff
        --- /dev/null
        +++ git ConfigMap shop/new
        @@ -0,0 +1,7 @@
        +apiVersion: v1
        +data:
        +  a: "1"
        +kind: ConfigMap
        +metadata:
        +  name: new
        +  namespace: shop
        ```

        </details>

        <details><summary>update ConfigMap shop/page</summary>

        ````diff
        --- live ConfigMap shop/page
        +++ git ConfigMap shop/page
        @@ -1,6 +1,6 @@
         apiVersion: v1
         data:
        -  a: "``` \x1b[2J\u{202e}"
        +  a: <b>
         kind: ConfigMap
         metadata:
           name: page
        ````

        </details>

        <details><summary>prune ConfigMap shop/old</summary>

        ```diff
        --- live ConfigMap shop/old
        +++ /dev/null
        @@ -1,7 +0,0 @@
        -apiVersion: v1
        -data:
        -  a: "1"
        -kind: ConfigMap
        -metadata:
        -  name: old
        -  namespace: shop
        ```

        </details>
    "####]]
    .assert_eq(&markdown(&subject(), &shown(), 65_000));
    expect![[r"
        ### web with feature/x&#95;y: no differences
    "]]
    .assert_eq(&markdown(&subject(), &[], 65_000));
}

#[test]
fn markdown_keeps_its_size_and_says_what_it_left_out() {
    let big = json!({"a": "x\n".repeat(5_000)});
    let mut shown = shown();
    shown.extend(differences(vec![pair("big", None, Some(big))]));
    let text = markdown(&subject(), &shown, 2_000);
    assert!(text.len() <= 2_000, "{}", text.len());
    assert!(text.contains("\n1 more object differs"), "{text}");
    assert!(text.contains("prune ConfigMap shop/old"), "what fits is there: {text}");
}

#[test]
fn data_names_every_field() {
    let data = data(&subject(), &shown());
    let objects = data["objects"].as_array().unwrap();
    let changes: Vec<&Value> = objects.iter().map(|object| &object["change"]).collect();
    assert_eq!(changes, ["create", "update", "prune"]);
    assert_eq!(objects[1]["fields"][0]["path"], json!(".data.a"));
    assert_eq!(objects[1]["fields"][0]["new"], json!("<b>"));
}
