//! Which script is for which kind.

use std::path::{Component, Path};

use crate::object::GroupKind;

/// The file that holds a check.
const FILE: &str = "health.lua";
/// Stands for any text in the name of a directory, because `*` is a nuisance there.
const WILDCARD: char = '_';

/// Custom health checks by kind.
///
/// They are laid out as in Argo CD's own collection: `<group>/<Kind>/health.lua`, for the core
/// group `<Kind>/health.lua` (`core/<Kind>/health.lua` is read as well), `_` standing for any text:
/// `_.crossplane.io/_/health.lua`.
#[derive(Debug, Clone, Default)]
pub struct Scripts {
    scripts: Vec<(ScriptPlace, String)>,
}

/// The kinds that a script is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptPlace {
    group: String,
    kind: String,
}

impl ScriptPlace {
    /// Reads a path below the directory of scripts; `None` for any other file.
    pub fn parse(path: &Path) -> Option<Self> {
        let names: Option<Vec<&str>> = path
            .components()
            .map(|component| match component {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .collect();
        let (group, kind) = match names?.as_slice() {
            [kind, FILE] | ["core", kind, FILE] => ("", *kind),
            [group, kind, FILE] => (*group, *kind),
            _ => return None,
        };
        Some(Self { group: group.to_owned(), kind: kind.to_owned() })
    }

    fn is_exact(&self) -> bool {
        !self.group.contains(WILDCARD) && !self.kind.contains(WILDCARD)
    }

    /// How much of the place is not a wildcard: the more, the closer.
    fn closeness(&self) -> (bool, usize) {
        let plain = |text: &str| text.chars().filter(|c| *c != WILDCARD).count();
        (self.is_exact(), plain(&self.group) + plain(&self.kind))
    }

    fn fits(&self, kind: &GroupKind) -> bool {
        fits(&self.group, &kind.group) && fits(&self.kind, &kind.kind)
    }
}

impl Scripts {
    /// Adds a script; a later one for the same place replaces the earlier one.
    pub fn insert(&mut self, place: ScriptPlace, script: String) {
        self.scripts.retain(|(other, _)| *other != place);
        self.scripts.push((place, script));
    }

    /// The script for a kind: the exact one, else the closest with a wildcard.
    pub fn find(&self, kind: &GroupKind) -> Option<&str> {
        let fitting = self.scripts.iter().filter(|(place, _)| place.fits(kind));
        fitting.max_by_key(|(place, _)| place.closeness()).map(|(_, script)| script.as_str())
    }

    /// Number of scripts.
    pub fn len(&self) -> usize {
        self.scripts.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.scripts.is_empty()
    }
}

/// True when the text is the pattern, each wildcard standing for any text. Every piece is taken
/// at the first place it fits, which finds a match when there is one.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once(WILDCARD) else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let pieces: Vec<&str> = rest.split(WILDCARD).collect();
    let Some((end, between)) = pieces.split_last() else { return true };
    for piece in between {
        let Some(at) = text.find(piece) else { return false };
        text = &text[at + piece.len()..];
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> Option<ScriptPlace> {
        ScriptPlace::parse(Path::new(path))
    }

    #[test]
    fn places_are_those_of_argo_cds_collection() {
        let found = |path: &str| place(path).map(|place| (place.group, place.kind));
        let kind = |group: &str, kind: &str| Some((group.to_owned(), kind.to_owned()));
        assert_eq!(found("cert-manager.io/Issuer/health.lua"), kind("cert-manager.io", "Issuer"));
        assert_eq!(found("Service/health.lua"), kind("", "Service"));
        assert_eq!(found("core/Service/health.lua"), kind("", "Service"));
        assert_eq!(found("_.crossplane.io/_/health.lua"), kind("_.crossplane.io", "_"));
        for path in [
            "health.lua",
            "a/b/c/health.lua",
            "batch/CronJob/health_test.yaml",
            "batch/CronJob/actions/suspend/action.lua",
            "../batch/CronJob/health.lua",
            "/batch/CronJob/health.lua",
            "",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn the_closest_script_is_taken() {
        let mut scripts = Scripts::default();
        for path in [
            "_.crossplane.io/_",
            "_/_",
            "s3.aws.crossplane.io/Bucket",
            "s3._.crossplane.io/_",
            "Service",
        ] {
            let place = place(&format!("{path}/health.lua")).unwrap();
            scripts.insert(place, path.to_owned());
        }
        assert_eq!(scripts.len(), 5);
        let table = [
            ("s3.aws.crossplane.io", "Bucket", "s3.aws.crossplane.io/Bucket"),
            ("s3.aws.crossplane.io", "Policy", "s3._.crossplane.io/_"),
            ("pkg.crossplane.io", "Provider", "_.crossplane.io/_"),
            ("", "Service", "Service"),
            ("serving.knative.dev", "Service", "_/_"),
            ("", "Pod", "_/_"),
        ];
        for (group, kind, script) in table {
            assert_eq!(scripts.find(&GroupKind::new(group, kind)), Some(script), "{group}/{kind}");
        }
    }

    #[test]
    fn a_script_can_be_replaced() {
        let mut scripts = Scripts::default();
        assert!(scripts.is_empty());
        for text in ["old", "new"] {
            scripts.insert(place("Service/health.lua").unwrap(), text.to_owned());
        }
        assert_eq!(scripts.find(&GroupKind::new("", "Service")), Some("new"));
        assert_eq!(scripts.find(&GroupKind::new("", "Pod")), None);
    }

    #[test]
    fn a_wildcard_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("_", "", true),
            ("_", "anything", true),
            ("a_", "ab", true),
            ("a_", "ba", false),
            ("_a", "ba", true),
            ("a_a", "a", false),
            ("a_b_c", "a-b-b-c", true),
            ("a_b_c", "a-c-b", false),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
