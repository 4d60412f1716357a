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
use crate::embedded::status::Status;

/// The release whose API is served.
const MAJOR: &str = "1";
const MINOR: &str = "36";

pub(super) fn respond(asked: &Asked<'_>, path: &str) -> Result<Reply, Status> {
    let table = asked.server.core().registry.table();
    let wanted = negotiate::discovery(text(asked.headers, header::ACCEPT.as_str()));
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let found = match (parts.as_slice(), wanted) {
        ([root @ ("api" | "apis")], Discovery::Aggregated { version }) => {
            let list = aggregated::list(&table, *root == "api", version);
            return Ok(aggregated_reply(version, &list.to_string()));
        }
        (["api"], _) => Some(discovery::core_versions()),
        (["apis"], _) => Some(discovery::groups(&table)),
        (["api", version], _) => discovery::resources(&table, "", version),
        (["apis", group], _) => discovery::group(&table, group),
        (["apis", group, version], _) => discovery::resources(&table, group, version),
        (["version"], _) => Some(version()),
        (["healthz" | "livez" | "readyz", ..], _) => return Ok(health(asked, path)),
        (["metrics"], _) => return Ok(Reply::text(200, asked.server.metrics().page())),
        (["openapi", "v2", ..], _) => {
            return Err(Status::not_acceptable("OpenAPI v3, at /openapi/v3"));
        }
        _ => None,
    };
    match found {
        Some(value) => Ok(Reply::json(200, &value)),
        None => Ok(Reply::text(404, "404 page not found\n")),
    }
}

fn aggregated_reply(version: &str, text: &str) -> Reply {
    // The client looks at the media type to see whether its wish was understood.
    let content_type = match version {
        "v2beta1" => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    };
    Reply::bytes(200, content_type, text.to_owned())
}

/// What the server says it is. Nobody can take it for a real one.
fn version() -> serde_json::Value {
    json!({
        "major": MAJOR, "minor": MINOR, "emulationMajor": MAJOR, "emulationMinor": MINOR,
        "minCompatibilityMajor": MAJOR, "minCompatibilityMinor": MINOR,
        "gitVersion": format!("v{MAJOR}.{MINOR}.0+steadfast-embedded"),
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none", "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

fn health(asked: &Asked<'_>, path: &str) -> Reply {
    let name = path.split('/').nth(1).unwrap_or_default();
    if asked.query.get("verbose").is_empty() && !path.ends_with("verbose") {
        return Reply::text(200, "ok");
    }
    Reply::text(200, format!("[+]ping ok\n{name} check passed\n"))
}
