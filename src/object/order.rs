//! The order of kinds in a sync.
