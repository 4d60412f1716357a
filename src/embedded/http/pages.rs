//! What is not about objects: discovery, version, health, metrics, OpenAPI.

use http::header;
use serde_json::json;

use super::{
    aggregated, discovery,
    negotiate::{self, Discovery},
    objects::Asked,
    reply::Reply,
    text,
};
use crate::embedded::{
    architecture,
    openapi::{self, Served, Subresource},
    registry::{Sub, Table},
    status::Status,
};

/// The release whose API is served.
const MAJOR: &str = "1";
const MINOR: &str = "36";

pub(super) fn respond(asked: &Asked<'_>, path: &str) -> Reply {
    let table = asked.server.core().registry.table();
    let accept = text(asked.headers, header::ACCEPT.as_str());
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let found = match parts.as_slice() {
        ["api" | "apis", ..] => {
            return discover(&table, accept, &parts).unwrap_or_else(|why| Reply::refusal(&why));
        }
        [] => Some(roots(&table)),
        ["version"] => {
            if negotiate::wants_yaml(accept) {
                return Reply::refusal(&Status::not_acceptable("application/json"));
            }
            Some(version())
        }
        ["healthz" | "livez" | "readyz", ..] => return health(asked, path),
        ["metrics"] => return Reply::text(200, asked.server.metrics().page()),
        ["openapi", "v2"] => return older_types(accept),
        ["openapi", "v3"] => Some(documents(&table)),
        ["openapi", "v3", "api", version] => return document(&table, "", version),
        ["openapi", "v3", "apis", group, version] => return document(&table, group, version),
        ["openapi", "v3", ..] => return Reply::empty(404),
        _ => None,
    };
    match found {
        Some(value) => Reply::json(200, &value),
        None => nowhere(&table, path),
    }
}

/// Which kinds are served, in the form that is wanted.
fn discover(table: &Table, accept: &str, parts: &[&str]) -> Result<Reply, Status> {
    if let [root] = parts
        && let Discovery::Aggregated { version } = negotiate::discovery(accept)?
    {
        let list = aggregated::list(table, *root == "api", version);
        return Ok(aggregated_reply(version, &list.to_string()));
    }
    let found = match parts {
        ["api"] => Some(discovery::core_versions()),
        ["apis"] => Some(discovery::groups(table)),
        ["api", version] => discovery::resources(table, "", version),
        ["apis", group] => discovery::group(table, group),
        ["apis", group, version] => discovery::resources(table, group, version),
        _ => None,
    };
    match found {
        Some(found) => negotiate::plain(accept).map(|()| Reply::json(200, &found)),
        None => Ok(nowhere(table, &parts.join("/"))),
    }
}

/// A path that leads nowhere: in a group of Kubernetes that is a `Status`, elsewhere a page.
pub(super) fn nowhere(table: &Table, path: &str) -> Reply {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let builtin = match parts.as_slice() {
        // A group has a name.
        _ if path.starts_with("//") => false,
        ["api", _, ..] => true,
        ["apis", group, _, ..] => {
            table.kinds().any(|kind| kind.gvk.group == *group && kind.custom.is_none())
        }
        _ => false,
    };
    if builtin {
        return Reply::refusal(&Status::nothing_there());
    }
    Reply::text(404, "404 page not found\n")
}

/// The kinds of one version, as the documents of OpenAPI need them.
fn served<'a>(table: &'a Table, group: &str, version: &str) -> Vec<Served<'a>> {
    let kinds = table.kinds().filter(|k| k.gvk.group == group && k.gvk.version == version);
    let subresource =
        |sub: &'a Sub| Subresource { name: sub.name(), verbs: sub.verbs(), gvk: sub.gvk() };
    kinds
        .map(|kind| Served {
            gvk: &kind.gvk,
            list_kind: if kind.is_review() { "" } else { &kind.list_kind },
            plural: &kind.plural,
            namespaced: kind.namespaced,
            verbs: kind.verbs,
            subresources: kind.subs.iter().map(subresource).collect(),
            custom: kind.custom.as_ref().map(|custom| &*custom.schema),
        })
        .collect()
}

/// `/openapi/v3`: one document for each group and version.
fn documents(table: &Table) -> serde_json::Value {
    let mut versions = vec![("", "v1")];
    for (group, all) in table.groups() {
        versions.extend(all.into_iter().map(|version| (group, version)));
    }
    let entries: Vec<(String, String)> = versions
        .into_iter()
        .map(|(group, version)| {
            let hash = openapi::hash(&served(table, group, version));
            (openapi::name(group, version), hash)
        })
        .collect();
    openapi::index(entries.iter().map(|(name, hash)| (name.as_str(), hash.as_str())))
}

fn document(table: &Table, group: &str, version: &str) -> Reply {
    let served = served(table, group, version);
    if served.is_empty() {
        return Reply::text(404, "404 page not found\n");
    }
    Reply::bytes(200, "application/json", openapi::document(group, version, &served))
}

/// `/openapi/v2` describes no type: v3 describes them all. kubectl asks for it where it does not find
/// a kind, and goes on when the answer says nothing.
fn older_types(accept: &str) -> Reply {
    const BINARY: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    if accept.contains("proto-openapi.spec.v2") {
        // The first field, `swagger`.
        return Reply::bytes(200, BINARY, &b"\x0a\x032.0"[..]);
    }
    let info = json!({"title": "Kubernetes", "version": version()["gitVersion"]});
    Reply::json(200, &json!({"swagger": "2.0", "info": info, "paths": {}}))
}

fn aggregated_reply(version: &str, text: &str) -> Reply {
    // The client looks at the media type to see whether its wish was understood.
    let content_type = match version {
        "v2beta1" => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    };
    Reply::bytes(200, content_type, text.to_owned())
}

/// `/`: where something is.
fn roots(table: &Table) -> serde_json::Value {
    let mut paths: Vec<String> =
        ["/api", "/api/v1", "/apis", "/apis/", "/healthz", "/livez", "/metrics", "/openapi/v2"]
            .into_iter()
            .chain(["/openapi/v3", "/openapi/v3/", "/readyz", "/version"])
            .map(str::to_owned)
            .collect();
    for (group, versions) in table.groups() {
        paths.push(format!("/apis/{group}"));
        paths.extend(versions.into_iter().map(|version| format!("/apis/{group}/{version}")));
    }
    paths.sort();
    json!({"paths": paths})
}

/// What the server says it is. Nobody can take it for a real one.
fn version() -> serde_json::Value {
    json!({
        "major": MAJOR, "minor": MINOR, "emulationMajor": MAJOR, "emulationMinor": MINOR,
        "minCompatibilityMajor": MAJOR, "minCompatibilityMinor": MINOR,
        "gitVersion": format!("v{MAJOR}.{MINOR}.0+steadfast-embedded"),
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none", "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, architecture()),
    })
}

fn health(asked: &Asked<'_>, path: &str) -> Reply {
    let name = path.split('/').nth(1).unwrap_or_default();
    if asked.query.get("verbose").is_empty() && !path.ends_with("verbose") {
        return Reply::text(200, "ok");
    }
    Reply::text(200, format!("[+]ping ok\n{name} check passed\n"))
}
