//! From a path to what is meant.

use std::sync::Arc;

use http::Method;

use super::query::{Query, decode};
use crate::embedded::{
    registry::{Kind, Table},
    server::Seen,
};

/// Where a request goes.
pub(super) enum Route {
    /// Objects of a kind.
    Objects(Place),
    /// Discovery, version, health and so on.
    Page,
    /// The real server has nothing there either.
    Nowhere,
    /// Something below an object of a custom kind that the kind does not have.
    Absent { kind: Arc<Kind>, name: String },
}

/// A collection, an object, or something below an object.
pub(super) struct Place {
    pub(super) kind: Arc<Kind>,
    /// Empty: the cluster, or all namespaces.
    pub(super) namespace: String,
    /// Empty: the collection.
    pub(super) name: String,
    /// Empty: the object itself.
    pub(super) sub: String,
    pub(super) method: Method,
}

impl Route {
    pub(super) fn find(table: &Table, method: &Method, path: &str) -> Self {
        // What is escaped parts a path, too.
        let path = decode(&path.replace('+', "%2B"));
        if path.contains("//") {
            return Self::Nowhere;
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
            _ => return Self::Page,
        };
        let (namespace, plural, name, sub) = match rest {
            // The subresources of a namespace look like a kind in it.
            ["namespaces", name, sub @ ("status" | "finalize")] => ("", "namespaces", *name, *sub),
            ["namespaces", namespace, plural] => (*namespace, *plural, "", ""),
            ["namespaces", namespace, plural, name] => (*namespace, *plural, *name, ""),
            ["namespaces", namespace, plural, name, sub, ..] => (*namespace, *plural, *name, *sub),
            [plural] => ("", *plural, "", ""),
            [plural, name] => ("", *plural, *name, ""),
            [plural, name, sub, ..] => ("", *plural, *name, *sub),
            [] => return Self::Nowhere,
        };
        let Some(kind) = table.at(group, version, plural) else { return Self::Nowhere };
        let named = !name.is_empty();
        if kind.custom.is_some() && !sub.is_empty() && kind.sub(sub).is_none() {
            return Self::Absent { kind, name: name.to_owned() };
        }
        if (named && kind.namespaced && namespace.is_empty())
            || (!kind.namespaced && !namespace.is_empty())
            || (!sub.is_empty() && kind.sub(sub).is_none())
        {
            return Self::Nowhere;
        }
        Self::Objects(Place {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            sub: sub.to_owned(),
            method: method.clone(),
        })
    }

    /// The request as an observer is told.
    pub(super) fn seen(&self, query: &Query, path: &str, query_text: &str) -> Seen {
        let mut seen = Seen {
            path: path.to_owned(),
            query: query_text.to_owned(),
            dry_run: query.get("dryRun") == "All",
            verb: "get".to_owned(),
            ..Seen::default()
        };
        if let Self::Objects(place) = self {
            place.verb(query).clone_into(&mut seen.verb);
            seen.group.clone_from(&place.kind.gvk.group);
            seen.version.clone_from(&place.kind.gvk.version);
            seen.resource.clone_from(&place.kind.plural);
            seen.subresource.clone_from(&place.sub);
            seen.namespace.clone_from(&place.namespace);
            seen.name.clone_from(&place.name);
            // A namespace is in itself, as the real server sees it.
            if place.kind.is_core("Namespace") {
                seen.namespace.clone_from(&place.name);
            }
        }
        seen
    }
}

impl Place {
    /// The verb, as roles name it.
    pub(super) fn verb(&self, query: &Query) -> &'static str {
        let collection = self.name.is_empty();
        match self.method {
            Method::GET | Method::HEAD if !collection => "get",
            Method::GET | Method::HEAD if query.is_set("watch") => "watch",
            Method::GET | Method::HEAD => "list",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if collection => "deletecollection",
            Method::DELETE => "delete",
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::registry::Registry;

    fn read(path: &str) -> Option<(String, String, String, String)> {
        match Route::find(&Registry::new().table(), &Method::GET, path) {
            Route::Objects(place) => {
                Some((place.kind.plural.clone(), place.namespace, place.name, place.sub))
            }
            Route::Page | Route::Nowhere | Route::Absent { .. } => None,
        }
    }

    #[test]
    fn paths_lead_to_kinds_namespaces_and_names() {
        let is = |a: &str, b: &str, c: &str, d: &str| {
            Some((a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned()))
        };
        let table = [
            ("/api/v1/pods", is("pods", "", "", "")),
            ("/api/v1/namespaces/shop/pods/web", is("pods", "shop", "web", "")),
            ("/api/v1/namespaces/shop/pods/web/log", is("pods", "shop", "web", "log")),
            ("/api/v1/namespaces/shop", is("namespaces", "", "shop", "")),
            ("/api/v1/namespaces/shop/finalize", is("namespaces", "", "shop", "finalize")),
            ("/apis/apps/v1/deployments", is("deployments", "", "", "")),
            (
                "/apis/apps/v1/namespaces/shop/deployments/web/scale",
                is("deployments", "shop", "web", "scale"),
            ),
            ("/api/v1/pods/web", None),
            ("/api/v1/namespaces/shop/nodes", None),
            ("/api/v1/namespaces/shop/pods/web/nothing", None),
            ("/apis/apps/v1", None),
            ("/apis/none/v1/things", None),
        ];
        for (path, expected) in table {
            assert_eq!(read(path), expected, "{path}");
        }
    }
}
