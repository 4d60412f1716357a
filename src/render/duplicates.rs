//! One object defined twice.

use std::collections::HashMap;

use super::directory::Rendered;
use crate::object::{Finding, Severity, Topic, meta};

/// Keeps the last of several definitions of one object, as Argo CD does, and reports the others.
///
/// Objects are told apart by group, kind, namespace and name as written; a namespace that is only
/// filled in later may make two more of them equal. Objects with `generateName` are all different.
pub(super) fn remove(rendered: &mut Rendered) {
    let mut last = HashMap::with_capacity(rendered.manifests.len());
    let mut dropped = vec![false; rendered.manifests.len()];
    for (index, manifest) in rendered.manifests.iter().enumerate() {
        let id = meta::id(&manifest.value()).filter(|id| !id.name.is_empty());
        let Some(id) = id else { continue };
        let name = id.to_string();
        if let Some(earlier) = last.insert(id, index) {
            dropped[earlier] = true;
            rendered.findings.push(Finding {
                severity: Severity::Warning,
                topic: Topic::Repeated,
                origin: manifest.origin.clone(),
                message: format!(
                    "{name} is also defined at {}; the last one counts",
                    rendered.manifests[earlier].origin
                ),
            });
        }
    }
    let mut index = 0;
    rendered.manifests.retain(|_| {
        index += 1;
        !dropped[index - 1]
    });
}
