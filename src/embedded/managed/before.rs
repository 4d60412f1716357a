//! The first apply to an object that nobody is tracked on.

use serde_json::Value;

use super::{
    Writer, empty,
    entries::{Id, Managers, Operation},
    update,
};
use crate::embedded::schema::Node;

/// Who gets everything that was there.
const MANAGER: &str = "before-first-apply";

pub(super) fn first_apply(node: Node<'_>, live: &Value, writer: &Writer<'_>) -> Managers {
    let mut managers = Managers::default();
    let id = Id::new(MANAGER, Operation::Update, writer.api_version, writer.subresource);
    update(node, &empty::object(node, live), live, &mut managers, &id, writer);
    managers
}
