//! Hooks: objects that run at a phase of a sync, or of a deletion, instead of being part of what
//! is wanted.

use serde_json::Value;

use super::meta;

/// The annotation that makes an object a hook; it overrides the one of Helm.
pub const ANNOTATION: &str = "argocd.argoproj.io/hook";
/// Helm's annotation, in charts and in what was rendered from them.
pub const HELM_ANNOTATION: &str = "helm.sh/hook";

/// True for an object that is a hook, of whatever type, and for one that is to be skipped.
///
/// Helm's `crd-install` is none: Helm itself treats such a definition as an ordinary object.
pub fn is_hook(object: &Value) -> bool {
    meta::annotation(object, ANNOTATION).is_some()
        || meta::annotation(object, HELM_ANNOTATION)
            .is_some_and(|kind| kind.trim() != "crd-install")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hooks_of_both_tools_are_hooks() {
        let table = [
            (json!({ANNOTATION: "PreSync"}), true),
            (json!({ANNOTATION: "Skip"}), true),
            (json!({HELM_ANNOTATION: "pre-delete"}), true),
            (json!({HELM_ANNOTATION: "test"}), true),
            (json!({HELM_ANNOTATION: "crd-install"}), false),
            (json!({HELM_ANNOTATION: "crd-install", ANNOTATION: "PreSync"}), true),
            (json!({"helm.sh/hook-weight": "1"}), false),
            (json!({}), false),
        ];
        for (annotations, expected) in table {
            let object = json!({"metadata": {"annotations": annotations}});
            assert_eq!(is_hook(&object), expected, "{annotations}");
        }
    }
}
