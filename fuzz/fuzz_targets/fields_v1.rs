//! Any JSON as `managedFields[].fieldsV1`: parsing and walking end, and a set merged with itself or
//! with the empty set stays what it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use steadfast::object::FieldSet;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let set = FieldSet::parse(&value);
    let mut merged = FieldSet::default();
    merged.merge(&set);
    assert_eq!(merged, set);
    merged.merge(&set);
    assert_eq!(merged, set);
    for leaf in set.leaves() {
        assert!(!leaf.to_string().is_empty());
    }
});
