//! PUT: the whole of an object, or of its status.

use serde_json::Value;

use super::{Answer, Core, Part, Target, WriteOptions, change::Next, decode, set_meta};
use crate::{embedded::status::Status, object::meta};

impl Core {
    /// Replaces the object, or that part of it.
    pub(crate) fn update(
        &self,
        target: &Target,
        part: Part,
        mut object: Value,
        options: &WriteOptions,
    ) -> Result<Answer, Status> {
        let kind = &*target.kind;
        decode::expect_kind(&kind.gvk, &mut object)?;
        let warnings = decode::check_fields(kind, &object, options.validation)?;
        decode::expect_namespace(kind, &target.namespace, &mut object)?;
        expect_name(target, &mut object)?;
        let creates = kind.put_creates && part == Part::Main;
        if creates && self.store.get(&kind.group_kind(), &target.key()).is_none() {
            let object = self.create_named(target, object, options, false)?;
            return Ok(Answer { object, created: true, warnings });
        }
        self.change(target, part, options, |_| {
            Ok(Next {
                object: object.clone(),
                recorded: false,
                replaces: true,
                warnings: warnings.clone(),
            })
        })
    }
}

fn expect_name(target: &Target, object: &mut Value) -> Result<(), Status> {
    match meta::name(object) {
        "" => {
            set_meta(object, "name", Some(Value::from(target.name.as_str())));
            Ok(())
        }
        name if name == target.name => Ok(()),
        name => Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        ))),
    }
}
