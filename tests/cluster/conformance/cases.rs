//! The language of the cases.
//!
//! ```text
//! # a sentence that names the case
//! apply one cm/a {data: {a: "1"}}      server-side apply by the manager `one`; `one!` forces
//! create cm/a?dryRun=All {data: {}}    POST; `create@web` by the manager `web`
//! update cm/a {data: {}}               PUT
//! json cm/a [{op: remove, path: /x}]   the patches: json, merge, strategic
//! get cm/a; get+table cm; get+partial  GET, with an Accept header
//! delete cm/a {propagationPolicy: Orphan}
//! raw POST cm text/plain the body      a body as it is
//! keep rv /metadata/resourceVersion    keeps a value of the last answer as $rv
//! as viewer                            the user from here on: admin, viewer, nobody, anonymous
//! with Impersonate-User: joe           one more header from here on; `with` alone: none
//! watch cm?labelSelector=a%3Db         opens a watch
//! events 3                             waits for three of its events
//! until crd/x /status/x value          asks again until both sides have the value
//! ```
//!
//! Indented lines belong to the line above. `$ns` is the namespace of the case, `$big` a word that no
//! request may have. Bodies are YAML;
//! kind, version and name are filled in from the short path.

use std::{fs, path::Path};

/// One script.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub file: &'static str,
    pub line: usize,
    pub name: String,
    pub steps: Vec<Step>,
}

/// One line of a script.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub verb: String,
    /// What follows.
    pub rest: String,
}

const FILES: &[&str] = &[
    "apply.txt",
    "apply_custom.txt",
    "apply_errors.txt",
    "apply_lists.txt",
    "apply_mixed.txt",
    "apply_owners.txt",
    "auth.txt",
    "corners.txt",
    "custom.txt",
    "deletion.txt",
    "discovery.txt",
    "doors.txt",
    "kinds.txt",
    "namespaces.txt",
    "pages.txt",
    "patches.txt",
    "patches_strategic.txt",
    "reads.txt",
    "selectors.txt",
    "subresources.txt",
    "tables.txt",
    "validation.txt",
    "watches.txt",
    "writes.txt",
];

/// The cases of all files.
pub(super) fn all() -> Vec<Case> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/conformance");
    let mut cases = Vec::new();
    for file in FILES {
        let text = fs::read_to_string(dir.join(file)).expect("the cases are committed");
        cases.extend(read(file, &text));
    }
    cases
}

/// The cases of one file.
pub(super) fn read(file: &'static str, text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(name) = line.strip_prefix("# ") {
            let name = name.trim().to_owned();
            cases.push(Case { file, line: number + 1, name, steps: Vec::new() });
        } else if line.starts_with(' ') {
            let steps = cases.last_mut().map(|case| &mut case.steps);
            let step = steps.and_then(|steps| steps.last_mut()).expect("a step is above");
            step.rest.push('\n');
            step.rest.push_str(line);
        } else if !line.trim().is_empty() {
            let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
            let step = Step { verb: verb.to_owned(), rest: rest.to_owned() };
            cases.last_mut().expect("a case has begun").steps.push(step);
        }
    }
    cases
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.rest)
    }
}
