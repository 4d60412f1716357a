//! What a project demands of its applications and this version can't see to.
//!
//! A restriction that nobody looks at is worse than none, because people rely on it. So an
//! application that one of them concerns is not synced at all until the project no longer has it.

use globset::Glob;

use super::permit::{cluster_name, server_of};
use crate::api::{AppProject, Destination, SyncWindow};

/// The fields of the project that restrict this application and that nobody sees to.
pub fn unkept(project: &AppProject, app: &str, to: &Destination) -> Vec<&'static str> {
    let spec = &project.spec;
    let policies =
        spec.source_integrity.iter().flat_map(|rules| &rules.git).flat_map(|git| &git.policies);
    let signed = |gpg: &str| !gpg.is_empty() && gpg != "none";
    let mut demanded = policies.map(|policy| policy.gpg.as_ref().map_or("", |gpg| &gpg.mode));
    let table = [
        ("signatureKeys", !spec.signature_keys.is_empty()),
        ("sourceIntegrity", demanded.any(signed)),
        ("syncWindows", spec.sync_windows.iter().any(|window| concerns(window, app, to))),
        ("destinationServiceAccounts", !spec.destination_service_accounts.is_empty()),
        ("permitOnlyProjectScopedClusters", spec.permit_only_project_scoped_clusters),
    ];
    table.into_iter().filter(|(_, restricts)| *restricts).map(|(field, _)| field).collect()
}

/// Why an application of this project is not synced; `None` when nothing is in the way.
pub fn refusal(project: &AppProject, app: &str, to: &Destination) -> Option<String> {
    let fields = unkept(project, app, to);
    let name = project.metadata.name.as_deref().unwrap_or_default();
    (!fields.is_empty()).then(|| {
        format!(
            "project {name} restricts this application by {}, which this version does not see to, so nothing \
             is synced; take that out of the project, use a project without it, or leave the \
             application to Argo CD",
            fields.join(" and ")
        )
    })
}

/// True when a window is about this application. Whether it allows or denies does not matter: where
/// there is a window that allows, the time outside of it is forbidden.
fn concerns(window: &SyncWindow, app: &str, to: &Destination) -> bool {
    let lists: [(&[String], &[&str]); 3] = [
        (&window.applications, &[app]),
        (&window.namespaces, &[&to.namespace]),
        (&window.clusters, &[server_of(to), cluster_name(to)]),
    ];
    let matches = |rules: &[String], names: &[&str]| {
        rules.iter().any(|rule| names.iter().any(|name| glob(rule, name)))
    };
    let mut used = lists.into_iter().filter(|(rules, _)| !rules.is_empty()).peekable();
    if window.use_and_operator {
        used.peek().is_some() && used.all(|(rules, names)| matches(rules, names))
    } else {
        used.any(|(rules, names)| matches(rules, names))
    }
}

/// A pattern that can't be read may be about anything.
fn glob(pattern: &str, text: &str) -> bool {
    pattern == text || Glob::new(pattern).map_or(true, |glob| glob.compile_matcher().is_match(text))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn project(spec: &Value) -> AppProject {
        let project = json!({"metadata": {"name": "team"}, "spec": spec});
        AppProject::parse(project).unwrap()
    }

    fn fields(spec: &Value) -> Vec<&'static str> {
        let to = Destination { namespace: "prod".to_owned(), ..Destination::default() };
        unkept(&project(spec), "shop", &Destination { name: "in-cluster".to_owned(), ..to })
    }

    #[test]
    fn each_restriction_that_nobody_sees_to_is_named() {
        let gpg = |mode: &str| {
            let policy = json!({"repos": ["*"], "gpg": {"mode": mode, "keys": ["A"]}});
            json!({"sourceIntegrity": {"git": {"policies": [policy]}}})
        };
        let account = json!({"server": "*", "defaultServiceAccount": "deployer"});
        let table = [
            (json!({}), None),
            (json!({"signatureKeys": [{"keyID": "A"}]}), Some("signatureKeys")),
            (gpg("strict"), Some("sourceIntegrity")),
            (gpg("none"), None),
            (json!({"destinationServiceAccounts": [account]}), Some("destinationServiceAccounts")),
            (
                json!({"permitOnlyProjectScopedClusters": true}),
                Some("permitOnlyProjectScopedClusters"),
            ),
        ];
        for (spec, wanted) in table {
            assert_eq!(fields(&spec), Vec::from_iter(wanted), "{spec}");
        }
        let both = json!({"signatureKeys": [{"keyID": "A"}], "syncWindows": [
            {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}]});
        let text = refusal(&project(&both), "shop", &Destination::default()).expect("two reasons");
        assert!(text.contains("project team") && text.contains("signatureKeys and syncWindows"));
    }

    #[test]
    fn a_window_concerns_the_applications_that_it_names() {
        let table = [
            (json!({"applications": ["sh*"]}), true),
            (json!({"applications": ["depot"]}), false),
            (json!({"namespaces": ["prod"]}), true),
            (json!({"clusters": ["in-cluster"]}), true),
            (json!({"clusters": ["https://kubernetes.default.svc"]}), true),
            (json!({"applications": ["depot"], "namespaces": ["prod"]}), true),
            (
                json!({"applications": ["depot"], "namespaces": ["prod"], "andOperator": true}),
                false,
            ),
            (json!({"applications": ["shop"], "namespaces": ["prod"], "andOperator": true}), true),
            (json!({"applications": ["[z"]}), true),
            (json!({}), false),
        ];
        for (window, wanted) in table {
            for kind in ["deny", "allow"] {
                let mut window = window.clone();
                window["kind"] = json!(kind);
                let found = fields(&json!({"syncWindows": [window]}));
                assert_eq!(found == ["syncWindows"], wanted, "{window}");
            }
        }
    }
}
