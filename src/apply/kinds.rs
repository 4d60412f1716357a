//! The table of kinds as the plan sees it. It stands here because `cluster` does not know `plan`.

use crate::{
    cluster::KindTable,
    object::GroupVersionKind,
    plan::{Kinds, ScopeOf},
};

impl Kinds for KindTable {
    fn scope(&self, gvk: &GroupVersionKind) -> Option<ScopeOf> {
        let info = self.get(gvk)?;
        Some(if info.namespaced { ScopeOf::Namespaced } else { ScopeOf::Cluster })
    }
}
