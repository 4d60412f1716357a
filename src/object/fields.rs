//! Sets of fields, as managedFields records them.

/// A set of field paths (`FieldsV1`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {}
