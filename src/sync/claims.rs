//! Which applications name which objects. An object belongs to the application that tracks it; who
//! else names it can't be read from the cluster, and both have to hear of it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::sources::Wake;
use crate::object::ObjectId;

/// The objects that each application of this process names.
pub(crate) struct Claims {
    wake: Wake,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// Who names an object.
    by_object: HashMap<ObjectId, BTreeSet<String>>,
    /// What an application names.
    by_app: HashMap<String, BTreeSet<ObjectId>>,
}

impl Claims {
    /// No claims. `wake` is called for applications that begin or cease to share an object.
    pub(crate) fn new(wake: Wake) -> Self {
        Self { wake, held: Mutex::default() }
    }

    /// Takes over what `app` names now, and wakes those that this concerns.
    pub(crate) fn set(&self, app: &str, ids: BTreeSet<ObjectId>) {
        let concerned = self.lock().set(app, ids);
        for other in &concerned {
            (self.wake)(other);
        }
    }

    /// The other applications that name an object.
    pub(crate) fn others(&self, app: &str, id: &ObjectId) -> Vec<String> {
        let held = self.lock();
        let all = held.by_object.get(id).into_iter().flatten();
        all.filter(|other| *other != app).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Returns the other applications that name what `app` began or ceased to name.
    fn set(&mut self, app: &str, ids: BTreeSet<ObjectId>) -> BTreeSet<String> {
        let before = self.by_app.remove(app).unwrap_or_default();
        let mut concerned = BTreeSet::new();
        for id in before.difference(&ids) {
            if let Some(apps) = self.by_object.get_mut(id) {
                apps.remove(app);
                concerned.extend(apps.iter().cloned());
                if apps.is_empty() {
                    self.by_object.remove(id);
                }
            }
        }
        for id in ids.difference(&before) {
            let apps = self.by_object.entry(id.clone()).or_default();
            concerned.extend(apps.iter().cloned());
            apps.insert(app.to_owned());
        }
        if !ids.is_empty() {
            self.by_app.insert(app.to_owned(), ids);
        }
        concerned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> BTreeSet<ObjectId> {
        names.iter().map(|name| ObjectId::new("", "ConfigMap", "shop", name)).collect()
    }

    #[test]
    fn both_who_name_an_object_hear_of_it_once() {
        let mut held = Held::default();
        assert!(held.set("a", ids(&["x", "y"])).is_empty());
        assert_eq!(held.set("b", ids(&["y", "z"])), BTreeSet::from(["a".to_owned()]));
        assert!(held.set("b", ids(&["y", "z"])).is_empty(), "nothing new");
        assert_eq!(held.set("a", ids(&["x"])), BTreeSet::from(["b".to_owned()]));
        assert!(held.set("a", ids(&[])).is_empty());
        assert!(held.set("b", ids(&[])).is_empty());
        assert!(held.by_object.is_empty() && held.by_app.is_empty());
    }
}
