//! OpenAPI v3 documents, one for each group version, as far as clients read them: the types, for
//! `kubectl explain` and the merges of `kubectl apply`, and the operations, for finding a kind by
//! its path and for learning that the server validates fields.
//!
//! Built-in types are copied from the committed table as they stand there, custom ones are made of
//! their CRD. A document is made when it is asked for; its hash is known without it.

mod custom;
mod operations;
mod types;

use std::{fmt::Write, sync::OnceLock};

use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use super::schema::{Schema, TABLE};
use crate::object::GroupVersionKind;

/// A resource in one version.
pub(crate) struct Served<'a> {
    pub(crate) gvk: &'a GroupVersionKind,
    /// Empty for what can't be listed.
    pub(crate) list_kind: &'a str,
    pub(crate) plural: &'a str,
    pub(crate) namespaced: bool,
    /// As discovery lists them: `create`, `deletecollection` ...
    pub(crate) verbs: &'a [&'a str],
    pub(crate) subresources: Vec<Subresource<'a>>,
    /// The schema of a custom kind.
    pub(crate) custom: Option<&'a Schema>,
}

/// A path below an object.
pub(crate) struct Subresource<'a> {
    /// The last part of the path.
    pub(crate) name: &'a str,
    pub(crate) verbs: &'a [&'a str],
    /// What is sent and answered; `None`: the object itself.
    pub(crate) gvk: Option<GroupVersionKind>,
}

/// The name of a document: `api/v1` or `apis/apps/v1`. It stands below `/openapi/v3/`, and resources
/// stand below the same path.
pub(crate) fn name(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// The index at `/openapi/v3`: the documents by name, each with its hash.
pub(crate) fn index<'a>(documents: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    let entry = |(name, hash): (&str, &str)| {
        let url = format!("/openapi/v3/{name}?hash={hash}");
        (name.to_owned(), json!({"serverRelativeURL": url}))
    };
    json!({"paths": Value::Object(documents.into_iter().map(entry).collect())})
}

/// A hash of everything that the document of these resources is made of, in capital hexadecimal
/// digits. A client takes a document for the same as long as its hash is.
pub(crate) fn hash(served: &[Served<'_>]) -> String {
    static OF_TABLE: OnceLock<String> = OnceLock::new();
    let mut hasher = Sha512::new();
    hasher.update(OF_TABLE.get_or_init(|| hexadecimal(&Sha512::digest(TABLE))));
    for one in served {
        let (kind, list_kind) = (one.gvk, one.list_kind);
        let line = format!("{kind} {list_kind} {} {} {:?}", one.plural, one.namespaced, one.verbs);
        hasher.update(line);
        for sub in &one.subresources {
            hasher.update(format!("{} {:?} {:?}", sub.name, sub.verbs, sub.gvk));
        }
        if let Some(published) = one.custom.and_then(Schema::published) {
            hasher.update(published.to_string());
        }
    }
    hexadecimal(&hasher.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string doesn't fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// The document of one group version, in JSON.
pub(crate) fn document(group: &str, version: &str, served: &[Served<'_>]) -> String {
    let mut types = types::Types::default();
    for name in ["DeleteOptions", "Patch", "Status"] {
        types.add(&format!("{META}{name}"));
    }
    let mut paths = serde_json::Map::new();
    for one in served {
        if let Some(published) = one.custom.and_then(Schema::published) {
            custom::add(&mut types, one, published);
        } else {
            types.add_kind(one.gvk);
            types.add_kind(&GroupVersionKind { kind: one.list_kind.to_owned(), ..one.gvk.clone() });
        }
        for gvk in one.subresources.iter().filter_map(|sub| sub.gvk.as_ref()) {
            types.add_kind(gvk);
        }
        operations::add(&mut paths, &name(group, version), one);
    }
    let info = json!({"title": "Kubernetes", "version": "unversioned"});
    let paths = Value::Object(paths);
    let security = json!({"BearerToken": {
        "type": "apiKey", "in": "header", "name": "authorization",
        "description": "Bearer Token authentication"}});
    // The types are text already: they are not worth a tree.
    format!(
        "{{\"openapi\":\"3.0.0\",\"info\":{info},\"paths\":{paths},\"components\":{{\"schemas\":\
         {{{}}},\"securitySchemes\":{security}}}}}",
        types.text()
    )
}

/// Where names of types of every object begin.
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";

/// A reference to a type.
fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The name of a kind's type.
fn type_of(gvk: &GroupVersionKind, is_custom: bool) -> String {
    if is_custom {
        return custom::type_name(gvk);
    }
    Schema::builtin().root(gvk).map_or_else(String::new, |root| root.full_name().to_owned())
}

#[cfg(test)]
mod tests;
