//! GET of one object.

use serde_json::Value;

use super::{Core, Target};
use crate::embedded::status::Status;

impl Core {
    /// The object as it is now: no answer is older than any that was given before.
    pub(crate) fn get(&self, target: &Target) -> Result<Value, Status> {
        let record = self.store.get(&target.kind.group_kind(), &target.key());
        let record = record.ok_or_else(|| target.not_found())?;
        Ok(Self::object(&target.kind, &record))
    }
}
