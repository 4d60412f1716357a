//! Any JSON as `managedFields[].fieldsV1`: parsing ends, merging with itself changes nothing, and
//! every leaf is covered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use steadfast::object::FieldSet;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let set = FieldSet::parse(&value);
    let mut merged = set.clone();
    merged.merge(&set);
    assert_eq!(merged, set);
    for leaf in set.leaves() {
        assert!(set.covers(&leaf), "{leaf}");
    }
});
