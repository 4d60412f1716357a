//! What creates and updates have in common: an object as it was sent, and making what is not there.

use serde_json::Value;

use super::{Answer, Core, Target, WriteOptions, decode};
use crate::embedded::{status::Status, warn};

/// An object as a client sent it for a kind, checked, and what the client is told besides.
pub(super) struct Sent {
    pub(super) object: Value,
    pub(super) warnings: Vec<String>,
}

impl Sent {
    /// Reads an object of the kind and the namespace of `target`.
    pub(super) fn read(
        target: &Target,
        mut object: Value,
        options: &WriteOptions,
    ) -> Result<Self, Status> {
        let kind = &*target.kind;
        decode::expect_kind(&kind.gvk, &mut object)?;
        let warnings = decode::check_fields(kind, &object, options.validation)?;
        decode::expect_namespace(kind, &target.namespace, &mut object)?;
        Ok(Self { object, warnings })
    }
}

impl Answer {
    /// The answer to a creation, with these warnings and those of the object itself.
    pub(super) fn made(
        target: &Target,
        made: Result<Value, Status>,
        mut warnings: Vec<String>,
    ) -> Result<Self, Status> {
        let object = made.map_err(|status| status.warned(&warnings))?;
        warnings.extend(warn::of_new(&target.kind.gvk, &object));
        Ok(Self { object, created: true, warnings })
    }
}

impl Core {
    /// Creates an object that has its name, its kind and its namespace. `None`: somebody was
    /// faster, and there is one that can be changed.
    pub(super) fn create_absent(
        &self,
        target: &Target,
        object: Value,
        options: &WriteOptions,
        recorded: bool,
    ) -> Result<Option<Value>, Status> {
        match self.create_named(target, object, options, recorded) {
            Err(status) if status.reason == "AlreadyExists" => Ok(None),
            made => made.map(Some),
        }
    }
}
