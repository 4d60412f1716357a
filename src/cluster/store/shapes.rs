//! Sets of fields that many objects have in common.

use std::{collections::HashSet, sync::Arc};

use crate::object::FieldSet;

/// Sets that nobody uses any more are looked for when there are this many more than after the last
/// look.
const SLACK: usize = 256;

/// Keeps one copy of each set of fields: objects of one kind that were written by one template own
/// the same ones, and a set takes as much memory as the object.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    known: HashSet<Arc<FieldSet>>,
    /// How many were in use when that was last looked at.
    used: usize,
}

impl Shapes {
    /// The copy that all share of this set.
    pub(super) fn share(&mut self, set: Arc<FieldSet>) -> Arc<FieldSet> {
        if let Some(known) = self.known.get(&set) {
            return Arc::clone(known);
        }
        if self.known.len() > self.used * 2 + SLACK {
            self.known.retain(|set| Arc::strong_count(set) > 1);
            self.used = self.known.len();
        }
        self.known.insert(Arc::clone(&set));
        set
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(name: usize) -> Arc<FieldSet> {
        Arc::new(FieldSet::parse(&json!({"f:data": {format!("f:{name}"): {}}})))
    }

    #[test]
    fn equal_sets_are_one_and_what_nobody_uses_goes() {
        let mut shapes = Shapes::default();
        let kept = shapes.share(set(0));
        for name in 0..10 * SLACK {
            assert!(Arc::ptr_eq(&shapes.share(set(0)), &kept));
            shapes.share(set(name));
        }
        assert!(shapes.known.len() <= SLACK + 2, "{}", shapes.known.len());
        assert!(Arc::ptr_eq(&shapes.share(set(0)), &kept));
    }
}
