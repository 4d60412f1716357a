//! What a project lets its applications do.
//!
//! Rules: `pkg/apis/application/v1alpha1/app_project_types.go` of Argo CD (`IsSourcePermitted`,
//! `IsDestinationPermitted`, `IsGroupKindNamePermitted`).

use globset::GlobBuilder;

use super::ScopeOf;
use crate::{
    api::{AppProject, ApplicationSource, ApplicationSpec, Destination, GroupKindGlob},
    object::{ObjectId, repository},
};

/// Everything in the specification that the project forbids, in words.
pub fn violations(project: &AppProject, spec: &ApplicationSpec) -> Vec<String> {
    let name = project.metadata.name.as_deref().unwrap_or_default();
    let mut found = repositories(project, spec.sources());
    if !destination_permitted(project, &spec.destination, &spec.destination.namespace) {
        found.push(format!(
            "project {name} does not permit the destination {} namespace {:?}; add it to its \
             destinations",
            cluster_name(&spec.destination),
            spec.destination.namespace
        ));
    }
    found
}

/// The sources that the project forbids, in words.
pub fn repositories(project: &AppProject, sources: &[ApplicationSource]) -> Vec<String> {
    let name = project.metadata.name.as_deref().unwrap_or_default();
    let forbidden = sources.iter().filter(|source| !source_permitted(project, &source.repo_url));
    forbidden
        .map(|source| {
            format!(
                "project {name} does not permit the repository {}; add it to its sourceRepos",
                source.repo_url
            )
        })
        .collect()
}

/// Why the project forbids one object, or `Ok`.
pub fn object(
    project: &AppProject,
    destination: &Destination,
    scope: ScopeOf,
    id: &ObjectId,
) -> Result<(), String> {
    let name = project.metadata.name.as_deref().unwrap_or_default();
    let spec = &project.spec;
    let listed = |list: &[GroupKindGlob]| list.iter().any(|rule| rule_matches(rule, id));
    let kind_permitted = match scope {
        ScopeOf::Cluster => {
            listed(&spec.cluster_resource_whitelist) && !listed(&spec.cluster_resource_blacklist)
        }
        ScopeOf::Namespaced => {
            spec.namespace_resource_whitelist.as_deref().is_none_or(listed)
                && !listed(&spec.namespace_resource_blacklist)
        }
    };
    if !kind_permitted {
        let list = match scope {
            ScopeOf::Cluster => "clusterResourceWhitelist and clusterResourceBlacklist",
            ScopeOf::Namespaced => "namespaceResourceWhitelist and namespaceResourceBlacklist",
        };
        return Err(format!(
            "project {name} does not permit the kind of {id}; correct its {list}, or remove the \
             object from Git"
        ));
    }
    if scope == ScopeOf::Namespaced && !destination_permitted(project, destination, &id.namespace) {
        return Err(format!(
            "project {name} does not permit the namespace {} of {id}; add it to its destinations",
            id.namespace
        ));
    }
    Ok(())
}

/// Whoever is named in the URL, a rule that denies holds; one that permits is about this very URL.
fn source_permitted(project: &AppProject, url: &str) -> bool {
    let url = repository::ruled(url);
    let plain = repository::without_user(&url);
    permitted(project.spec.source_repos.iter().map(|rule| {
        let (rule, denies) = negation(rule);
        let rule = repository::ruled(rule);
        let plain = plain.as_deref().filter(|_| denies);
        (glob(&rule, &url, true) || plain.is_some_and(|url| glob(&rule, url, true)), denies)
    }))
}

fn destination_permitted(project: &AppProject, to: &Destination, namespace: &str) -> bool {
    permitted(project.spec.destinations.iter().map(|rule| {
        let (rule_namespace, denies_namespace) = negation(&rule.namespace);
        let (server, denies_server) = negation(&rule.server);
        let cluster = if rule.name.is_empty() || !server.is_empty() {
            glob(server, server_of(to), false)
        } else {
            glob(&rule.name, cluster_name(to), false)
        };
        match (denies_namespace, denies_server) {
            (false, false) => (cluster && glob(rule_namespace, namespace, false), false),
            (true, false) => (cluster && glob(rule_namespace, namespace, false), true),
            (_, true) => (cluster, true),
        }
    }))
}

/// Some rule permits and none denies. Each rule says (whether it matches, whether it denies).
fn permitted(rules: impl Iterator<Item = (bool, bool)>) -> bool {
    let mut allowed = false;
    for (matches, denies) in rules {
        if matches && denies {
            return false;
        }
        allowed |= matches;
    }
    allowed
}

fn negation(rule: &str) -> (&str, bool) {
    rule.strip_prefix('!').map_or((rule, false), |rule| (rule, true))
}

/// Why the project forbids a live object, or `Ok`: what it forbids is not an application's to delete.
/// `to` is where the application's objects go; the live ones are in the cluster that we run in.
pub fn live(project: &AppProject, to: &Destination, id: &ObjectId) -> Result<(), String> {
    let scope = if id.namespace.is_empty() { ScopeOf::Cluster } else { ScopeOf::Namespaced };
    if to.is_in_cluster() {
        return object(project, to, scope, id);
    }
    let here = Destination { server: IN_CLUSTER_SERVER.to_owned(), ..Destination::default() };
    object(project, &here, scope, id)
}

fn rule_matches(rule: &GroupKindGlob, id: &ObjectId) -> bool {
    glob(&rule.group, &id.group, false)
        && glob(&rule.kind, &id.kind, false)
        && (rule.name.is_empty() || glob(&rule.name, &id.name, false))
}

/// The URL of the cluster that runs us.
pub const IN_CLUSTER_SERVER: &str = "https://kubernetes.default.svc";
/// The name of the cluster that runs us.
pub const IN_CLUSTER_NAME: &str = "in-cluster";

pub(super) fn server_of(to: &Destination) -> &str {
    if to.server.is_empty() && to.is_in_cluster() { IN_CLUSTER_SERVER } else { &to.server }
}

pub(super) fn cluster_name(to: &Destination) -> &str {
    match (to.name.is_empty(), to.is_in_cluster()) {
        (false, _) => &to.name,
        (true, true) => IN_CLUSTER_NAME,
        (true, false) => &to.server,
    }
}

/// Argo CD's glob: `*` alone matches anything; an unreadable pattern matches nothing.
fn glob(pattern: &str, text: &str, separated: bool) -> bool {
    pattern == "*"
        || pattern == text
        || GlobBuilder::new(pattern)
            .literal_separator(separated)
            .build()
            .is_ok_and(|glob| glob.compile_matcher().is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(destinations: &[(&str, &str)]) -> AppProject {
        let mut project = AppProject::allow_all("team", "argocd");
        project.spec.destinations = destinations
            .iter()
            .map(|(server, namespace)| Destination {
                server: (*server).to_owned(),
                namespace: (*namespace).to_owned(),
                name: String::new(),
            })
            .collect();
        project
    }

    fn here() -> Destination {
        Destination { server: IN_CLUSTER_SERVER.to_owned(), ..Destination::default() }
    }

    #[test]
    fn a_namespace_is_permitted_by_glob_and_denied_by_negation() {
        let rules = project(&[("*", "team-*"), ("*", "!team-secret")]);
        for (namespace, wanted) in [("team-a", true), ("team-secret", false), ("other", false)] {
            let id = ObjectId::new("", "ConfigMap", namespace, "a");
            let verdict = object(&rules, &here(), ScopeOf::Namespaced, &id);
            assert_eq!(verdict.is_ok(), wanted, "{namespace}: {verdict:?}");
        }
    }

    #[test]
    fn a_live_object_is_judged_by_its_own_place() {
        let mut rules = project(&[(IN_CLUSTER_SERVER, "prod")]);
        rules.spec.cluster_resource_whitelist.clear();
        rules.spec.namespace_resource_blacklist =
            vec![GroupKindGlob { kind: "Secret".to_owned(), ..GroupKindGlob::default() }];
        let elsewhere = Destination { name: "production".to_owned(), ..Destination::default() };
        let table = [
            (ObjectId::new("", "ConfigMap", "prod", "a"), true),
            (ObjectId::new("", "ConfigMap", "test", "a"), false),
            (ObjectId::new("", "Secret", "prod", "a"), false),
            (ObjectId::new("", "Namespace", "", "prod"), false),
        ];
        for (id, wanted) in table {
            for to in [&here(), &elsewhere] {
                assert_eq!(live(&rules, to, &id).is_ok(), wanted, "{id}");
            }
        }
    }

    #[test]
    fn cluster_scoped_kinds_need_a_white_list() {
        let mut rules = project(&[("*", "*")]);
        let id = ObjectId::new("rbac.authorization.k8s.io", "ClusterRole", "", "reader");
        assert!(object(&rules, &here(), ScopeOf::Cluster, &id).is_ok());
        rules.spec.cluster_resource_whitelist.clear();
        assert!(object(&rules, &here(), ScopeOf::Cluster, &id).is_err());
    }

    #[test]
    fn a_star_in_a_repository_stays_within_its_path_segment() {
        let mut rules = project(&[("*", "*")]);
        rules.spec.source_repos = vec!["https://git.example/team/*".to_owned()];
        assert!(source_permitted(&rules, "https://git.example/team/shop.git"));
        assert!(!source_permitted(&rules, "https://git.example/team/sub/shop"));
        assert!(!source_permitted(&rules, "https://git.example/other/shop"));
    }

    #[test]
    fn no_spelling_of_a_repository_gets_past_a_rule() {
        let mut rules = project(&[("*", "*")]);
        rules.spec.source_repos =
            vec!["*".to_owned(), "!https://git.example/secret.git".to_owned()];
        for url in [
            "https://git.example/secret",
            "https://git.example/secret/",
            "https://git.example/Secret.git/",
            "https://GIT.example:443/secret",
            "https://bob@git.example/secret",
            "https://git.example/x/../%73ecret",
        ] {
            assert!(!source_permitted(&rules, url), "{url}");
        }
        assert!(source_permitted(&rules, "https://git.example/secrets"));

        rules.spec.source_repos = vec!["https://git.example/Team/**".to_owned()];
        let table = [
            ("https://git.example/team/shop.git/", true),
            ("https://git.example/team/a/b", true),
            ("https://git.example/team/../secret", false),
            ("https://git.example/team/%2e%2e/secret", false),
            ("https://git.example/team/..%2fsecret", false),
        ];
        for (url, wanted) in table {
            assert_eq!(source_permitted(&rules, url), wanted, "{url}");
        }
    }
}
