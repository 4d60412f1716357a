//! The rendered objects, made ready for one destination: kinds known, namespaces filled in,
//! tracking ids set.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use serde_json::Value;

use super::normalize;
use crate::object::{
    Finding, GroupVersionKind, Manifest, ObjectId, Origin, Packed, Severity, Topic, is_hook, meta,
    tracking,
};

/// The annotation that orders objects; an integer, 0 when absent or unreadable.
pub const WAVE_ANNOTATION: &str = "argocd.argoproj.io/sync-wave";

/// The kind that defines others.
const DEFINITION: &str = "CustomResourceDefinition";

/// One object as it has to be in the cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Identity; the namespace is empty for cluster-scoped kinds.
    pub id: ObjectId,
    /// The kind in the version of the manifest.
    pub gvk: GroupVersionKind,
    /// The object, ready to be applied.
    pub body: Packed,
    /// Where its manifest stands.
    pub origin: Origin,
    /// Hash of `body`: equal within one process when the objects are equal.
    pub digest: u64,
    /// Sync wave (`argocd.argoproj.io/sync-wave`), 0 when absent or unreadable.
    pub wave: i32,
    /// The CRD of this very sync that has to be established before the kind exists.
    pub awaits: Option<ObjectId>,
}

impl Target {
    /// The same target with another body; the digest follows.
    #[must_use]
    pub fn with_value(&self, value: &Value) -> Self {
        let body = Packed::of(value);
        Self { digest: digest(&body), body, ..self.clone() }
    }
}

/// All objects of an application.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Desired {
    /// The objects, in the order of the manifests.
    pub targets: Vec<Arc<Target>>,
    /// What there is to tell: unknown kinds, repeated objects, hooks that are not run.
    pub findings: Vec<Finding>,
    /// True when every manifest became a target: only then may anything be pruned.
    pub complete: bool,
    /// The cluster does not serve a kind that is named. It may later.
    pub kinds_missing: bool,
}

/// Whether a kind lives in namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeOf {
    /// Objects of the kind live in a namespace.
    Namespaced,
    /// Objects of the kind belong to the whole cluster.
    Cluster,
}

/// What the cluster serves, as far as a decision needs it.
pub trait Kinds {
    /// The scope of a kind in this very version; `None` when the cluster does not serve it.
    fn scope(&self, gvk: &GroupVersionKind) -> Option<ScopeOf>;
}

/// Where an application's objects go.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The application's name in tracking ids.
    pub instance: &'a str,
    /// The namespace of the controller, which tells installations apart.
    pub installation: &'a str,
    /// Namespace for namespaced objects that name none; may be empty.
    pub namespace: &'a str,
}

/// Makes targets of manifests.
///
/// A manifest that can't become a target (its kind is unknown, it has no namespace and the
/// destination names none) is an error finding; the others become targets all the same.
pub fn resolve(manifests: &[Manifest], kinds: &dyn Kinds, to: Destination<'_>) -> Desired {
    let arriving = arriving_kinds(manifests);
    let mut desired = Desired { complete: true, ..Desired::default() };
    let mut places: HashMap<ObjectId, usize> = HashMap::new();
    for manifest in manifests {
        match target(manifest, kinds, &arriving, to) {
            Ok(Some(target)) => match places.entry(target.id.clone()) {
                Entry::Occupied(place) => {
                    let slot = &mut desired.targets[*place.get()];
                    desired.findings.push(repeated(slot, &target));
                    *slot = Arc::new(target);
                }
                Entry::Vacant(place) => {
                    place.insert(desired.targets.len());
                    desired.targets.push(Arc::new(target));
                }
            },
            Ok(None) => desired.findings.push(left_out(manifest)),
            Err(finding) => {
                desired.complete = false;
                desired.kinds_missing |= meta::gvk(&manifest.value())
                    .is_some_and(|gvk| kinds.scope(&gvk).is_none() && !arriving.contains_key(&gvk));
                desired.findings.push(finding);
            }
        }
    }
    desired
}

fn left_out(hook: &Manifest) -> Finding {
    let value = hook.value();
    Finding {
        severity: Severity::Warning,
        topic: Topic::Excluded,
        origin: hook.origin.clone(),
        message: format!(
            "{} {} is a hook; hooks are not run by this version, it is left out",
            value["kind"].as_str().unwrap_or_default(),
            meta::name(&value)
        ),
    }
}

/// Kinds that CRDs of this very sync define, with their scope and the id of the CRD.
fn arriving_kinds(manifests: &[Manifest]) -> HashMap<GroupVersionKind, (ScopeOf, ObjectId)> {
    let mut arriving = HashMap::new();
    for manifest in manifests.iter().filter(|manifest| manifest.body.mentions(&[DEFINITION])) {
        let crd = &manifest.value();
        let Some(gvk) = meta::gvk(crd) else { continue };
        let is_crd = gvk.group == "apiextensions.k8s.io" && gvk.kind == DEFINITION;
        if !is_crd || is_hook(crd) {
            continue;
        }
        let text = |pointer| crd.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let scope = match text("/spec/scope") {
            "Cluster" => ScopeOf::Cluster,
            _ => ScopeOf::Namespaced,
        };
        let id = ObjectId::new(&gvk.group, &gvk.kind, "", meta::name(crd));
        let versions = crd.pointer("/spec/versions").and_then(Value::as_array);
        for version in versions.into_iter().flatten() {
            let gvk = GroupVersionKind {
                group: text("/spec/group").to_owned(),
                version: version["name"].as_str().unwrap_or_default().to_owned(),
                kind: text("/spec/names/kind").to_owned(),
            };
            arriving.insert(gvk, (scope, id.clone()));
        }
    }
    arriving
}

/// Makes one target; `None` for a hook.
fn target(
    manifest: &Manifest,
    kinds: &dyn Kinds,
    arriving: &HashMap<GroupVersionKind, (ScopeOf, ObjectId)>,
    to: Destination<'_>,
) -> Result<Option<Target>, Finding> {
    let refuse = |message: String| {
        let origin = manifest.origin.clone();
        Finding { severity: Severity::Error, topic: Topic::Manifest, origin, message }
    };
    let mut value = manifest.value();
    let Some(gvk) = meta::gvk(&value) else {
        return Err(refuse("the object has no apiVersion or no kind".to_owned()));
    };
    if is_hook(&value) {
        return Ok(None);
    }
    let name = meta::name(&value).to_owned();
    if name.is_empty() {
        return Err(refuse(format!("{} has no metadata.name", gvk.kind)));
    }
    // A kind that is served and also arrives needs no waiting: its CRD is already there.
    let (scope, awaits) = match (kinds.scope(&gvk), arriving.get(&gvk)) {
        (Some(scope), _) => (scope, None),
        (None, Some((scope, crd))) => (*scope, Some(crd.clone())),
        (None, None) => return Err(refuse(unknown_kind(&gvk, &name))),
    };
    normalize::normalize(&mut value);
    let namespace = match scope {
        ScopeOf::Cluster => String::new(),
        ScopeOf::Namespaced => match meta::namespace(&value) {
            "" if to.namespace.is_empty() => {
                return Err(refuse(format!(
                    "{} {name} names no namespace and the application has no \
                     destination.namespace; set one of them",
                    gvk.kind
                )));
            }
            "" => to.namespace.to_owned(),
            named => named.to_owned(),
        },
    };
    set_namespace(&mut value, &namespace);
    let id = ObjectId { group: gvk.group.clone(), kind: gvk.kind.clone(), namespace, name };
    let tracking_id = tracking::format(to.instance, &id, to.namespace);
    meta::set_annotation(&mut value, tracking::ANNOTATION, &tracking_id);
    meta::set_annotation(&mut value, tracking::INSTALLATION, to.installation);
    let wave = meta::annotation(&value, WAVE_ANNOTATION)
        .and_then(|wave| wave.trim().parse().ok())
        .unwrap_or_default();
    let origin = manifest.origin.clone();
    let body = Packed::of(&value);
    Ok(Some(Target { id, gvk, digest: digest(&body), body, origin, wave, awaits }))
}

fn unknown_kind(gvk: &GroupVersionKind, name: &str) -> String {
    format!(
        "the cluster serves no kind {} in {} (object {name}); install its \
         CustomResourceDefinition, add it to this application, or correct apiVersion and kind",
        gvk.kind,
        gvk.api_version()
    )
}

fn repeated(first: &Target, second: &Target) -> Finding {
    Finding {
        severity: Severity::Warning,
        topic: Topic::Repeated,
        origin: second.origin.clone(),
        message: format!(
            "{} is already in {}; the last one is used, remove one of them",
            second.id, first.origin
        ),
    }
}

/// Writes the namespace of a namespaced object and takes it away from a cluster-scoped one.
fn set_namespace(value: &mut Value, namespace: &str) {
    let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    if namespace.is_empty() {
        metadata.remove("namespace");
    } else {
        metadata.insert("namespace".to_owned(), Value::from(namespace));
    }
}

/// Hash of an object, stable within one process.
pub fn digest(object: &Packed) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Builtin;

    impl Kinds for Builtin {
        fn scope(&self, gvk: &GroupVersionKind) -> Option<ScopeOf> {
            match (gvk.group.as_str(), gvk.kind.as_str()) {
                ("", "ConfigMap" | "Secret") | ("apps", "Deployment") => Some(ScopeOf::Namespaced),
                ("", "Namespace") | ("apiextensions.k8s.io", _) => Some(ScopeOf::Cluster),
                _ => None,
            }
        }
    }

    fn manifest(line: u32, value: &Value) -> Manifest {
        Manifest { body: Packed::of(value), origin: Origin { file: "a.yaml".to_owned(), line } }
    }

    const SHOP: Destination<'_> =
        Destination { instance: "shop", installation: "argocd", namespace: "prod" };

    #[test]
    fn a_namespace_is_filled_in_for_namespaced_kinds_only() {
        let manifests = [
            manifest(
                1,
                &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
            ),
            manifest(
                2,
                &json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": "b", "namespace": "nonsense"}}),
            ),
        ];
        let desired = resolve(&manifests, &Builtin, SHOP);
        assert!(desired.complete);
        assert_eq!(desired.targets[0].id, ObjectId::new("", "ConfigMap", "prod", "a"));
        assert_eq!(meta::namespace(&desired.targets[0].body.tree()), "prod");
        assert_eq!(desired.targets[1].id, ObjectId::new("", "Namespace", "", "b"));
        assert_eq!(meta::namespace(&desired.targets[1].body.tree()), "");
        assert_eq!(
            meta::annotation(&desired.targets[1].body.tree(), tracking::ANNOTATION),
            Some("shop:/Namespace:prod/b")
        );
    }

    #[test]
    fn an_unknown_kind_is_named_and_the_rest_goes_on() {
        let manifests = [
            manifest(
                7,
                &json!({"apiVersion": "x.io/v1", "kind": "Thing", "metadata": {"name": "t"}}),
            ),
            manifest(
                9,
                &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
            ),
        ];
        let desired = resolve(&manifests, &Builtin, SHOP);
        assert!(!desired.complete && desired.kinds_missing);
        assert_eq!(desired.targets.len(), 1);
        let text = desired.findings[0].to_string();
        assert!(
            text.starts_with("a.yaml:7: the cluster serves no kind Thing in x.io/v1"),
            "{text}"
        );
    }

    #[test]
    fn hooks_are_left_out_with_a_word_whichever_tool_they_are_for() {
        let hook = |annotation: &str, kind: &str| {
            json!({"apiVersion": "v1", "kind": "ConfigMap",
                   "metadata": {"name": "a", "annotations": {annotation: kind}}})
        };
        let table = [
            ("argocd.argoproj.io/hook", "PreSync", true),
            ("helm.sh/hook", "pre-delete", true),
            ("helm.sh/hook", "crd-install", false),
        ];
        for (annotation, kind, left_out) in table {
            let desired = resolve(&[manifest(1, &hook(annotation, kind))], &Builtin, SHOP);
            assert!(desired.complete, "{annotation}: {kind}");
            assert_eq!(desired.targets.is_empty(), left_out, "{annotation}: {kind}");
            let told = desired.findings.iter().any(|found| found.topic == Topic::Excluded);
            assert_eq!(told, left_out, "{annotation}: {kind}");
        }
    }

    #[test]
    fn a_kind_may_arrive_with_its_crd() {
        let manifests = [
            manifest(
                1,
                &json!({"apiVersion": "x.io/v1", "kind": "Thing", "metadata": {"name": "t"}}),
            ),
            manifest(
                5,
                &json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": "things.x.io"},
                "spec": {"group": "x.io", "scope": "Cluster", "names": {"kind": "Thing"},
                         "versions": [{"name": "v1"}]}}),
            ),
        ];
        let desired = resolve(&manifests, &Builtin, SHOP);
        assert!(desired.complete, "{:?}", desired.findings);
        let thing = &desired.targets[0];
        assert_eq!(thing.id.namespace, "");
        assert_eq!(thing.awaits.as_ref().map(|crd| crd.name.as_str()), Some("things.x.io"));
    }

    #[test]
    fn the_last_of_two_equal_names_is_used_and_both_places_are_named() {
        let config = |data: &str| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
                   "data": {"k": data}})
        };
        let manifests = [manifest(1, &config("one")), manifest(20, &config("two"))];
        let desired = resolve(&manifests, &Builtin, SHOP);
        assert_eq!(desired.targets.len(), 1);
        assert_eq!(desired.targets[0].body.tree()["data"]["k"], "two");
        assert_eq!(
            desired.findings[0].to_string(),
            "a.yaml:20: ConfigMap prod/a is already in a.yaml:1; the last one is used, remove one of them"
        );
    }
}
