//! Which applications name which objects. An object belongs to the application that tracks it; who
//! else names it can't be read from the cluster, and both have to hear of it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
    /// Who names an object: most often one, so a list is smaller than a set.
    by_object: HashMap<Arc<ObjectId>, Vec<Arc<str>>>,
    /// What an application names.
    by_app: HashMap<Arc<str>, Vec<Arc<ObjectId>>>,
}

impl Claims {
    /// No claims. `wake` is called for applications that begin or cease to share an object.
    pub(crate) fn new(wake: Wake) -> Self {
        Self { wake, held: Mutex::default() }
    }

    /// Takes over what `app` names now, and wakes those that this concerns.
    pub(crate) fn set(&self, app: &str, ids: &BTreeSet<&ObjectId>) {
        let concerned = self.lock().set(app, ids);
        for other in &concerned {
            (self.wake)(other);
        }
    }

    /// The other applications that name an object.
    pub(crate) fn others(&self, app: &str, id: &ObjectId) -> Vec<String> {
        let held = self.lock();
        let all = held.by_object.get(id).into_iter().flatten();
        all.filter(|other| ***other != *app).map(ToString::to_string).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Returns the other applications that name what `app` began or ceased to name.
    fn set(&mut self, app: &str, ids: &BTreeSet<&ObjectId>) -> BTreeSet<String> {
        let mut concerned = BTreeSet::new();
        let (app, before) = self.by_app.remove_entry(app).unwrap_or((app.into(), Vec::new()));
        let (mut held, dropped): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|id| ids.contains(&**id));
        for id in dropped {
            let Some(apps) = self.by_object.get_mut(&id) else { continue };
            apps.retain(|other| *other != app);
            concerned.extend(apps.iter().map(ToString::to_string));
            if apps.is_empty() {
                self.by_object.remove(&id);
            }
        }
        let known: BTreeSet<Arc<ObjectId>> = held.iter().cloned().collect();
        for id in ids.iter().filter(|id| !known.contains(**id)) {
            let shared = self.by_object.get_key_value(*id).map(|(id, _)| Arc::clone(id));
            let id = shared.unwrap_or_else(|| Arc::new((*id).clone()));
            let apps = self.by_object.entry(Arc::clone(&id)).or_default();
            concerned.extend(apps.iter().map(ToString::to_string));
            apps.push(Arc::clone(&app));
            held.push(id);
        }
        if !held.is_empty() {
            held.shrink_to_fit();
            self.by_app.insert(app, held);
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
        let mut set = |app: &str, names: &[&str]| {
            let ids = ids(names);
            let concerned = held.set(app, &ids.iter().collect());
            (concerned, held.by_object.len(), held.by_app.len())
        };
        let one = |app: &str| BTreeSet::from([app.to_owned()]);
        assert_eq!(set("a", &["x", "y"]), (BTreeSet::new(), 2, 1));
        assert_eq!(set("b", &["y", "z"]), (one("a"), 3, 2));
        assert_eq!(set("b", &["z", "y"]), (BTreeSet::new(), 3, 2), "nothing new");
        assert_eq!(set("a", &["x"]), (one("b"), 3, 2));
        assert_eq!(set("a", &[]), (BTreeSet::new(), 2, 1));
        assert_eq!(set("b", &[]), (BTreeSet::new(), 0, 0));
    }
}
