//! The tracking id: which application an object belongs to.
//!
//! Rule: `argocd.argoproj.io/tracking-id: <app>:<group>/<Kind>:<namespace>/<name>`, as Argo CD
//! writes it with annotation tracking (`util/argo/resource_tracking.go`).

use serde_json::Value;

use super::{ObjectId, meta};

/// The annotation that carries the tracking id.
pub const ANNOTATION: &str = "argocd.argoproj.io/tracking-id";

/// The annotation that says which controller wrote the tracking id: the namespace it runs in. Two
/// controllers on one cluster may each have an application of the same name; without it each would
/// prune what the other made. Objects without it (written by Argo CD) belong to whoever has an
/// application of that name.
pub const INSTALLATION: &str = "steadfast.dev/installation";

/// Everything on an object that says whose it is.
pub const MARKS: [&str; 2] = [ANNOTATION, INSTALLATION];

/// A parsed tracking id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackingId {
    /// Application that applied the object: `<name>` or `<namespace>_<name>`.
    pub app: String,
    /// The object that the id was written for. For a cluster-scoped object the namespace slot may
    /// hold the application's destination namespace.
    pub object: ObjectId,
}

/// Writes the id. Cluster-scoped objects carry the destination namespace in the namespace slot, as
/// Argo CD writes them, so that a move between the two changes nothing.
pub fn format(app: &str, object: &ObjectId, destination_namespace: &str) -> String {
    let namespace =
        if object.namespace.is_empty() { destination_namespace } else { &object.namespace };
    format!("{app}:{}/{}:{namespace}/{}", object.group, object.kind, object.name)
}

/// Parses an id; `None` for anything that is not exactly `a:b/c:d/e`.
pub fn parse(text: &str) -> Option<TrackingId> {
    let mut parts = text.splitn(3, ':');
    let (app, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
    let (group, kind) = kind.split_once('/')?;
    let (namespace, name) = name.split_once('/')?;
    if app.is_empty() || kind.is_empty() || kind.contains('/') || name.contains('/') {
        return None;
    }
    Some(TrackingId { app: app.to_owned(), object: ObjectId::new(group, kind, namespace, name) })
}

/// The name under which an application of an installation owns objects: `<installation>/<app>`.
pub fn owner_key(installation: &str, app: &str) -> String {
    format!("{installation}/{app}")
}

/// The owner of this live object, if its tracking id names the object itself: an [`owner_key`], or
/// the bare application where no installation is given. An object that another controller copied,
/// annotations included, belongs to nobody.
pub fn owner(live: &Value, id: &ObjectId) -> Option<String> {
    let tracking = parse(meta::annotation(live, ANNOTATION)?)?;
    let named = &tracking.object;
    let same = named.group == id.group && named.kind == id.kind && named.name == id.name;
    let namespace = id.namespace.is_empty() || named.namespace == id.namespace;
    (same && namespace).then(|| match meta::annotation(live, INSTALLATION) {
        Some(installation) => owner_key(installation, &tracking.app),
        None => tracking.app,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_survives_the_round_trip() {
        let id = ObjectId::new("", "Service", "default", "ui");
        let text = format("guestbook", &id, "ignored");
        assert_eq!(text, "guestbook:/Service:default/ui");
        assert_eq!(parse(&text), Some(TrackingId { app: "guestbook".into(), object: id }));
    }

    #[test]
    fn a_cluster_scoped_object_carries_the_destination_namespace() {
        let id = ObjectId::new("rbac.authorization.k8s.io", "ClusterRole", "", "reader");
        let text = format("shop", &id, "prod");
        assert_eq!(text, "shop:rbac.authorization.k8s.io/ClusterRole:prod/reader");
        let live = json!({"metadata": {"name": "reader", "annotations": {ANNOTATION: text}}});
        assert_eq!(owner(&live, &id).as_deref(), Some("shop"));
    }

    #[test]
    fn a_copy_belongs_to_nobody() {
        let original = ObjectId::new("", "ConfigMap", "a", "settings");
        let live =
            json!({"metadata": {"annotations": {ANNOTATION: format("shop", &original, "")}}});
        assert_eq!(owner(&live, &original).as_deref(), Some("shop"));
        assert_eq!(owner(&live, &ObjectId::new("", "ConfigMap", "b", "settings")), None);
        assert_eq!(owner(&live, &ObjectId::new("", "ConfigMap", "a", "copy")), None);
    }

    #[test]
    fn the_same_name_in_another_installation_is_somebody_else() {
        let id = ObjectId::new("", "ConfigMap", "a", "settings");
        let live = json!({"metadata": {"annotations": {
            ANNOTATION: format("shop", &id, ""), INSTALLATION: "team-b"}}});
        assert_eq!(owner(&live, &id), Some(owner_key("team-b", "shop")));
    }

    #[test]
    fn malformed_ids_are_nobodys() {
        for text in ["", "a", "a:b:c", "a:b/c", "a:b/c:d", ":b/c:d/e", "a:b/:d/e", "a:b/c:d/e/f"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
