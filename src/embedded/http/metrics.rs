//! Requests by verb, resource and code, under the names of the real server.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::embedded::server::Seen;

/// Most lines. Resources come from the table of kinds, so only hostile definitions get here.
const LINES_MAX: usize = 20_000;

/// The counters.
#[derive(Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<Labels, u64>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Labels {
    group: String,
    version: String,
    resource: String,
    subresource: String,
    scope: &'static str,
    verb: &'static str,
    dry_run: &'static str,
    code: u16,
}

impl Metrics {
    /// Counts a request.
    pub(crate) fn count(&self, seen: &Seen) {
        let labels = Labels {
            group: seen.group.clone(),
            version: seen.version.clone(),
            resource: seen.resource.clone(),
            subresource: seen.subresource.clone(),
            scope: scope(seen),
            verb: verb(seen),
            dry_run: if seen.dry_run { "All" } else { "" },
            code: seen.code,
        };
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() < LINES_MAX || requests.contains_key(&labels) {
            *requests.entry(labels).or_default() += 1;
        }
    }

    /// The page that Prometheus reads.
    pub(crate) fn page(&self) -> String {
        let mut page = String::from(
            "# HELP apiserver_request_total [STABLE] Counter of apiserver requests broken out for \
             each verb, dry run value, group, version, resource, scope, component, and HTTP \
             response code.\n# TYPE apiserver_request_total counter\n",
        );
        for (labels, count) in &*self.requests.lock().unwrap_or_else(PoisonError::into_inner) {
            let Labels { group, version, resource, subresource, scope, verb, dry_run, code } =
                labels;
            page.push_str(&format!(
                "apiserver_request_total{{code=\"{code}\",component=\"apiserver\",\
                 dry_run=\"{dry_run}\",group=\"{group}\",resource=\"{resource}\",\
                 scope=\"{scope}\",subresource=\"{subresource}\",verb=\"{verb}\",\
                 version=\"{version}\"}} {count}\n"
            ));
        }
        page
    }
}

fn scope(seen: &Seen) -> &'static str {
    match (seen.resource.as_str(), seen.name.as_str(), seen.namespace.as_str()) {
        ("", ..) => "",
        (_, "", "") => "cluster",
        (_, "", _) => "namespace",
        _ => "resource",
    }
}

fn verb(seen: &Seen) -> &'static str {
    match seen.verb.as_str() {
        "list" => "LIST",
        "watch" => "WATCH",
        "create" => "POST",
        "update" => "PUT",
        "patch" if seen.applies => "APPLY",
        "patch" => "PATCH",
        "delete" => "DELETE",
        "deletecollection" => "DELETECOLLECTION",
        _ => "GET",
    }
}
