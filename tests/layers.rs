//! Who may know whom: the layer rule of docs/ARCHITECTURE.md.
//!
//! The modules form a pipeline around a pure core. What a module names by `crate::`, the others
//! that it depends on, is read from its source, tests left out, and compared with a table.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Each top module and the ones that it may name. Absent: `lib.rs` and `main.rs`, which only join.
const MAY_NAME: [(&str, &[&str]); 17] = [
    ("accept", &[]),
    ("object", &[]),
    ("yaml", &[]),
    ("api", &["object"]),
    ("config", &["object", "api"]),
    ("plan", &["object", "api"]),
    ("health", &["object", "api"]),
    ("worker", &["object", "yaml", "api"]),
    ("source", &["object", "yaml", "api", "worker"]),
    ("render", &["object", "yaml", "api", "worker"]),
    ("cluster", &["object", "yaml", "api", "worker"]),
    ("apply", &["object", "yaml", "api", "worker", "cluster", "plan"]),
    ("report", &["object", "yaml", "api", "worker"]),
    ("embedded", &["accept", "object", "yaml"]),
    ("sync", EVERYTHING),
    ("server", EVERYTHING),
    ("cli", EVERYTHING),
];

const EVERYTHING: &[&str] = &[
    "accept", "object", "yaml", "api", "config", "plan", "health", "worker", "source", "render",
    "cluster", "apply", "report", "embedded", "sync", "server", "cli",
];

/// Modules that compute values from values, and the crates that would let them do more.
const PURE: [&str; 4] = ["object", "yaml", "plan", "health"];
const IMPURE_CRATES: [&str; 7] = ["tokio", "kube", "gix", "axum", "reqwest", "tower", "rustix"];

#[test]
fn every_module_names_only_the_modules_below_it() {
    let mut faults = Vec::new();
    for file in sources() {
        let allowed = MAY_NAME.iter().find(|(module, _)| *module == file.module);
        let Some((module, allowed)) = allowed else {
            faults.push(format!("{}: {} is in no layer yet", file.name, file.module));
            continue;
        };
        for named in crate_paths(&file.code) {
            if named != *module && !allowed.contains(&named.as_str()) {
                faults.push(format!("{}: {module} must not know {named}", file.name));
            }
        }
        if climbs_to_the_root(&file.code, file.depth) {
            faults.push(format!("{}: write crate:: instead of super:: here", file.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_core_knows_no_input_and_no_output() {
    let mut faults = Vec::new();
    for file in sources().into_iter().filter(|file| PURE.contains(&file.module.as_str())) {
        let words: BTreeSet<&str> = extern_paths(&file.code).collect();
        for named in IMPURE_CRATES.iter().filter(|name| words.contains(*name)) {
            faults.push(format!("{}: {} must not know {named}", file.name, file.module));
        }
        for path in ["std::fs", "std::net", "std::process", "std::thread", "std::env"] {
            if file.code.contains(path) {
                faults.push(format!("{}: {} must not use {path}", file.name, file.module));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_table_has_no_cycle_below_the_modules_that_see_everything() {
    let graph: BTreeMap<&str, &[&str]> =
        MAY_NAME.into_iter().filter(|(_, names)| names.len() < EVERYTHING.len()).collect();
    let mut done = BTreeSet::new();
    while done.len() < graph.len() {
        let before = done.len();
        for (module, names) in &graph {
            if names.iter().all(|name| done.contains(name)) {
                done.insert(*module);
            }
        }
        assert!(done.len() > before, "a cycle among {:?}", graph.keys().collect::<Vec<_>>());
    }
}

/// One file of a top module.
struct Source {
    /// Path below `src`, for messages.
    name: String,
    /// The top module it belongs to.
    module: String,
    /// How many `super::` lead from it to the root of the crate.
    depth: usize,
    /// The text without comments, literals and tests.
    code: String,
}

/// All files but the two roots and the test modules.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut todo = vec![root.clone()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).expect("a directory of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 20, "found only {found:?}");
    found.sort();
    found.iter().filter_map(|path| source(&root, path)).collect()
}

fn source(root: &Path, path: &PathBuf) -> Option<Source> {
    let relative = path.strip_prefix(root).expect("a file below src").with_extension("");
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let is_test = parts.iter().any(|part| part == "tests" || part == "testing");
    if is_test || matches!(parts[0].as_str(), "lib" | "main") {
        return None;
    }
    let text = fs::read_to_string(path).expect("a source in UTF-8");
    Some(Source {
        name: relative.display().to_string(),
        module: parts[0].clone(),
        depth: parts.len(),
        code: without_tests(&without_comments_and_literals(&text)),
    })
}

/// Replaces comments by nothing and literals by empty ones. Knows nested comments and raw strings;
/// a lifetime is told from a character by its missing end quote.
fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if rest.starts_with("/*") {
            rest = after_block_comment(rest);
        } else if let Some(after) = after_raw_string(rest, &code) {
            code.push_str("\"\"");
            rest = after;
        } else if first == '"' {
            code.push_str("\"\"");
            rest = after_quoted(&rest[1..], '"');
        } else if rest.starts_with("'\\") || (first == '\'' && rest.chars().nth(2) == Some('\'')) {
            code.push_str("' '");
            rest = after_quoted(&rest[1..], '\'');
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

fn after_block_comment(text: &str) -> &str {
    let (mut depth, mut rest) = (0, text);
    loop {
        let Some(next) = rest.find("/*").into_iter().chain(rest.find("*/")).min() else {
            return "";
        };
        depth = if rest[next..].starts_with("/*") { depth + 1 } else { depth - 1 };
        rest = &rest[next + 2..];
        if depth == 0 {
            return rest;
        }
    }
}

/// The rest after `r"..."` or `r#"..."#`, where `text` begins with one.
fn after_raw_string<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let inside_a_word = before.ends_with(|c: char| c.is_alphanumeric() && c != 'b' && c != 'c');
    let hashes_and_rest = text.strip_prefix('r').filter(|_| !inside_a_word)?;
    let content = hashes_and_rest.trim_start_matches('#');
    let hashes = hashes_and_rest.len() - content.len();
    let content = content.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let at = content.find(&end)?;
    Some(&content[at + end.len()..])
}

fn after_quoted(text: &str, quote: char) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return &text[at + c.len_utf8()..],
            _ => {}
        }
    }
    ""
}

/// Cuts every item behind `#[cfg(test)]` out: its braces, or up to its semicolon.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(['{', ';']).unwrap_or(rest.len() - 1);
        rest = if rest[end..].starts_with('{') {
            after_braces(&rest[end..])
        } else {
            &rest[end + 1..]
        };
    }
    kept + rest
}

fn after_braces(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return &text[at + 1..],
            '}' => depth -= 1,
            _ => {}
        }
    }
    ""
}

/// The modules behind `crate::`, also in groups: `crate::{a::B, c::{D, E}}` gives `a` and `c`.
fn crate_paths(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(is_word) {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.insert(first_word(rest));
            continue;
        };
        let group = &group[..group.len() - after_braces(rest).len()];
        let mut depth = 0_usize;
        let mut at_start = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => at_start = true,
                c if at_start && is_word(c) => {
                    names.insert(first_word(&group[at..]));
                    at_start = false;
                }
                _ => {}
            }
        }
    }
    names
}

/// Words before `::`, or after `use `, that no other path segment precedes.
fn extern_paths(code: &str) -> impl Iterator<Item = &str> {
    code.match_indices(is_word).filter_map(move |(at, _)| {
        let starts_here = !code[..at].ends_with(is_word);
        let is_inner = code[..at].ends_with("::") && !code[..at].ends_with(" ::");
        let word = &code[at..at + first_word(&code[at..]).len()];
        let used = code[..at].ends_with("use ") || code[at + word.len()..].starts_with("::");
        (starts_here && !is_inner && used).then_some(word)
    })
}

fn climbs_to_the_root(code: &str, depth: usize) -> bool {
    code.contains(&"super::".repeat(depth))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| is_word(*c)).collect()
}

#[test]
fn the_reader_of_paths_reads_paths() {
    let paths = |text: &str| -> Vec<String> {
        let code = without_tests(&without_comments_and_literals(text));
        crate_paths(&code).into_iter().collect()
    };
    let table: [(&str, &[&str]); 10] = [
        ("use crate::object::Turn;", &["object"]),
        ("use crate::{api::{A, B}, object, yaml::load};", &["api", "object", "yaml"]),
        ("use crate::{\n    plan::Step,\n    cluster as c,\n};", &["cluster", "plan"]),
        ("fn f() { crate::sync::run(); pub(crate) fn x() {} }", &["sync"]),
        ("// use crate::a;\n/* crate::b /* crate::c */ */ use crate::d;", &["d"]),
        ("let s = \"crate::a \\\" crate::b\"; let r = r#\"crate::c\"#; crate::d()", &["d"]),
        ("fn f<'a>(x: &'a str) { let q = '\"'; crate::a() } // \"", &["a"]),
        ("#[cfg(test)]\nmod tests { use crate::a; fn f() {} }\nuse crate::b;", &["b"]),
        ("#[cfg(test)]\nmod tests;\nuse crate::b;", &["b"]),
        ("my_crate::a(); $crate::b()", &["b"]),
    ];
    for (text, expected) in table {
        assert_eq!(paths(text), expected, "{text}");
    }
    let words: Vec<_> =
        extern_paths("use tokio; a::kube::b(); ::gix::c(); tower_http::d()").collect();
    assert_eq!(words, ["tokio", "a", "gix", "tower_http"]);
    assert!(climbs_to_the_root("use super::super::cluster;", 2));
    assert!(!climbs_to_the_root("use super::step;", 2));
}
