//! What a revision means, and what happens when it comes to mean something else.

use serde_json::{Value, json};

use crate::{
    common::{Scene, condition, config_map, is_synced},
    git::{Behaviour, GitHttpServer},
    support::Repo,
};

/// Writes one ConfigMap named `web` and commits.
fn commit(repo: &Repo, value: &str) -> String {
    repo.write("shop/web.yaml", &config_map("web", &[("key", value)]));
    repo.commit(value)
}

/// Adds an application of the repository at a revision, with a namespace prefix of its own.
fn follow(scene: &Scene, name: &str, revision: &str) {
    scene.application(name, |app| {
        app["spec"]["source"]["targetRevision"] = json!(revision);
        // Each has an object of its own: the same file, another directory.
        app["spec"]["source"]["path"] = json!(name);
    });
}

/// Writes the same value for all applications and commits.
fn commit_for(repo: &Repo, names: &[&str], value: &str) -> String {
    for name in names {
        let text = config_map(&format!("{name}-web"), &[("key", value)]);
        repo.write(&format!("{name}/web.yaml"), &text);
    }
    repo.commit(value)
}

#[tokio::test]
async fn a_branch_a_tag_a_range_and_head_are_followed_as_they_move() {
    let Some(scene) = Scene::begin("revisions").await else { return };
    let names = ["branch", "tag", "range", "head", "id", "gone"];
    let repo = &scene.repo;
    let first = commit_for(repo, &names, "one");
    repo.tag("v1.0.0").tag("fixed");
    repo.git(&["branch", "short-lived"]);
    let revisions = ["main", "fixed", "1.x", "HEAD", &first, "short-lived"];
    for (name, revision) in names.iter().zip(revisions) {
        follow(&scene, name, revision);
    }
    for name in names {
        scene.content(name, &first).await;
    }

    let second = commit_for(repo, &names, "two");
    repo.tag("v1.1.0").tag("v2.0.0");
    for name in ["branch", "range", "head"] {
        scene.content(name, &second).await;
        let value = scene.config(&format!("{name}-web"), "key").await;
        assert_eq!(value.as_deref(), Some("two"), "{name}");
    }
    // A tag, a commit and another branch stay where they are.
    for name in ["tag", "id", "gone"] {
        assert!(is_synced(&scene.app(name).await, &first), "{name}");
    }
    // A tag may be moved, too; a commit may be forced away.
    repo.git(&["tag", "--force", "fixed"]);
    scene.content("tag", &second).await;
    repo.git(&["reset", "--quiet", "--hard", &first]);
    let forced = commit_for(repo, &names, "forced");
    for name in ["branch", "head"] {
        scene.content(name, &forced).await;
        let value = scene.config(&format!("{name}-web"), "key").await;
        assert_eq!(value.as_deref(), Some("forced"), "{name}");
    }
    assert!(is_synced(&scene.app("range").await, &second), "the tag did not move");

    repo.git(&["branch", "--quiet", "-D", "short-lived"]);
    let text = scene.condition("gone", "ComparisonError").await;
    assert!(text.contains("short-lived") && text.contains("last known commit is kept"), "{text}");
    assert_eq!(scene.config("gone-web", "key").await.as_deref(), Some("one"));
    repo.git(&["branch", "short-lived"]);
    scene.content("gone", &forced).await;
    for name in names {
        scene.assert_settled(name).await;
    }
}

#[tokio::test]
async fn a_range_chooses_among_the_tags_of_its_prefix_and_any_file_may_be_a_manifest() {
    let Some(scene) = Scene::begin("tagprefix").await else { return };
    scene.repo.write("shop/settings", &config_map("settings", &[("key", "one")]));
    let first = scene.repo.commit("one");
    scene.repo.tag("shop/v1.0.0").tag("depot/v1.0.0");
    scene.repo.write("shop/settings", &config_map("settings", &[("key", "two")]));
    scene.repo.commit("two");
    scene.repo.tag("v1.1.0").tag("depot/v1.1.0");
    scene.application("shop", |app| {
        let source = &mut app["spec"]["source"];
        source["targetRevision"] = json!("1.x");
        source["tagPrefix"] = json!("shop/");
        source["directory"] = json!({"disableExtensionFilter": true});
    });
    scene.content("shop", &first).await;
    assert_eq!(scene.config("settings", "key").await.as_deref(), Some("one"));
    scene.repo.write("shop/settings", &config_map("settings", &[("key", "three")]));
    let third = scene.repo.commit("three");
    scene.repo.tag("shop/v1.2.0");
    scene.content("shop", &third).await;
    assert_eq!(scene.config("settings", "key").await.as_deref(), Some("three"));
    scene.assert_settled("shop").await;

    scene.patch("shop", &json!({"spec": {"source": {"tagPrefix": "office/"}}}));
    let text = scene.condition("shop", "ComparisonError").await;
    assert!(text.contains("office/"), "{text}");
}

#[tokio::test]
async fn an_empty_repository_is_waited_for_and_one_that_is_away_is_missed() {
    let Some(scene) = Scene::begin("away").await else { return };
    scene.application("empty", |_| {});
    let text = scene.condition("empty", "ComparisonError").await;
    assert!(text.contains("is empty: push a commit"), "{text}");
    let first = commit(&scene.repo, "one");
    scene.content("empty", &first).await;

    let served = Repo::init("served");
    served.write("shop/far.yaml", &config_map("far", &[("key", "one")]));
    let far = served.commit("first");
    let server = GitHttpServer::http(served.root());
    let url = server.url("git");
    scene.application("far", |app| app["spec"]["source"]["repoURL"] = json!(url));
    scene.content("far", &far).await;
    server.behave(Behaviour::Gone);
    let text = scene.condition("far", "ComparisonError").await;
    assert!(text.contains(&url) && text.contains("last known commit is kept"), "{text}");
    // Drift is put back from the mirror meanwhile.
    scene.target.patch("configmap", "far", &json!({"data": {"key": "drifted"}}));
    let back = |live: &Value| live["data"]["key"] == "one";
    scene.live_until(("v1", "configmaps", "far"), "the drift to be put back", back).await;
    assert!(condition(&scene.app("far").await, "ComparisonError").is_some());

    served.write("shop/far.yaml", &config_map("far", &[("key", "two")]));
    let far = served.commit("second");
    server.behave(Behaviour::Serve);
    scene.content("far", &far).await;
    assert_eq!(scene.config("far", "key").await.as_deref(), Some("two"));
    scene.assert_settled("far").await;
}
