//! Sets of fields, as `managedFields` records them (`FieldsV1` of structured-merge-diff).

mod algebra;

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

use super::{FieldPath, PathElement};

/// A set of field paths, as the trie that `FieldsV1` is.
///
/// A node is a member when somebody owns the value at its path as a whole (a leaf, an atomic list
/// or map, an empty map) or, for a list item, its existence. Keys are kept in their textual form
/// (`f:spec`, `k:{"name":"web"}`) and parsed only when a path is followed: most sets are only
/// compared and hashed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FieldSet {
    /// True when the path of this node is in the set.
    member: bool,
    /// Sorted by key. Most nodes have one to three children and there is a set for every tracked
    /// object, so a packed list takes a fifth of the memory of a tree.
    children: Vec<(Box<str>, Self)>,
}

impl FieldSet {
    /// Parses `fieldsV1`. Anything that is no map reads as the empty set, unknown keys are left
    /// out: a set that we misread makes an object look drifted, never owned.
    pub fn parse(fields: &Value) -> Self {
        fields.as_object().map(Self::parse_node).unwrap_or_default()
    }

    fn parse_node(node: &Map<String, Value>) -> Self {
        let mut set = Self::default();
        for (key, below) in node {
            if key == "." {
                set.member = true;
            } else if let Some(below) = below.as_object() {
                let mut child = Self::parse_node(below);
                // `"f:image": {}` is the short form of a member without children.
                child.member |= child.children.is_empty();
                set.children.push((key.as_str().into(), child));
            }
        }
        set.children.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        set.children.shrink_to_fit();
        set
    }

    /// True when no path is in the set.
    pub fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }

    /// True when this node itself is in the set.
    pub fn is_member(&self) -> bool {
        self.member
    }

    /// True when nothing below this node is in the set.
    pub fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }

    /// The parsed steps from this node and what lies below each.
    pub fn children(&self) -> impl Iterator<Item = (PathElement, &Self)> {
        self.children.iter().filter_map(|(key, below)| Some((PathElement::parse(key)?, below)))
    }

    /// What lies below the named field.
    pub fn field(&self, name: &str) -> Option<&Self> {
        let place = self.place(&format!("f:{name}")).ok()?;
        Some(&self.children[place].1)
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.children.binary_search_by(|(known, _)| (**known).cmp(key))
    }

    /// True when the path, or a whole of which it is a part, is in the set.
    pub fn covers(&self, path: &FieldPath) -> bool {
        self.at(path).is_some_and(|node| node.member || !node.is_leaf())
    }

    /// What the set holds at a path: the node there, or the leaf that owns it as a part of itself
    /// (an atomic list or map). `None` when nothing of it is in the set.
    pub fn at(&self, path: &FieldPath) -> Option<&Self> {
        let mut node = self;
        for element in &path.0 {
            let below = match element {
                PathElement::Field(name) => node.field(name),
                _ => node.children().find(|(step, _)| step == element).map(|(_, below)| below),
            };
            match below {
                Some(below) => node = below,
                None => return (node.member && node.is_leaf()).then_some(node),
            }
        }
        Some(node)
    }

    /// The members without members below them, with their paths.
    pub fn leaves(&self) -> Vec<FieldPath> {
        let mut leaves = Vec::new();
        self.collect(&FieldPath::default(), &mut leaves);
        leaves
    }

    fn collect(&self, path: &FieldPath, leaves: &mut Vec<FieldPath>) {
        if self.is_leaf() && self.member {
            leaves.push(path.clone());
        }
        for (element, below) in self.children() {
            below.collect(&path.child(element), leaves);
        }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.member |= other.member;
        for (key, below) in &other.children {
            match self.place(key) {
                Ok(place) => self.children[place].1.merge(below),
                Err(place) => self.children.insert(place, (key.clone(), below.clone())),
            }
        }
    }

    /// A hash of the set: equal sets have equal hashes within one process.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// A hash of the values that `object` holds at the members of this set.
    pub fn digest_values(&self, object: &Value) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash_values(Some(object), &mut hasher);
        hasher.finish()
    }

    fn hash_values(&self, value: Option<&Value>, hasher: &mut DefaultHasher) {
        if self.is_leaf() {
            value.hash(hasher);
            return;
        }
        value.is_some().hash(hasher);
        for (element, below) in self.children() {
            below.hash_values(value.and_then(|value| element.get(value)), hasher);
        }
    }

    /// The set in its `FieldsV1` form.
    pub fn to_json(&self) -> Value {
        let mut node = Map::new();
        if self.member && !self.is_leaf() {
            node.insert(".".to_owned(), Value::from(Map::new()));
        }
        for (key, below) in &self.children {
            node.insert(key.to_string(), below.to_json());
        }
        Value::from(node)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment_fields() -> Value {
        json!({
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {
                "f:replicas": {},
                "f:template": {"f:spec": {"f:containers": {
                    "k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:name": {}}
                }}}
            }
        })
    }

    #[test]
    fn a_set_prints_as_it_was_read() {
        let fields = deployment_fields();
        assert_eq!(FieldSet::parse(&fields).to_json(), fields);
    }

    #[test]
    fn leaves_are_the_paths_a_person_reads() {
        let leaves: Vec<String> = FieldSet::parse(&deployment_fields())
            .leaves()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            leaves,
            [
                ".metadata.labels.app",
                ".spec.replicas",
                ".spec.template.spec.containers[name=\"web\"].image",
                ".spec.template.spec.containers[name=\"web\"].name",
            ]
        );
    }

    #[test]
    fn only_owned_values_reach_the_digest() {
        let set = FieldSet::parse(&deployment_fields());
        let object = |image: &str, paused: bool| {
            json!({"metadata": {"labels": {"app": "web"}}, "spec": {
                "replicas": 2, "paused": paused,
                "template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})
        };
        assert_eq!(set.digest_values(&object("a", false)), set.digest_values(&object("a", true)));
        assert_ne!(set.digest_values(&object("a", false)), set.digest_values(&object("b", false)));
    }

    #[test]
    fn an_atomic_list_covers_what_lies_in_it() {
        let set = FieldSet::parse(&json!({"f:spec": {"f:finalizers": {}}}));
        let inside = FieldPath(vec![
            PathElement::Field("spec".into()),
            PathElement::Field("finalizers".into()),
            PathElement::Index(0),
        ]);
        assert!(set.covers(&inside));
        assert!(set.covers(&FieldPath::fields(&["spec"])));
        assert!(!set.covers(&FieldPath::fields(&["spec", "replicas"])));
    }
}
