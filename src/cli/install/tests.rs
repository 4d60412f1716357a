use std::{collections::BTreeSet, path::Path};

use clap::Parser;
use serde_json::{Value, json};

use super::{InstallArgs, manifests, run};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: InstallArgs,
}

fn args(line: &str) -> InstallArgs {
    Line::parse_from(std::iter::once("install").chain(line.split_whitespace())).args
}

fn of_kind(manifests: &[Value], kind: &str) -> Vec<Value> {
    manifests.iter().filter(|manifest| manifest["kind"] == kind).cloned().collect()
}

fn kinds(manifests: &[Value]) -> Vec<&str> {
    manifests.iter().filter_map(|manifest| manifest["kind"].as_str()).collect()
}

#[test]
fn the_committed_manifests_are_the_printed_ones() {
    let mut text = Vec::new();
    run(&args(""), &mut text).expect("writing to memory");
    let text = format!(
        "# Printed by \"steadfast install\", which also knows other namespaces and images.\n{}",
        String::from_utf8(text).expect("YAML is text"),
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/install.yaml");
    expect_test::expect_file![path].assert_eq(&text);
}

#[test]
fn only_the_crds_are_printed_where_only_they_are_wanted() {
    assert_eq!(manifests(&args("--crds-only --service-monitor")), crate::api::crds());
}

#[test]
fn every_namespaced_object_is_in_the_namespace_of_the_controller() {
    let manifests = manifests(&args("--namespace gitops --service-monitor"));
    let cluster_scoped =
        ["CustomResourceDefinition", "Namespace", "ClusterRole", "ClusterRoleBinding"];
    for manifest in &manifests {
        let kind = manifest["kind"].as_str().expect("a kind");
        let expected =
            if cluster_scoped.contains(&kind) { Value::Null } else { Value::from("gitops") };
        assert_eq!(manifest["metadata"]["namespace"], expected, "{kind}");
        for subject in manifest["subjects"].as_array().into_iter().flatten() {
            assert_eq!(subject["namespace"], "gitops", "{kind}");
        }
    }
    assert_eq!(of_kind(&manifests, "Namespace")[0]["metadata"]["name"], "gitops");
}

#[test]
fn with_target_namespaces_nothing_else_may_be_changed() {
    let manifests = manifests(&args("--target-namespace shop --target-namespace web"));
    let writing = ["create", "update", "patch", "delete", "deletecollection", "bind", "escalate"];
    for rule in of_kind(&manifests, "ClusterRole")[0]["rules"].as_array().expect("rules") {
        let is_review = rule["resources"] == json!(["tokenreviews"])
            || rule["resources"] == json!(["subjectaccessreviews"]);
        let verbs = rule["verbs"].as_array().expect("verbs");
        let writes = verbs.iter().any(|verb| writing.iter().any(|word| verb == word));
        assert!(is_review || !writes, "{rule}");
    }
    let roles: BTreeSet<_> = of_kind(&manifests, "Role")
        .iter()
        .map(|role| role["metadata"]["namespace"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(roles, ["argocd", "shop", "web"].map(str::to_owned).into());
    assert_eq!(of_kind(&manifests, "RoleBinding").len(), 3);
}

#[test]
fn the_own_namespace_may_be_a_target() {
    let rules = |line: &str| {
        let role = of_kind(&manifests(&args(line)), "Role").remove(0);
        role["rules"].as_array().expect("rules").clone()
    };
    let (less, more) = (rules("--target-namespace shop"), rules("--target-namespace argocd"));
    assert_eq!(more.len(), less.len() + 1);
    assert_eq!(more.last().expect("a rule")["resources"], json!(["*"]));
}

#[test]
fn no_role_has_a_verb_that_nothing_needs() {
    let known = ["get", "list", "watch", "create", "update", "patch", "delete", "bind", "escalate"];
    for line in ["", "--target-namespace shop"] {
        let manifests = manifests(&args(line));
        let roles =
            of_kind(&manifests, "Role").into_iter().chain(of_kind(&manifests, "ClusterRole"));
        for rule in roles.flat_map(|role| role["rules"].as_array().cloned().unwrap_or_default()) {
            for verb in rule["verbs"].as_array().expect("verbs") {
                assert!(known.iter().any(|word| verb == word), "{rule}");
            }
            assert_eq!(rule.get("nonResourceURLs"), None);
        }
    }
}

#[test]
fn the_pod_has_no_privileges() {
    let deployment =
        of_kind(&manifests(&args("--image registry.example/steadfast:9")), "Deployment").remove(0);
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(container["image"], "registry.example/steadfast:9");
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(container["securityContext"]["capabilities"], json!({ "drop": ["ALL"] }));
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], container["ports"][0]["name"], "{probe}");
    }
}

#[test]
fn the_service_and_the_monitor_select_what_is_there() {
    let manifests = manifests(&args("--service-monitor"));
    let pod_labels =
        &of_kind(&manifests, "Deployment")[0]["spec"]["template"]["metadata"]["labels"];
    let service = &of_kind(&manifests, "Service")[0];
    let monitor = &of_kind(&manifests, "ServiceMonitor")[0];
    assert_eq!(&service["spec"]["selector"], pod_labels);
    assert_eq!(monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"]);
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);
}

#[test]
fn the_default_project_is_left_to_the_controller() {
    assert!(!kinds(&manifests(&args(""))).contains(&"AppProject"));
}
