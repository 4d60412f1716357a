//! Names, uids and tokens that nobody can guess.

use rustls::crypto::ring;

/// What generated names end in: no vowels, so no words; nothing that looks like something else.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LETTERS: usize = 5;
/// A name fits into a label with its suffix.
const BASE_LETTERS_MAX: usize = 63 - SUFFIX_LETTERS;

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .expect("the operating system has random numbers");
    bytes
}

/// A new uid, version 4.
pub(crate) fn uid() -> String {
    let mut b: [u8; 16] = bytes();
    b[6] = b[6] & 0x0f | 0x40;
    b[8] = b[8] & 0x3f | 0x80;
    let hex = hex(&b);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A secret of 128 bits.
pub(crate) fn token() -> String {
    hex(&bytes::<16>())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// A number of chance.
pub(super) fn number() -> u64 {
    u64::from_le_bytes(bytes())
}

/// `base` with five random letters.
pub(super) fn name(base: &str) -> String {
    let base: String = base.chars().take(BASE_LETTERS_MAX).collect();
    let suffix = bytes::<SUFFIX_LETTERS>();
    let suffix = suffix.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]));
    base + &suffix.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_uids_have_their_form() {
        let name = name(&"x".repeat(100));
        assert_eq!(name.len(), 63);
        let uid = uid();
        assert_eq!((uid.len(), &uid[14..15]), (36, "4"));
        assert_ne!(token(), token());
    }
}
