//! What comes into the binary besides our own code: licences, sources, one TLS stack.
//!
//! The packages are the ones that Cargo.lock gives for the platform the test runs on; nothing is
//! asked over the network.

use std::{collections::BTreeSet, env, process::Command};

use serde_json::Value;

/// Licences that allow shipping the binary under Apache-2.0 with a notice and no further duty.
const LICENCES: [&str; 10] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages under another licence, each with the reason why that is fine.
const EXCEPTIONS: [(&str, &str, &str); 1] = [
    // Copyleft by file only: its files are used as published.
    ("uluru", "MPL-2.0", "the cache of gix-pack, used unchanged"),
];

/// Packages that must not come in, each with the reason.
const BANNED: [(&str, &str); 16] = [
    ("aws-lc-rs", "a second crypto provider: rustls then refuses to choose"),
    ("aws-lc-sys", "a second crypto provider, and a build of C and assembly"),
    ("openssl", "a second TLS stack"),
    ("openssl-sys", "a second TLS stack"),
    ("native-tls", "a second TLS stack"),
    ("boring", "a second TLS stack"),
    ("schannel", "a second TLS stack"),
    ("curl-sys", "a second HTTP stack with its own TLS"),
    ("libgit2-sys", "a second Git, in C"),
    ("serde_yml", "RUSTSEC-2025-0068: unsound"),
    ("serde_yaml", "archived; yaml_serde goes on under its name"),
    ("unsafe-libyaml", "unmaintained"),
    ("backoff", "RUSTSEC-2025-0012: unmaintained"),
    ("tokio-tar", "RUSTSEC-2025-0111: unmaintained"),
    ("protobuf", "RUSTSEC-2024-0437, and the text format of metrics does without"),
    ("chrono", "a second library for time beside jiff"),
];

#[test]
fn every_licence_is_one_that_we_may_ship() {
    let mut faults = Vec::new();
    for package in packages() {
        let Package { name, licence, .. } = &package;
        let excepted = EXCEPTIONS.iter().any(|(n, l, _)| n == name && l == licence);
        if !excepted && !allowed(licence) {
            faults.push(format!("{name}: {licence:?}"));
        }
    }
    assert!(faults.is_empty(), "not on the list:\n{}", faults.join("\n"));
}

#[test]
fn no_exception_is_left_over() {
    let packages = packages();
    for (name, licence, _) in EXCEPTIONS {
        let used = packages.iter().any(|p| p.name == name && p.licence == licence);
        assert!(used, "{name} is gone or has another licence: take it off the list");
    }
}

#[test]
fn every_package_is_from_the_registry() {
    const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
    let odd: Vec<_> = packages()
        .into_iter()
        .filter(|package| package.name != "steadfast" && package.source != REGISTRY)
        .map(|package| format!("{} from {:?}", package.name, package.source))
        .collect();
    assert!(odd.is_empty(), "{}", odd.join("\n"));
}

#[test]
fn there_is_one_tls_stack_and_no_package_that_we_turned_down() {
    let names: BTreeSet<_> = packages().into_iter().map(|package| package.name).collect();
    for (name, reason) in BANNED {
        assert!(!names.contains(name), "{name} came in: {reason}");
    }
    for name in ["rustls", "ring"] {
        assert!(names.contains(name), "the TLS stack is rustls with ring, where is {name}?");
    }
}

#[test]
fn licence_expressions_are_read_as_spdx_says() {
    let table = [
        ("MIT", true),
        ("MIT OR Apache-2.0", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("(MIT OR GPL-3.0) AND (BSD-3-Clause OR AGPL-3.0)", true),
        ("MIT OR GPL-3.0 AND AGPL-3.0", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT WITH LLVM-exception", false),
        ("GPL-3.0", false),
        ("", false),
        ("MIT OR", false),
        ("(MIT", false),
    ];
    for (expression, expected) in table {
        assert_eq!(allowed(expression), expected, "{expression:?}");
    }
}

struct Package {
    name: String,
    licence: String,
    source: String,
}

/// Every package that is built for this platform, dependencies of tests included.
#[expect(clippy::disallowed_methods, reason = "cargo, not a child of the controller")]
fn packages() -> Vec<Package> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run = |args: &[&str]| {
        let output = Command::new(&cargo)
            .args(args)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let version = run(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    // Without the filter, packages for other platforms would have to be fetched.
    let metadata = run(&[
        "metadata",
        "--format-version=1",
        "--offline",
        "--locked",
        "--filter-platform",
        host,
    ]);
    let metadata: Value = serde_json::from_str(&metadata).expect("JSON from cargo");
    let list = |pointer: &str| {
        metadata.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let built: BTreeSet<_> = list("/resolve/nodes").iter().map(|node| text(node, "id")).collect();
    let packages: Vec<_> = list("/packages")
        .iter()
        .filter(|package| built.contains(&text(package, "id")))
        .map(|package| Package {
            name: text(package, "name"),
            licence: text(package, "license"),
            source: text(package, "source"),
        })
        .collect();
    assert!(packages.len() > 100, "only {} packages", packages.len());
    packages
}

/// True when one may choose so that every licence that remains is on the list.
fn allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let verdict = alternatives(&mut words);
    verdict == Some(true) && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

/// `None` for an expression that can't be read.
fn alternatives(words: &mut Words<'_>) -> Option<bool> {
    let mut verdict = conjunction(words)?;
    while words.next_if_eq(&"OR").is_some() {
        verdict |= conjunction(words)?;
    }
    Some(verdict)
}

fn conjunction(words: &mut Words<'_>) -> Option<bool> {
    let mut verdict = licence(words)?;
    while words.next_if_eq(&"AND").is_some() {
        verdict &= licence(words)?;
    }
    Some(verdict)
}

fn licence(words: &mut Words<'_>) -> Option<bool> {
    let word = words.next().filter(|word| !["OR", "AND", "WITH", ")"].contains(word))?;
    if word == "(" {
        let verdict = alternatives(words)?;
        return words.next_if_eq(&")").map(|_| verdict);
    }
    if words.next_if_eq(&"WITH").is_some() {
        return Some(LICENCES.contains(&format!("{word} WITH {}", words.next()?).as_str()));
    }
    Some(LICENCES.contains(&word))
}
