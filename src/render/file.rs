//! One file to manifests.

use serde_json::{Map, Value};

use super::{Limits, directory::Rendered, validate};
use crate::{
    object::{Finding, Manifest, Origin, Packed, Severity, Topic},
    yaml::{self, Document},
};

/// Argo CD leaves a file out that holds this text anywhere.
const SKIP_MARK: &[u8] = b"+argocd:skip-file-rendering";

/// How the pointer file of Git LFS starts.
const LFS_MARK: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Lists inside lists, at most.
const LIST_DEPTH_MAX: usize = 8;

/// Reads the manifests of one file into `rendered`.
pub(super) fn render(path: &str, bytes: &[u8], limits: &Limits, rendered: &mut Rendered) {
    if contains(bytes, SKIP_MARK) {
        return;
    }
    if bytes.starts_with(LFS_MARK) {
        let message = "this is a Git LFS pointer, not the file: keep manifests out of LFS";
        rendered.error(path, 1, message.to_owned());
        return;
    }
    let is_json = path.rsplit_once('.').is_some_and(|(_, extension)| extension == "json");
    let load = if is_json { yaml::load_json } else { yaml::load };
    let mut loaded = load(bytes, &limits.yaml);
    let is_manifest = looks_like_manifest(bytes);
    let any_object = loaded.documents.iter().any(|d| d.value.get("kind").is_some());
    // As in Argo CD: a file that can't be read and does not look like a manifest is another file.
    let manifests_expected = is_manifest || any_object || is_json;
    // Stricter than Argo CD: what a slip of the pen made unreadable must not count as removed.
    let may_be_manifest =
        manifests_expected || contains(bytes, b"kind:") || contains(bytes, b"apiVersion:");
    for problem in std::mem::take(&mut loaded.errors) {
        if may_be_manifest {
            rendered.error(path, problem.line, problem.message);
        } else {
            let message = format!("no manifest, not used: {}", problem.message);
            rendered.left_out(path, problem.line, message);
        }
    }
    let mut taken = false;
    for mut document in std::mem::take(&mut loaded.documents) {
        rendered.weight_bytes += document.weight_bytes;
        let value = std::mem::take(&mut document.value);
        taken |= take(path, &document, value, manifests_expected, limits, rendered);
    }
    // Surprises in a file of something else are nobody's concern.
    if taken {
        for warning in loaded.warnings {
            rendered.warning(path, warning.line, warning.message);
        }
    }
}

/// Takes the objects of one document; false when it holds none.
fn take(
    path: &str,
    document: &Document<'_>,
    value: Value,
    manifests_expected: bool,
    limits: &Limits,
    rendered: &mut Rendered,
) -> bool {
    let Value::Object(object) = value else {
        if manifests_expected {
            let message = "a manifest must be a map with apiVersion, kind and metadata";
            rendered.error(path, document.line, message.to_owned());
        }
        return false;
    };
    if !manifests_expected && !object.contains_key("kind") && !object.contains_key("apiVersion") {
        let message = "no manifest (it has no `kind`), not used";
        rendered.left_out(path, document.line, message.to_owned());
        return false;
    }
    let mut sink = Sink { path, document, limits, rendered };
    sink.object(object, "", 0);
    true
}

/// Where the objects of one document go.
struct Sink<'a> {
    path: &'a str,
    document: &'a Document<'a>,
    limits: &'a Limits,
    rendered: &'a mut Rendered,
}

impl Sink<'_> {
    /// Takes one object; a list gives its items instead.
    fn object(&mut self, mut object: Map<String, Value>, pointer: &str, depth: usize) {
        let list_kind = list_kind(&object).map(str::to_owned);
        if let Some(item_kind) = list_kind {
            match object.remove("items") {
                Some(Value::Array(items)) if depth < LIST_DEPTH_MAX => {
                    self.items(items, &item_kind, &object, pointer, depth);
                    return;
                }
                Some(Value::Null) => return,
                Some(other) => {
                    object.insert("items".to_owned(), other);
                }
                None => {}
            }
        }
        let flaws = validate::flaws(&object);
        for flaw in &flaws {
            let line = self.document.line_of(&format!("{pointer}{}", flaw.pointer));
            let about = about(&object);
            let message = format!("{about}{}", flaw.message);
            if flaw.usable {
                self.rendered.warning(self.path, line, message);
            } else {
                self.rendered.error(self.path, line, message);
            }
        }
        if !flaws.iter().all(|flaw| flaw.usable) {
            return;
        }
        let line = self.line(pointer);
        if self.rendered.manifests.len() >= self.limits.manifests_max {
            let message = format!("more than {} objects", self.limits.manifests_max);
            self.rendered.error(self.path, line, message);
            return;
        }
        let origin = Origin { file: self.path.to_owned(), line };
        let body = Packed::of(&Value::Object(object));
        self.rendered.manifests.push(Manifest { body, origin });
    }

    fn items(
        &mut self,
        items: Vec<Value>,
        item_kind: &str,
        list: &Map<String, Value>,
        pointer: &str,
        depth: usize,
    ) {
        for (index, item) in items.into_iter().enumerate() {
            let pointer = format!("{pointer}/items/{index}");
            let Value::Object(mut item) = item else {
                let message = "an item of a list must be a map with apiVersion, kind and metadata";
                let line = self.document.line_of(&pointer);
                self.rendered.error(self.path, line, message.to_owned());
                continue;
            };
            // Items of a typed list (`ConfigMapList`) may leave out what the list says.
            if !item_kind.is_empty() && !item.contains_key("kind") {
                item.insert("kind".to_owned(), Value::from(item_kind));
                if let Some(version) = list.get("apiVersion") {
                    item.entry("apiVersion").or_insert_with(|| version.clone());
                }
            }
            self.object(item, &pointer, depth + 1);
        }
    }

    /// The items of a list have lines of their own, which cost a look at the text each.
    fn line(&self, pointer: &str) -> u32 {
        if pointer.is_empty() { self.document.line } else { self.document.line_of(pointer) }
    }
}

/// The kind of the items when this is a list: empty for `List` itself.
fn list_kind(object: &Map<String, Value>) -> Option<&str> {
    object.contains_key("items").then_some(())?;
    object.get("kind")?.as_str()?.strip_suffix("List")
}

/// `Deployment web: `, as far as it is known.
fn about(object: &Map<String, Value>) -> String {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = text(object.get("kind"));
    let name = text(object.get("metadata").and_then(|metadata| metadata.get("name")));
    match (kind.as_str(), name.as_str()) {
        ("", "") => String::new(),
        ("", name) => format!("{name}: "),
        (kind, "") => format!("{kind}: "),
        (kind, name) => format!("{kind} {name}: "),
    }
}

/// Argo CD's test for a manifest in a file that can't be read.
fn looks_like_manifest(bytes: &[u8]) -> bool {
    [&b"apiVersion:"[..], b"kind:", b"metadata:"].iter().all(|mark| contains(bytes, mark))
}

fn contains(bytes: &[u8], mark: &[u8]) -> bool {
    let Some((first, rest)) = mark.split_first() else { return true };
    let mut from = 0;
    while let Some(found) = bytes[from..].iter().position(|byte| byte == first) {
        from += found + 1;
        if bytes[from..].starts_with(rest) {
            return true;
        }
    }
    false
}

impl Rendered {
    pub(super) fn error(&mut self, path: &str, line: u32, message: String) {
        self.find((Severity::Error, Topic::Manifest), path, line, message);
    }

    pub(super) fn warning(&mut self, path: &str, line: u32, message: String) {
        self.find((Severity::Warning, Topic::Manifest), path, line, message);
    }

    /// Something that is not used, and that nobody has to mend.
    pub(super) fn left_out(&mut self, path: &str, line: u32, message: String) {
        self.find((Severity::Warning, Topic::Excluded), path, line, message);
    }

    fn find(
        &mut self,
        (severity, topic): (Severity, Topic),
        path: &str,
        line: u32,
        message: String,
    ) {
        let origin = Origin { file: path.to_owned(), line };
        self.findings.push(Finding { severity, topic, origin, message });
    }
}
