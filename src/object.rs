//! The vocabulary that every stage shares: values only, no I/O, nothing of ours imported.

pub mod fields;
pub mod hook;
pub mod id;
pub mod live;
pub mod manifest;
pub mod mask;
pub mod meta;
pub mod order;
pub mod packed;
pub mod path;
pub mod quantity;
pub mod repository;
pub mod tracking;
pub mod tree;
pub mod turn;

pub use fields::FieldSet;
pub use hook::is_hook;
pub use id::{GroupKind, GroupVersionKind, ObjectId};
pub use live::{LiveObject, Manager};
pub use manifest::{Finding, Manifest, Origin, Severity, Topic};
pub use packed::Packed;
pub use path::{FieldPath, PathElement};
pub use tree::{EntryKind, Tree, TreeEntry, TreeError};
pub use turn::Turn;
