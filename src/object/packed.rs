//! JSON documents that are kept.

use std::{fmt, sync::Arc};

use serde_json::Value;

/// A JSON document that is kept as compact text, shared by whoever holds it.
///
/// A tree of small maps takes five to ten times the memory of its text, and most documents that the
/// controller keeps are not looked into while nothing changes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Packed(Arc<str>);

impl Packed {
    /// Packs a tree. Equal trees have equal texts, because maps are sorted.
    pub fn of(value: &Value) -> Self {
        Self(value.to_string().into())
    }

    /// The document as a tree.
    ///
    /// # Panics
    ///
    /// Never: only [`Self::of`] makes one, and what `serde_json` writes it also reads.
    pub fn tree(&self) -> Value {
        serde_json::from_str(&self.0).expect("the text was written by serde_json")
    }

    /// The document as text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// True when one of the words stands anywhere in the document: for what is rarely there, a look
    /// at the text saves the tree.
    pub fn mentions(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.0.contains(word))
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn a_number_comes_back_as_it_was(number in prop::num::f64::NORMAL) {
            let value = json!({"a": [number, u64::MAX, i64::MIN]});
            prop_assert_eq!(Packed::of(&value).tree(), value);
        }
    }

    #[test]
    fn order_of_writing_makes_no_difference() {
        let one: Value = serde_json::from_str(r#"{"b": {}, "a": ["ä", null]}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"a":["\u00e4",null],"b":{}}"#).unwrap();
        assert_eq!(Packed::of(&one), Packed::of(&other));
        assert!(Packed::of(&one).mentions(&["nothing", "ä"]));
    }
}
