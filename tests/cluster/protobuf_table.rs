//! The embedded server's table of messages is what the sources of Kubernetes say.
//!
//! `UPDATE_EXPECT=1 cargo test --test cluster protobuf_table` writes it anew. The sources are those
//! of the modules that the test bed is built of. Numbers and types come from the `.proto` files;
//! the names in JSON, what is embedded and what a zero means from the tags of the Go types.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::testbed::say;

const FILE: &str = "src/embedded/protobuf/messages.txt";
const SCHEMA: &str = "src/embedded/schema/table.json";

/// The packages below `k8s.io/api` with their versions.
const GROUPS: [(&str, &[&str]); 14] = [
    ("admissionregistration", &["v1"]),
    ("apps", &["v1"]),
    ("authentication", &["v1"]),
    ("authorization", &["v1"]),
    ("autoscaling", &["v1", "v2"]),
    ("batch", &["v1"]),
    ("coordination", &["v1"]),
    ("core", &["v1"]),
    ("discovery", &["v1"]),
    ("networking", &["v1"]),
    ("policy", &["v1"]),
    ("rbac", &["v1"]),
    ("scheduling", &["v1"]),
    ("storage", &["v1"]),
];
/// The packages below `k8s.io/apimachinery/pkg`.
const COMMON: [&str; 4] = ["api/resource", "apis/meta/v1", "runtime", "util/intstr"];
/// What is read in ways of its own.
const SPECIAL: [&str; 9] = [
    "authentication.v1.ExtraValue",
    "authorization.v1.ExtraValue",
    "intstr.IntOrString",
    "meta.v1.Duration",
    "meta.v1.FieldsV1",
    "meta.v1.MicroTime",
    "meta.v1.Time",
    "resource.Quantity",
    "runtime.RawExtension",
];
const SCALARS: [&str; 6] = ["bool", "bytes", "double", "int32", "int64", "string"];

/// One field in a `.proto` file.
struct Field {
    number: u32,
    /// Short, such as `core.v1.Pod`.
    of: String,
    /// `[]`, `{}` or nothing.
    many: &'static str,
}

/// What the tag of a Go field says.
struct Tag {
    /// In JSON; empty for what is embedded.
    name: String,
    /// Whether a zero is left out of JSON.
    omits_zero: bool,
}

#[derive(Default)]
struct Sources {
    messages: BTreeMap<String, Vec<Field>>,
    tags: BTreeMap<(String, u32), Tag>,
}

#[test]
fn the_committed_messages_are_those_of_the_sources() {
    let modules = ["k8s.io/api", "k8s.io/apimachinery"].map(module);
    let [Some(api), Some(machinery)] = modules else {
        say("skipped: protobuf_table: the sources of Kubernetes are not in the cache of Go");
        return;
    };
    let mut sources = Sources::default();
    for (group, versions) in GROUPS {
        for version in versions {
            sources.read(&api.join(group).join(version), &format!("{group}.{version}"));
        }
    }
    for package in COMMON {
        sources.read(&machinery.join("pkg").join(package), &short(&package.replace('/', ".")));
    }
    let text = sources.table(&roots());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, text).expect("the sources are writable");
        return;
    }
    let committed = fs::read_to_string(&path).expect("the table is committed");
    let [known, found] = [&*committed, &*text].map(|text| text.lines().collect::<BTreeSet<_>>());
    let differ: Vec<_> = known.symmetric_difference(&found).collect();
    assert!(differ.is_empty(), "run with UPDATE_EXPECT=1; these differ: {differ:#?}");
    assert_eq!(committed, text, "the order differs");
}

/// Where the sources of a module of the test bed are; `None` without Go or the module.
fn module(name: &str) -> Option<PathBuf> {
    let bed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testbed/kubernetes");
    let output = Command::new("go")
        .args(["list", "-m", "-f", "{{.Dir}}", name])
        .current_dir(bed)
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-mod=readonly")
        .env("GOPROXY", "off")
        .env("GOWORK", "off")
        .output()
        .ok()?;
    let dir = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    (output.status.success() && dir.is_dir()).then_some(dir)
}

/// The kinds that the server knows, but for definitions, which no client sends in this form.
fn roots() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SCHEMA);
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).expect("it is committed"))
        .expect("it is JSON");
    let schemas = schema.as_object().expect("types by name");
    let kinds = schemas.iter().filter(|(name, schema)| {
        schema["x-kubernetes-group-version-kind"].is_array()
            && !name.ends_with("List")
            && !name.ends_with(".Status")
            && !name.contains("apiextensions")
    });
    kinds.map(|(name, _)| short(name.trim_start_matches("io.k8s."))).collect()
}

/// `k8s.io.apimachinery.pkg.apis.meta.v1.Time` is `meta.v1.Time`.
fn short(name: &str) -> String {
    let mut rest = name;
    for prefix in ["k8s.io.", "apimachinery.pkg.", "apis.", "api.", "util."] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    rest.to_owned()
}

impl Sources {
    fn read(&mut self, dir: &Path, package: &str) {
        let text = |path: &Path| fs::read_to_string(path).expect("a source is readable");
        self.read_messages(&text(&dir.join("generated.proto")), package);
        let mut files: Vec<_> = fs::read_dir(dir)
            .expect("a package is a directory")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "go"))
            .filter(|path| {
                let name = path.file_name().expect("it has a name").to_string_lossy();
                !name.contains("generated") && !name.ends_with("_test.go")
            })
            .collect();
        files.sort();
        for file in files {
            self.read_tags(&text(&file), package);
        }
    }

    fn read_messages(&mut self, text: &str, package: &str) {
        let mut message = None;
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("message ") {
                let name = format!("{package}.{}", rest.trim_end_matches(" {"));
                self.messages.insert(name.clone(), Vec::new());
                message = Some(name);
            } else if line == "}" {
                message = None;
            } else if let (Some(message), Some(field)) = (&message, proto_field(line, package)) {
                self.messages.entry(message.clone()).or_default().push(field);
            }
        }
    }

    fn read_tags(&mut self, text: &str, package: &str) {
        let mut holder = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("type ") {
                let name = rest.strip_suffix(" struct {");
                holder = name.map(|name| format!("{package}.{name}"));
            } else if line.starts_with('}') {
                holder = None;
            } else if let (Some(holder), Some((number, tag))) = (&holder, go_field(line)) {
                self.tags.insert((holder.clone(), number), tag);
            }
        }
    }

    /// The messages that these refer to, one a line.
    fn table(&self, roots: &[String]) -> String {
        let mut todo = roots.to_vec();
        let mut lines = BTreeMap::new();
        while let Some(name) = todo.pop() {
            if lines.contains_key(&name) || SPECIAL.contains(&&*name) {
                continue;
            }
            let fields = self.messages.get(&name).unwrap_or_else(|| panic!("no message {name}"));
            let mut words: Vec<(u32, String)> = Vec::new();
            for field in fields {
                words.push((field.number, self.word(&name, field)));
                if !SCALARS.contains(&&*field.of) {
                    todo.push(field.of.clone());
                }
            }
            words.sort();
            let line: String = words.into_iter().map(|(_, word)| word).collect();
            lines.insert(name.clone(), format!("{name}{line}"));
        }
        let mut lines: Vec<String> = lines.into_values().collect();
        lines.sort();
        format!("{}\n", lines.join("\n"))
    }

    fn word(&self, message: &str, field: &Field) -> String {
        let Field { number, of, many } = field;
        let tag = self.tags.get(&(message.to_owned(), *number));
        let tag = tag.unwrap_or_else(|| panic!("no tag of {message} {number}"));
        let name = if tag.name.is_empty() { "-" } else { &tag.name };
        let plain = SCALARS.contains(&&**of) || of == "intstr.IntOrString";
        let zero = if tag.omits_zero && plain && many.is_empty() { "!" } else { "" };
        format!("|{number} {name} {of}{many}{zero}")
    }
}

/// `optional string name = 1;`, `repeated .k8s.io...Time x = 2;`, `map<string, bytes> data = 2;`
fn proto_field(line: &str, package: &str) -> Option<Field> {
    let (head, number) = line.strip_suffix(';')?.split_once(" = ")?;
    let number = number.split(' ').next()?.parse().ok()?;
    let (of, many) = if let Some(rest) = head.strip_prefix("optional ") {
        (rest.split(' ').next()?, "")
    } else if let Some(rest) = head.strip_prefix("repeated ") {
        (rest.split(' ').next()?, "[]")
    } else {
        (head.strip_prefix("map<string, ")?.split('>').next()?, "{}")
    };
    let of = match of.trim_start_matches('.') {
        scalar if SCALARS.contains(&scalar) => scalar.to_owned(),
        own if !own.contains('.') => format!("{package}.{own}"),
        other => short(other),
    };
    Some(Field { number, of, many })
}

/// `Name string ...json:"name,omitempty" protobuf:"bytes,1,opt,name=name"...`
fn go_field(line: &str) -> Option<(u32, Tag)> {
    let (head, tags) = line.split_once('`')?;
    let value = |key: &str| {
        let (_, rest) = tags.split_once(&format!("{key}:\""))?;
        rest.split('"').next()
    };
    let number = value("protobuf")?.split(',').nth(1)?.parse().ok()?;
    let mut words = value("json")?.split(',');
    let name = words.next()?.to_owned();
    let words: Vec<&str> = words.collect();
    let is_pointer = head.split_whitespace().next_back()?.starts_with('*');
    let omits = words.contains(&"omitempty") || words.contains(&"omitzero");
    let name = if words.contains(&"inline") { String::new() } else { name };
    Some((number, Tag { name, omits_zero: omits && !is_pointer }))
}
