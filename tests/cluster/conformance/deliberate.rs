//! What differs on purpose, and what differs still.

use std::fmt::Write;

use super::cases::Case;

/// The name of a case, words of the step, and why the embedded server answers differently there.
type Difference = (&'static str, &'static str, &'static str);

const PLACES: &str = "only the kinds that are served are listed";

/// These stay.
#[rustfmt::skip]
const DELIBERATE: &[Difference] = &[
    ("nobody is asked who they are without a token", "get /version", "it says that it is no real cluster"),
    ("may I", "path: /version", "rights of the options have no role to be named as the reason"),
    ("the core group", "get /api/v1", PLACES),
    ("the network groups", "get /apis/networking.k8s.io/v1", PLACES),
    ("the groups of definitions and admission", "get /apis/admissionregistration.k8s.io/v1", PLACES),
    ("the small groups", "get /apis/storage.k8s.io/v1", PLACES),
    ("the core group in the newer form", "get+aggregated /api", PLACES),
    ("every kind is created with its defaults: cluster kinds", "create node/", "nodes are played and ready at once, so no taint waits for that"),
    ("every kind is created with its defaults: small kinds", "create ep/a", "nothing is deprecated here that is served"),
    ("a pod of an account that is not there", "none", "service accounts come late, and pods do not wait for them"),
    ("an address outside of the range", "svc/b", "every address is accepted: clusters differ in their ranges"),
    ("an object of another kind or version", "{apiVersion: v2}", "the real message names a line of its source"),
    ("an apply that is no object", "{a: [}", "the YAML reader has words of its own"),
    ("a list in pages", "continue=nonsense", "the JSON reader has words of its own"),
];

/// These are mistakes that are known.
#[rustfmt::skip]
const OPEN: &[Difference] = &[
    ("duplicate fields of an apply", "", "fields that stand twice in YAML are not noticed"),
    ("what the schema of a custom kind forbids", "labels: {a: 1}", "the order of causes: a map's in the real server"),
    ("what the schema of a custom kind forbids", "{spec: []}", "the scale of what has no spec"),
    ("the status of a custom kind", "{replicas: text}", "the scale of a status that is no number"),
    ("definitions that are not valid", "versions: []", "an empty list is taken for none"),
    ("kinds that answer with what they were", "create role/a", "an empty list has no owner"),
    ("kinds that answer with what they were", "create limits/a", "an empty list has no owner"),
    ("tables of many kinds", "role", "an empty list has no owner"),
    ("names that are not valid", "create role/a:b", "an empty list has no owner"),
    ("an update needs the object", "update role/a", "an empty list has no owner"),
    ("strategic patches that can't be read", "[1]", "wrong types in a strategic patch have other words"),
    ("strategic patches that can't be read", "finalizers", "wrong types in a strategic patch have other words"),
    ("a status that is not valid", "", "statuses are not validated"),
    ("a docker configuration that is none", "", "the contents of secrets are not read"),
    ("a job that selects by itself", "", "the first of two causes is missing"),
    ("a quota of less than nothing", "", "quotas are not validated"),
    ("a limit of no known type", "", "limits are not validated"),
    ("what the server keeps is not taken from a client", "create cm/a", "a generation is dropped where nothing counts it"),
    ("bodies that are no objects", "\"apiVersion\":1", "an apiVersion of another type is taken for none"),
    ("an update of what the server keeps", "deletionTimestamp", "one of two equal causes"),
    ("an update of what the server keeps", "kind: Secret", "a patched kind is noticed earlier"),
    ("fields of other workloads that stay", "merge ds/a", "the order of causes"),
];

/// Adds to the report what is wrong with a case: what differs, and what does not where it is said
/// to.
pub(super) fn judge(case: &Case, differences: &[String], report: &mut String) {
    let known: Vec<_> =
        DELIBERATE.iter().chain(OPEN).filter(|(name, ..)| *name == case.name).collect();
    // The first line of a difference is the step.
    let step = |difference: &str| difference.lines().next().unwrap_or_default().to_owned();
    let said =
        |difference: &str| known.iter().any(|(_, words, _)| step(difference).contains(words));
    let mut lines: Vec<String> =
        differences.iter().filter(|difference| !said(difference)).cloned().collect();
    for (_, words, reason) in &known {
        if !differences.iter().any(|difference| step(difference).contains(words)) {
            lines.push(format!("  {words:?} differs no more ({reason}): take it off the table"));
        }
    }
    if !lines.is_empty() {
        let _ = writeln!(report, "== {} ({}:{})", case.name, case.file, case.line);
        for line in lines {
            let _ = writeln!(report, "{line}");
        }
    }
}
