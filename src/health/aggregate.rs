//! The health of an application from that of its objects.

use serde_json::Value;

use super::{Health, HealthStatus};
use crate::object::{ObjectId, Packed, hook, is_hook, meta};

/// Causes that the message of an application names.
const CAUSES_MAX: usize = 3;
/// Takes an object out of its application's health.
const IGNORE_HEALTHCHECK: &str = "argocd.argoproj.io/ignore-healthcheck";

/// One object of an application that counts (see [`counts`]).
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The object.
    pub id: &'a ObjectId,
    /// True when Git names it.
    pub desired: bool,
    /// True when the cluster has it.
    pub live: bool,
    /// Its health; `None` for a kind without a check.
    pub health: Option<&'a Health>,
}

/// Whether an object has a say in the health of the application with the id `app`: not so hooks
/// (Skip among them), objects annotated `argocd.argoproj.io/ignore-healthcheck: "true"` and the
/// application itself.
pub fn counts(app: &ObjectId, id: &ObjectId, object: &Packed) -> bool {
    let exempt = |object: &Value| {
        is_hook(object) || meta::annotation(object, IGNORE_HEALTHCHECK) == Some("true")
    };
    let may_be = object.mentions(&[hook::ANNOTATION, hook::HELM_ANNOTATION, IGNORE_HEALTHCHECK]);
    id != app && !(may_be && exempt(&object.tree()))
}

/// The worst health among the parts, and up to three that caused it, in words.
///
/// Rule: `controller/health.go` of Argo CD 3.4. One missing object does not count, the application
/// is Missing only when Git names objects and none is live; a child application that is Missing or
/// Unknown does not count; no objects at all are Healthy.
pub fn aggregate(parts: &[Part<'_>]) -> Health {
    let mut desired = parts.iter().filter(|part| part.desired).peekable();
    if desired.peek().is_some() && parts.iter().all(|part| !part.live) {
        let words = "none of the objects that Git names is in the cluster";
        return Health::new(HealthStatus::Missing, words);
    }
    let said: Vec<(&ObjectId, &Health)> = parts
        .iter()
        .filter(|part| part.live)
        .filter_map(|part| Some((part.id, part.health?)))
        .filter(|(id, health)| has_say(id, health.status))
        .collect();
    let worst = said.iter().map(|(_, health)| health.status).max().unwrap_or_default();
    if worst == HealthStatus::Healthy {
        return Health::healthy();
    }
    let mut causes: Vec<(&ObjectId, &Health)> =
        said.into_iter().filter(|(_, health)| health.status == worst).collect();
    causes.sort_by_key(|(id, _)| *id);
    let mut words: Vec<String> = causes
        .iter()
        .take(CAUSES_MAX)
        .map(|(id, health)| match health.message.as_str() {
            "" => id.to_string(),
            message => format!("{id}: {message}"),
        })
        .collect();
    if causes.len() > CAUSES_MAX {
        words.push(format!("and {} more", causes.len() - CAUSES_MAX));
    }
    Health::new(worst, words.join("; "))
}

fn has_say(id: &ObjectId, status: HealthStatus) -> bool {
    let child_application = id.group == "argoproj.io" && id.kind == "Application";
    !(child_application && matches!(status, HealthStatus::Missing | HealthStatus::Unknown))
}

#[cfg(test)]
mod tests {
    use HealthStatus::{Degraded, Healthy, Missing, Progressing, Suspended, Unknown};
    use serde_json::json;

    use super::*;

    fn id(kind: &str, name: &str) -> ObjectId {
        let group = if kind == "Application" { "argoproj.io" } else { "" };
        ObjectId::new(group, kind, "shop", name)
    }

    /// Every object is wanted; without a status it is not live.
    fn judge(objects: &[(&str, Option<HealthStatus>)]) -> Health {
        let objects: Vec<(ObjectId, Option<Health>)> = objects
            .iter()
            .map(|(kind, status)| (id(kind, "a"), status.map(|s| Health::new(s, "why"))))
            .collect();
        let parts: Vec<Part<'_>> = objects
            .iter()
            .map(|(id, health)| Part {
                id,
                desired: true,
                live: health.is_some(),
                health: health.as_ref(),
            })
            .collect();
        aggregate(&parts)
    }

    #[test]
    fn the_worst_object_decides() {
        let order = [Healthy, Suspended, Progressing, Missing, Degraded, Unknown];
        for (place, worse) in order.into_iter().enumerate() {
            for better in &order[..=place] {
                let health = judge(&[("Pod", Some(*better)), ("Service", Some(worse))]);
                assert_eq!(health.status, worse);
            }
        }
    }

    #[test]
    fn an_application_is_missing_only_when_nothing_is_live() {
        assert_eq!(judge(&[("Pod", None), ("Service", None)]).status, Missing);
        assert_eq!(judge(&[("Pod", None), ("Service", Some(Healthy))]).status, Healthy);
        let config = id("ConfigMap", "a");
        let part = Part { id: &config, desired: true, live: true, health: None };
        assert_eq!(aggregate(&[part]), Health::healthy(), "a kind without a check");
        let extra = Part { desired: false, live: false, ..part };
        assert_eq!(aggregate(&[extra]), Health::healthy(), "nothing is wanted");
    }

    #[test]
    fn no_objects_are_healthy() {
        assert_eq!(aggregate(&[]), Health::healthy());
    }

    #[test]
    fn a_child_application_that_is_not_known_does_not_count() {
        for status in [Missing, Unknown] {
            assert_eq!(judge(&[("Application", Some(status))]).status, Healthy);
            assert_eq!(judge(&[("Pod", Some(status))]).status, status);
        }
        assert_eq!(judge(&[("Application", Some(Degraded))]).status, Degraded);
    }

    #[test]
    fn the_message_names_three_causes() {
        let ids: Vec<ObjectId> = ["e", "d", "c", "b", "a"].map(|name| id("Pod", name)).into();
        let bad = Health::new(Degraded, "why");
        let silent = Health::new(Degraded, "");
        let parts: Vec<Part<'_>> = ids
            .iter()
            .map(|id| {
                let health = Some(if id.name == "b" { &silent } else { &bad });
                Part { id, desired: true, live: true, health }
            })
            .collect();
        assert_eq!(
            aggregate(&parts).message,
            "Pod shop/a: why; Pod shop/b; Pod shop/c: why; and 2 more"
        );
    }

    #[test]
    fn hooks_ignored_objects_and_the_application_itself_have_no_say() {
        let (app, pod) = (id("Application", "shop"), id("Pod", "a"));
        let with = |key: &str, value: &str| {
            Packed::of(&json!({"metadata": {"annotations": {key: value}}}))
        };
        assert!(counts(&app, &pod, &Packed::of(&json!({}))));
        assert!(counts(&app, &pod, &with(IGNORE_HEALTHCHECK, "false")));
        assert!(!counts(&app, &pod, &with(IGNORE_HEALTHCHECK, "true")));
        assert!(!counts(&app, &pod, &with("argocd.argoproj.io/hook", "Skip")));
        assert!(!counts(&app, &pod, &with("helm.sh/hook", "pre-install")));
        assert!(!counts(&app, &app, &Packed::of(&json!({}))));
    }
}
