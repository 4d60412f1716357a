//! Objects that were there before: taking them over, and removing what Git no longer names.

use serde_json::{Value, json};

use crate::common::{Scene, config_map, deployment, is_synced};

/// What made the objects before Steadfast came.
#[derive(Debug, Clone, Copy)]
enum Maker {
    ClientSideApply,
    Create,
    ArgoApply,
    ArgoUpdate,
}

impl Maker {
    const ALL: [Self; 4] = [Self::ClientSideApply, Self::Create, Self::ArgoApply, Self::ArgoUpdate];

    fn make(self, scene: &Scene, manifest: &str) {
        let args: &[&str] = match self {
            Self::ClientSideApply => &["apply", "-f", "-"],
            Self::Create => &["create", "-f", "-"],
            Self::ArgoApply => {
                &["apply", "--server-side", "--field-manager=argocd-controller", "-f", "-"]
            }
            Self::ArgoUpdate => &["apply", "--field-manager=argocd-controller", "-f", "-"],
        };
        scene.target.kubectl(args, Some(manifest));
    }

    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

#[tokio::test]
async fn a_field_removed_from_git_is_removed_live_whoever_made_the_object() {
    let Some(scene) = Scene::begin("owned").await else { return };
    if !scene.plane.has_kubectl() {
        return;
    }
    // `stale` is in the cluster and was never in Git; `going` is in Git at first.
    let all = [("keep", "1"), ("going", "1"), ("stale", "1")];
    for maker in Maker::ALL {
        let name = maker.name();
        maker.make(&scene, &config_map(&name, &all));
        let file = format!("shop/{name}.yaml");
        scene.repo.write(&file, &config_map(&name, &all[..2]));
    }
    let before = scene.live("v1", "configmaps", "create").await.expect("it was made");
    let commit = scene.repo.commit("Take over");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;
    for maker in Maker::ALL {
        let live = scene.live("v1", "configmaps", &maker.name()).await.expect("it is there");
        assert_eq!(live["data"], json!({"keep": "1", "going": "1"}), "{maker:?}: {live:#}");
    }
    let after = scene.live("v1", "configmaps", "create").await.expect("it is there");
    assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
    scene.assert_settled("shop").await;

    for maker in Maker::ALL {
        let name = maker.name();
        scene.repo.write(&format!("shop/{name}.yaml"), &config_map(&name, &all[..1]));
    }
    let commit = scene.repo.commit("Remove a key");
    scene.healthy("shop", &commit).await;
    for maker in Maker::ALL {
        let live = scene.live("v1", "configmaps", &maker.name()).await.expect("it is there");
        assert_eq!(live["data"], json!({"keep": "1"}), "{maker:?}: {live:#}");
    }
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn taking_over_a_workload_keeps_its_pods() {
    let Some(scene) = Scene::begin("adopt").await else { return };
    if !scene.plane.has_kubectl() {
        return;
    }
    let manifest = deployment("web", "shop/web:1.0", 2, "");
    scene.target.kubectl(&["apply", "-f", "-"], Some(&manifest));
    let web = ("apps/v1", "deployments", "web");
    scene.live_until(web, "2 ready pods", |live| live["status"]["readyReplicas"] == 2).await;
    let pods = || scene.target.names("pod");
    let before = pods();

    let commit = scene.repo.write("shop/web.yaml", &manifest).commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;
    assert_eq!(pods(), before);
    let live = scene.live("apps/v1", "deployments", "web").await.expect("it is there");
    let annotations = &live["metadata"]["annotations"];
    assert_eq!(annotations["deployment.kubernetes.io/revision"], "1", "{annotations:#}");
    scene.assert_settled("shop").await;

    // From now on it is changed by Git alone, also in what kubectl had set.
    let without_ports =
        manifest.replace("          ports:\n            - containerPort: 8080\n", "");
    assert_ne!(without_ports, manifest);
    let commit = scene.repo.write("shop/web.yaml", &without_ports).commit("Close a port");
    scene.until("shop", "the new commit", |app| is_synced(app, &commit)).await;
    let ports = |live: &Value| {
        live.pointer("/spec/template/spec/containers/0/ports").is_none_or(Value::is_null)
    };
    scene.live_until(web, "the port to be gone", ports).await;
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;
}
