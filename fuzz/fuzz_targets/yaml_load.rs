//! Any bytes: reading ends, within its limits, and every problem names a line of the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast::yaml::{Limits, load};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    let loaded = load(bytes, &limits);
    let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).count();
    for problem in loaded.errors.iter().chain(&loaded.warnings) {
        assert!((1..=lines + 1).contains(&(problem.line as usize)), "{problem:?} of {lines}");
    }
    assert!(loaded.documents.len() <= limits.documents_max);
    for document in &loaded.documents {
        assert!((1..=lines).contains(&(document.line as usize)));
        assert!((1..=lines + 1).contains(&(document.line_of("/metadata/name") as usize)));
        // What can be read can be written and read again.
        let text = serde_json::to_vec(&document.value).expect("a JSON value can be written");
        serde_json::from_slice::<serde_json::Value>(&text).expect("no deeper than JSON readers go");
    }
});
