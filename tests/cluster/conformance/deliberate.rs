//! What differs on purpose, and what differs still.

use std::fmt::Write;

use super::cases::Case;

/// The name of a case, words of the step, and why the embedded server answers differently there.
type Difference = (&'static str, &'static str, &'static str);

/// Kinds and what hangs below kinds that the embedded server leaves out. Discovery is compared
/// without them.
pub(super) const ABSENT: &[&str] = &[
    "bindings",
    "componentstatuses",
    "pods/resize",
    "csidrivers",
    "csinodes",
    "csistoragecapacities",
    "volumeattachments",
    "volumeattachments/status",
    "volumeattributesclasses",
    "ipaddresses",
    "servicecidrs",
    "servicecidrs/status",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "validatingadmissionpolicies",
    "validatingadmissionpolicies/status",
    "validatingadmissionpolicybindings",
];

/// These stay.
#[rustfmt::skip]
const DELIBERATE: &[Difference] = &[
    ("nobody is asked who they are without a token", "get /version", "it says that it is no real cluster"),
    ("may I", "path: /version", "rights of the options have no role to be named as the reason"),
    ("every kind is created with its defaults: cluster kinds", "create node/", "nodes are played and ready at once, so no taint waits for that"),
    ("every kind is created with its defaults: small kinds", "create ep/a", "nothing is deprecated here that is served"),
    ("a pod of an account that is not there", "none", "service accounts come late, and pods do not wait for them"),
    ("an address outside of the range", "svc/b", "every address is accepted: clusters differ in their ranges"),
    ("an object of another kind or version", "{apiVersion: v2}", "the real message names a line of its source"),
    ("an apply that is no object", "{a: [}", "the YAML reader has words of its own"),
    ("a list in pages", "continue=nonsense", "the JSON reader has words of its own"),
    ("a list before a watch of a kind without objects", "events 1", "a bookmark has no more than metadata"),
    ("taints of a node and its address ranges", "", "nodes are played and ready at once, so no taint waits for that"),
    ("a table of a node and its classes", "node/", "nodes are played and ready at once, so no taint waits for that"),
    ("empty lists of every type are created", "ep/a", "nothing is deprecated here that is served"),
    ("a scale of a custom object is applied", "", "the real server can't do it: it converts the object to a Scale"),
    ("a table of services", "ep/a", "nothing is deprecated here that is served"),
    ("accounts, endpoints and revisions", "ep/a", "nothing is deprecated here that is served"),
    ("merge patches of corners", "kind: null", "the real server warns of all fields of what is no object"),
    ("a deletion in other formats", "Other", "the real message names a line of its source"),
    ("evictions of every form", "kind: Pod", "the real message names a line of its source"),
];

/// These are mistakes that are known.
#[rustfmt::skip]
const OPEN: &[Difference] = &[
    ("several fields that stand twice in an apply", "dota", "of two mistakes the other is named"),
    ("bodies that are no objects", "\"apiVersion\":1", "less of the body is shown"),
    ("an object within an object", "A_b", "the metadata of an object within an object is not looked at"),
    ("definitions that are not valid", "versions: []", "an empty list is taken for none"),
    ("definitions with empty lists", "versions: []", "an empty list is taken for none"),
    ("definitions with empty lists", "default: 3", "defaults are not measured by their own schema"),
    ("definitions with empty lists", "}, {name: v1", "a version that is stored twice is noticed once"),
    ("a namespace with a made-up name and one that is rehearsed", "create ns {", "the creator owns the label with the name"),
    ("scales of custom objects that can't be", "get widget/a", "who takes the replicas away by a scale still owns them"),
    ("an update of what the server keeps", "kind: Secret", "a patched kind is noticed earlier"),
    ("updates with warnings", "pod/c", "an empty name of a pull secret is shown"),
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
