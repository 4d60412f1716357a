//! What can be done with whole sets: building, uniting, subtracting, intersecting.

use std::cmp::Ordering;

use super::FieldSet;
use crate::object::{FieldPath, PathElement};

impl FieldSet {
    /// The set that holds the path of its root only: the set of a leaf, seen from the leaf.
    pub fn root() -> Self {
        Self { member: true, children: Vec::new() }
    }

    /// The set of these paths.
    pub fn of(paths: &[FieldPath]) -> Self {
        let mut set = Self::default();
        for path in paths {
            let leaf = path.0.iter().rev().fold(Self::root(), |below, step| {
                let mut node = Self::default();
                node.attach(&step.to_key(), below);
                node
            });
            set.merge(&leaf);
        }
        set
    }

    /// Says whether the path of this node is in the set.
    pub fn set_member(&mut self, member: bool) {
        self.member = member;
    }

    /// Adds `below` under the step with this key (`f:spec`); nothing when `below` is empty.
    pub fn attach(&mut self, key: &str, below: Self) {
        if below.is_empty() {
            return;
        }
        match self.place(key) {
            Ok(place) => self.children[place].1.merge(&below),
            Err(place) => self.children.insert(place, (key.into(), below)),
        }
    }

    /// Puts `below` in the place of what lies under the step with this key.
    pub fn replace(&mut self, key: &str, below: Self) {
        if let Ok(place) = self.place(key) {
            self.children.remove(place);
        }
        self.attach(key, below);
    }

    /// What lies below the step with this key (`k:{"name":"web"}`).
    pub fn below(&self, key: &str) -> Option<&Self> {
        self.place(key).ok().map(|place| &self.children[place].1)
    }

    /// The steps from this node as their keys, sorted, and what lies below each.
    pub fn steps(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.children.iter().map(|(key, below)| (&**key, below))
    }

    /// True when exactly this path is in the set.
    pub fn has(&self, path: &FieldPath) -> bool {
        let node = path.0.iter().try_fold(self, |node, step| node.below(&step.to_key()));
        node.is_some_and(|node| node.member)
    }

    /// The paths in this set or in `other`.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        self.merge(other);
        self
    }

    /// The paths in this set that are not in `other`. A path does not stand for what lies below it.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.subtract(other, false)
    }

    /// The paths in this set that are neither in `other` nor below a path that is.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.subtract(other, true)
    }

    fn subtract(&self, other: &Self, deep: bool) -> Self {
        let mut rest = Self { member: self.member && !other.member, children: Vec::new() };
        for (key, below) in &self.children {
            let left = match other.below(key) {
                Some(gone) if deep && gone.member => continue,
                Some(gone) => below.subtract(gone, deep),
                None => below.clone(),
            };
            if !left.is_empty() {
                rest.children.push((key.clone(), left));
            }
        }
        rest
    }

    /// The paths that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Self { member: self.member && other.member, children: Vec::new() };
        let (mut mine, mut theirs) = (self.children.iter(), other.children.iter());
        let (mut one, mut two) = (mine.next(), theirs.next());
        while let (Some((key, below)), Some((other_key, other_below))) = (one, two) {
            match key.cmp(other_key) {
                Ordering::Less => one = mine.next(),
                Ordering::Greater => two = theirs.next(),
                Ordering::Equal => {
                    let common = below.intersection(other_below);
                    if !common.is_empty() {
                        both.children.push((key.clone(), common));
                    }
                    (one, two) = (mine.next(), theirs.next());
                }
            }
        }
        both
    }

    /// The same set with every step spelled as a server spells it, unknown kinds of steps left out.
    /// Only a set that a client wrote needs it.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let mut set = Self { member: self.member, children: Vec::new() };
        for (key, below) in &self.children {
            if let Some(step) = PathElement::parse(key) {
                set.attach(&step.to_key(), below.canonical());
            }
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(fields: &Value) -> FieldSet {
        FieldSet::parse(fields)
    }

    #[test]
    fn a_path_does_not_stand_for_what_lies_below_it() {
        let whole = set(&json!({"f:a": {".": {}, "f:b": {}, "f:c": {}}, "f:d": {}}));
        let part = set(&json!({"f:a": {".": {}, "f:b": {}}, "f:e": {}}));
        assert_eq!(whole.difference(&part).to_json(), json!({"f:a": {"f:c": {}}, "f:d": {}}));
        assert_eq!(whole.without(&part).to_json(), json!({"f:d": {}}));
        assert_eq!(whole.intersection(&part).to_json(), json!({"f:a": {".": {}, "f:b": {}}}));
        assert_eq!(
            whole.clone().union(&part).to_json(),
            json!({"f:a": {".": {}, "f:b": {}, "f:c": {}}, "f:d": {}, "f:e": {}})
        );
    }

    #[test]
    fn nothing_that_is_empty_stays_in_a_set() {
        let one = set(&json!({"f:a": {"f:b": {"f:c": {}}}}));
        assert!(one.difference(&one).is_empty());
        assert!(one.intersection(&set(&json!({"f:a": {"f:b": {"f:d": {}}}}))).is_empty());
        let mut built = FieldSet::default();
        built.attach("f:a", FieldSet::default());
        assert!(built.is_empty());
    }

    #[test]
    fn a_set_is_made_of_paths_and_knows_them() {
        let replicas = FieldPath::fields(&["spec", "replicas"]);
        let spec = FieldPath::fields(&["spec"]);
        let made = FieldSet::of(std::slice::from_ref(&replicas));
        assert_eq!(made.to_json(), json!({"f:spec": {"f:replicas": {}}}));
        assert!(made.has(&replicas));
        assert!(!made.has(&spec));
    }

    #[test]
    fn steps_are_spelled_as_a_server_spells_them() {
        let table = [
            (r#"k:{ "protocol": "TCP", "port": 80.0 }"#, r#"k:{"port":80,"protocol":"TCP"}"#),
            (r#"v:"a<b>&c""#, r#"v:"a\u003cb\u003e\u0026c""#),
            ("v: 1.5", "v:1.5"),
            ("i:3", "i:3"),
            ("f:a<b", "f:a<b"),
        ];
        for (written, expected) in table {
            let read = set(&json!({written: {}, "x:unknown": {}})).canonical();
            assert_eq!(read.to_json(), json!({expected: {}}), "{written}");
        }
    }
}
