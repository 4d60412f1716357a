//! Which live objects may be deleted: what Git no longer names, and what goes with its application.

use std::{collections::HashSet, sync::Arc};

use serde_json::Value;

use super::{Desired, options};
use crate::object::{LiveObject, ObjectId, Packed, is_hook, meta};

/// Up to this many deletions an automated sync needs no confirmation, unless they are all.
pub const UNCONFIRMED_OBJECTS_MAX: usize = 9;
/// Objects that a text about them names.
const NAMED_MAX: usize = 3;
/// How somebody confirms a deletion.
const CONFIRM: &str = "set the annotation argocd.argoproj.io/deletion-approved of the application \
                       to the present time";

/// The live objects that carry our tracking id and that Git does not name.
///
/// Objects with an owner are their owner's to delete. Hooks are left out of what is wanted, so
/// that Git does not name them says nothing: whoever runs them takes them away.
pub fn candidates(tracked: &[Arc<LiveObject>], desired: &Desired) -> Vec<Arc<LiveObject>> {
    let named: HashSet<&ObjectId> = desired.targets.iter().map(|target| &target.id).collect();
    let unnamed = tracked.iter().filter(|live| !live.has_owner && !named.contains(&live.id));
    unnamed.filter(|live| !is_hook(&live.value())).cloned().collect()
}

/// What it takes to delete an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Nothing more.
    Given,
    /// The word of a person.
    Asked,
    /// It is never deleted.
    Refused,
}

impl Consent {
    fn of(option: Option<&str>) -> Self {
        match option {
            Some("false") => Self::Refused,
            Some("confirm") => Self::Asked,
            _ => Self::Given,
        }
    }
}

/// What it takes to prune an object: its own option `Prune`, or else `of_app`, its application's.
///
/// A CRD that says nothing waits for a person: all objects of its kind go with it, everybody's.
pub fn consent(live: &LiveObject, of_app: Option<&str>) -> Consent {
    let value = live.value();
    if options::of_object(&value, "Prune").is_none() {
        if is_to_be_kept(&value) {
            return Consent::Refused;
        }
        if live.id.is_definition() && of_app != Some("false") {
            return Consent::Asked;
        }
    }
    Consent::of(options::effective(&value, "Prune", of_app))
}

/// What it takes to delete an object together with its application: its own option `Delete`, or
/// else `of_app`, its application's. CRDs always outlive it.
pub fn consent_to_cascade(live: &LiveObject, of_app: Option<&str>) -> Consent {
    let value = live.value();
    if live.id.is_definition() || is_to_be_kept(&value) {
        return Consent::Refused;
    }
    Consent::of(options::effective(&value, "Delete", of_app))
}

/// True for an object whose deletion, one day, will wait for a person; `of_app` looks an option of
/// its application up.
pub fn asks<'a>(object: &Packed, of_app: &impl Fn(&str) -> Option<&'a str>) -> bool {
    let own = object.mentions(&[options::ANNOTATION]).then(|| object.tree());
    let confirm = |name| {
        let own = own.as_ref().and_then(|object| options::of_object(object, name));
        own.or(of_app(name)) == Some("confirm")
    };
    confirm("Prune") || confirm("Delete")
}

/// Helm's word for the same: the object outlives its release.
fn is_to_be_kept(live: &Value) -> bool {
    meta::annotation(live, "helm.sh/resource-policy") == Some("keep")
}

/// Live objects by what their deletion takes.
#[derive(Debug, Default)]
pub struct Sorted {
    /// They may go.
    pub free: Vec<Arc<LiveObject>>,
    /// They wait for the word of a person.
    pub asked: Vec<ObjectId>,
}

impl Sorted {
    /// Puts one object where it belongs. What is on its way out is not asked about any more, and
    /// `confirmed` is the word of a person.
    pub fn put(&mut self, live: &Arc<LiveObject>, consent: Consent, confirmed: bool) {
        match consent {
            Consent::Refused => {}
            Consent::Asked if !confirmed && !live.terminating => self.asked.push(live.id.clone()),
            Consent::Asked | Consent::Given => self.free.push(Arc::clone(live)),
        }
    }

    /// What waits for a person, in words: `ConfigMap prod/a and 2 more`. `None` when nothing does.
    pub fn waiting(&self) -> Option<String> {
        let mut told: Vec<String> =
            self.asked.iter().take(NAMED_MAX).map(ToString::to_string).collect();
        let more = self.asked.len().saturating_sub(NAMED_MAX);
        if more > 0 {
            told.push(format!("{more} more"));
        }
        (!told.is_empty()).then(|| told.join(" and "))
    }
}

/// How the condition of a prune that waits for a person begins.
pub const WAITING: &str = "waiting for pruning confirmation of ";

/// The condition of a prune that waits for a person.
pub fn waits_for_a_word(objects: &str) -> String {
    format!("{WAITING}{objects}, which Git no longer names; {CONFIRM}, or put them back into Git")
}

/// The condition of a deletion of the whole application that waits for a person.
pub fn cascade_waits_for_a_word(objects: &str) -> String {
    format!(
        "waiting for deletion confirmation of {objects}; nothing is deleted until then: {CONFIRM}, \
         or take the finalizer away to leave all objects"
    )
}

/// What the size of a prune is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Objects to delete.
    pub pruned: usize,
    /// Objects of the application that are live.
    pub live: usize,
    /// Nobody asked for this sync by hand.
    pub automated: bool,
    /// `allowEmpty`: an application without objects is meant.
    pub allow_empty: bool,
    /// Somebody confirmed this deletion.
    pub confirmed: bool,
}

/// Why a prune has to wait for a person, or `None`.
///
/// An automated sync must not wipe an application out because a path was renamed or a merge went
/// wrong: deleting everything, or more than half and at least ten objects, needs a word.
pub fn held(budget: Budget) -> Option<String> {
    let Budget { pruned, live, automated, allow_empty, confirmed } = budget;
    if pruned == 0 || !automated || confirmed {
        return None;
    }
    let how = format!("sync by hand with prune, or {CONFIRM}, to confirm");
    if pruned == live && !allow_empty {
        return Some(format!("auto-sync will wipe out all resources: {pruned} of {live}; {how}"));
    }
    if pruned > UNCONFIRMED_OBJECTS_MAX && pruned * 2 > live && !(pruned == live && allow_empty) {
        return Some(format!("auto-sync would delete {pruned} of {live} objects; {how}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(value: &Value) -> LiveObject {
        LiveObject {
            id: meta::id(value).unwrap(),
            gvk: meta::gvk(value).unwrap(),
            uid: String::new(),
            resource_version: String::new(),
            app: None,
            body: Packed::of(value),
            own: None,
            others: None,
            has_owner: false,
            terminating: false,
            digests: std::sync::OnceLock::new(),
        }
    }

    fn map(annotations: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
               "metadata": {"name": "a", "namespace": "prod", "annotations": annotations}})
    }

    #[test]
    fn a_live_hook_is_nothing_to_prune() {
        for (annotations, wanted) in [
            (json!({}), 1),
            (json!({"argocd.argoproj.io/hook": "PreSync"}), 0),
            (json!({"helm.sh/hook": "test"}), 0),
        ] {
            let tracked = [Arc::new(live(&map(&annotations)))];
            assert_eq!(candidates(&tracked, &Desired::default()).len(), wanted, "{annotations}");
        }
    }

    fn options(text: &str) -> Value {
        map(&json!({"argocd.argoproj.io/sync-options": text}))
    }

    #[test]
    fn an_object_is_deleted_as_it_says_or_else_as_its_application_says() {
        use Consent::{Asked, Given, Refused};
        let keep = map(&json!({"helm.sh/resource-policy": "keep"}));
        let plain = map(&json!({}));
        // object, option of the application, consent to a prune, consent to a cascade
        let table = [
            (&plain, "", Given, Given),
            (&plain, "Prune=false", Refused, Given),
            (&plain, "Prune=confirm", Asked, Given),
            (&plain, "Delete=false", Given, Refused),
            (&plain, "Delete=confirm", Given, Asked),
            (&options("Prune=confirm"), "", Asked, Given),
            (&options("Validate=false, Delete=confirm"), "", Given, Asked),
            (&options("Prune=true"), "Prune=false", Given, Given),
            (&options("Delete=false,Prune=false"), "Delete=confirm", Refused, Refused),
            (&options("Delete=true"), "Delete=false", Given, Given),
            (&keep, "", Refused, Refused),
        ];
        for (object, option, to_prune, to_cascade) in table {
            let of_app = |name: &str| option.strip_prefix(name)?.strip_prefix('=');
            let live = live(object);
            assert_eq!(consent(&live, of_app("Prune")), to_prune, "{object} {option}");
            let found = consent_to_cascade(&live, of_app("Delete"));
            assert_eq!(found, to_cascade, "{object} {option}");
            let asked = [to_prune, to_cascade].contains(&Asked);
            assert_eq!(asks(&live.body, &of_app), asked, "{object} {option}");
        }
    }

    #[test]
    fn a_crd_is_not_pruned_without_a_word_and_never_goes_with_its_application() {
        let table = [
            ("", None, Consent::Asked),
            ("", Some("true"), Consent::Asked),
            ("", Some("false"), Consent::Refused),
            ("Prune=true", None, Consent::Given),
            ("Prune=false", None, Consent::Refused),
        ];
        for (own, of_app, wanted) in table {
            let mut crd = options(own);
            crd["apiVersion"] = json!("apiextensions.k8s.io/v1");
            crd["kind"] = json!("CustomResourceDefinition");
            assert_eq!(consent(&live(&crd), of_app), wanted, "{own:?} {of_app:?}");
            assert_eq!(consent_to_cascade(&live(&crd), Some("true")), Consent::Refused);
        }
    }

    #[test]
    fn what_waits_for_a_person_is_named_until_the_word_is_given() {
        let object = Arc::new(live(&options("Prune=confirm")));
        let going = Arc::new(LiveObject { terminating: true, ..(*object).clone() });
        for (object, confirmed, waits) in
            [(&object, false, true), (&object, true, false), (&going, false, false)]
        {
            let mut sorted = Sorted::default();
            sorted.put(object, Consent::Asked, confirmed);
            assert_eq!(sorted.waiting().is_some(), waits);
            assert_eq!(sorted.free.is_empty(), waits);
        }
        let mut sorted = Sorted::default();
        (0..5).for_each(|_| sorted.put(&object, Consent::Asked, false));
        let wanted = "ConfigMap prod/a and ConfigMap prod/a and ConfigMap prod/a and 2 more";
        assert_eq!(sorted.waiting().as_deref(), Some(wanted));
    }

    #[test]
    fn a_large_prune_waits_for_a_person() {
        // (pruned, live, allow empty), held
        let table = [
            ((0, 10, false), false),
            ((1, 1, false), true),
            ((1, 1, true), false),
            ((9, 10, false), false),
            ((10, 12, false), true),
            ((10, 20, false), false),
            ((11, 20, true), true),
            ((20, 20, true), false),
        ];
        for ((pruned, live, allow_empty), wanted) in table {
            let budget = Budget { pruned, live, automated: true, allow_empty, confirmed: false };
            assert_eq!(held(budget).is_some(), wanted, "{pruned} of {live}, {allow_empty}");
            assert_eq!(held(Budget { automated: false, ..budget }), None);
            assert_eq!(held(Budget { confirmed: true, ..budget }), None);
        }
    }
}
