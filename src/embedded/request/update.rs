//! PUT: the whole of an object, or of its status.

use serde_json::Value;

use super::{
    Answer, Core, Part, Target, WriteOptions,
    change::{Next, other_uid},
    random,
    sent::Sent,
    set_meta,
};
use crate::{embedded::status::Status, object::meta};

impl Core {
    /// Replaces the object, or that part of it.
    pub(crate) fn update(
        &self,
        target: &Target,
        part: Part,
        object: Value,
        options: &WriteOptions,
    ) -> Result<Answer, Status> {
        let Sent { mut object, warnings } = Sent::read(target, object, options)?;
        expect_name(target, &mut object)?;
        let kind = &*target.kind;
        let creates = kind.put_creates && part == Part::Main;
        if creates && self.store.get(&kind.group_kind(), &target.key()).is_none() {
            let made = self.put_absent(target, object.clone(), options).transpose();
            if let Some(made) = made {
                return Answer::made(target, made, warnings);
            }
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

    /// Creates by PUT. The version that was sent says nothing of an object that is not there; a uid
    /// can't be that of the new one.
    fn put_absent(
        &self,
        target: &Target,
        mut object: Value,
        options: &WriteOptions,
    ) -> Result<Option<Value>, Status> {
        let wanted = meta::uid(&object);
        if !wanted.is_empty() {
            return Err(other_uid(target, wanted, &random::uid()));
        }
        set_meta(&mut object, "resourceVersion", None);
        self.create_absent(target, object, options, false)
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
