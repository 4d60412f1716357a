//! Masking of secret values.
