//! Sources that ask for a tool which this version does not have: the application stands still.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{all_well, quiet};
use crate::common::{Scene, config_map};

/// Name, what is merged into the source, what the condition has to say.
fn rows() -> Vec<(&'static str, Value, [&'static str; 2])> {
    let not = "not available in this version";
    vec![
        ("helm", json!({"helm": {"releaseName": "x"}}), ["spec.source.helm", not]),
        ("kustomize", json!({"kustomize": {"namePrefix": "x"}}), ["spec.source.kustomize", not]),
        ("plugin", json!({"plugin": {"name": "x"}}), ["spec.source.plugin", not]),
        ("chart", json!({"chart": "x", "path": null}), ["spec.source.chart", not]),
        (
            "jsonnet",
            json!({"directory": {"jsonnet": {"tlas": [{"name": "a", "value": "b"}]}}}),
            ["spec.source.directory.jsonnet", not],
        ),
    ]
}

#[tokio::test]
async fn a_source_for_a_tool_that_is_not_there_stands_still() {
    let Some(scene) = Scene::begin("sources").await else { return };
    let mut names: Vec<&str> = rows().iter().map(|(name, ..)| *name).collect();
    names.extend(["ref", "well"]);
    let write = |value: &str| {
        for name in &names {
            let text = config_map(&format!("{name}-keep"), &[("key", value)]);
            scene.repo.write(&format!("{name}/keep.yaml"), &text);
        }
        scene.repo.commit(value)
    };
    let first = write("one");
    for name in &names {
        scene.application(name, |app| app["spec"]["source"]["path"] = json!(name));
    }
    for name in &names {
        scene.content(name, &first).await;
    }

    for (name, block, _) in rows() {
        scene.patch(name, &json!({"spec": {"source": block}}));
    }
    let one = scene.app("ref").await["spec"]["source"].clone();
    let lending = json!({"repoURL": one["repoURL"], "targetRevision": "main", "ref": "values"});
    scene.patch("ref", &json!({"spec": {"source": null, "sources": [one, lending]}}));
    let mut expected: Vec<_> = rows().into_iter().map(|(name, _, says)| (name, says)).collect();
    expected.push(("ref", ["spec.source.ref", "not available"]));
    let told = expected.iter().map(|(name, says)| scene.alone(name, "ComparisonError", says));
    all_well(join_all(told).await);
    let second = write("two");
    scene.content("well", &second).await;
    quiet(&scene).await;
    let told = expected.iter().map(|(name, says)| scene.told_once(name, says));
    all_well(join_all(told).await);
    for (name, _) in &expected {
        let value = scene.config(&format!("{name}-keep"), "key").await;
        assert_eq!(value.as_deref(), Some("one"), "{name}");
    }

    for (name, _) in &expected {
        let source = json!({
            "path": name, "chart": null, "helm": null, "kustomize": null, "plugin": null,
            "directory": null, "repoURL": scene.repo.url(), "targetRevision": "main",
        });
        scene.patch(name, &json!({"spec": {"source": source, "sources": null}}));
    }
    for (name, _) in &expected {
        scene.content(name, &second).await;
        let value = scene.config(&format!("{name}-keep"), "key").await;
        assert_eq!(value.as_deref(), Some("two"), "{name}");
    }
}
