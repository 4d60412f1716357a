//! Single writes that are no step of a plan: status, events, our own CRDs.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Call, Cluster, ClusterError, FIELD_MANAGER,
    call::{Permit, segment},
};
use crate::object::{GroupVersionKind, ObjectId, meta};

/// Longest message of an Event (validation of `events.k8s.io`).
const EVENT_MESSAGE_BYTES_MAX: usize = 1024;

/// Something to tell about an object, as a Kubernetes Event.
#[derive(Debug, Clone)]
pub struct EventNote<'a> {
    /// The kind of the object it is about.
    pub gvk: &'a GroupVersionKind,
    /// Its namespace; the Event goes there too (`default` for cluster-scoped objects).
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// `Warning` instead of `Normal`.
    pub warning: bool,
    /// One CamelCase word.
    pub reason: &'a str,
    /// A sentence for people; cut at 1024 bytes.
    pub message: &'a str,
    /// When it happened.
    pub at: Timestamp,
}

impl Cluster {
    /// Reads one object; `None` when it is not there.
    pub async fn get(
        &self,
        gvk: &GroupVersionKind,
        id: &ObjectId,
        deadline: Instant,
    ) -> Result<Option<Value>, ClusterError> {
        let info = self.discovery().find(self, gvk).await?;
        let what = format!("could not read {id}");
        let call = Call::new(Method::GET, info.object(id), what).by(deadline);
        match self.call(call).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(error) if error.is_code(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes an object, or one of its subresources (empty for none), by a JSON merge patch.
    pub async fn patch_merge(
        &self,
        gvk: &GroupVersionKind,
        id: &ObjectId,
        subresource: &str,
        patch: &Value,
        permit: Permit<'_>,
    ) -> Result<Value, ClusterError> {
        self.patch(gvk, id, subresource, "application/merge-patch+json", patch, permit).await
    }

    /// The same by a JSON patch; put `test` operations first to guard it.
    pub async fn patch_json(
        &self,
        gvk: &GroupVersionKind,
        id: &ObjectId,
        subresource: &str,
        patch: &Value,
        permit: Permit<'_>,
    ) -> Result<Value, ClusterError> {
        self.patch(gvk, id, subresource, "application/json-patch+json", patch, permit).await
    }

    async fn patch(
        &self,
        gvk: &GroupVersionKind,
        id: &ObjectId,
        subresource: &str,
        content_type: &'static str,
        patch: &Value,
        permit: Permit<'_>,
    ) -> Result<Value, ClusterError> {
        let info = self.discovery().find(self, gvk).await?;
        let mut url = info.object(id);
        if !subresource.is_empty() {
            url.push('/');
            url.push_str(subresource);
        }
        url.push_str("?fieldManager=");
        url.push_str(FIELD_MANAGER);
        let call = Call::new(Method::PATCH, url, format!("could not change {id}"))
            .body(content_type, patch)
            .permitted_by(permit);
        Ok(self.call(call).await?.body)
    }

    /// Creates an object that must not be there yet; `None` when it already is.
    pub async fn create(
        &self,
        object: &Value,
        permit: Permit<'_>,
    ) -> Result<Option<Value>, ClusterError> {
        let gvk = meta::gvk(object).unwrap_or_else(|| GroupVersionKind::parse("", ""));
        let info = self.discovery().find(self, &gvk).await?;
        let url =
            format!("{}?fieldManager={FIELD_MANAGER}", info.collection(meta::namespace(object)));
        let what = format!("could not create {} {}", gvk.kind, meta::name(object));
        let call = Call::new(Method::POST, url, what)
            .body("application/json", object)
            .permitted_by(permit);
        match self.call(call).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(error) if error.status().is_some_and(kube::core::Status::is_already_exists) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes an Event. Events are news, not state: losing one is no failure of anything else.
    pub async fn create_event(
        &self,
        note: &EventNote<'_>,
        permit: Permit<'_>,
    ) -> Result<(), ClusterError> {
        let event = event(note);
        let url = format!("/api/v1/namespaces/{}/events", segment(meta::namespace(&event)));
        let what = format!("could not write an event about {} {}", note.gvk.kind, note.name);
        let call = Call::new(Method::POST, url, what)
            .body("application/json", &event)
            .permitted_by(permit);
        self.call(call).await.map(drop)
    }

    /// Applies our own CRDs and reads discovery until the server serves them or the deadline is
    /// over.
    pub async fn install_crds(
        &self,
        crds: &[Value],
        deadline: Instant,
        permit: Permit<'_>,
    ) -> Result<(), ClusterError> {
        for crd in crds {
            let name = meta::name(crd);
            let url = format!(
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}?fieldManager={FIELD_MANAGER}&force=true",
                segment(name)
            );
            let call = Call::new(Method::PATCH, url, format!("could not install CRD {name}"))
                .body("application/apply-patch+yaml", crd)
                .by(deadline)
                .permitted_by(permit);
            self.call(call).await?;
        }
        for crd in crds {
            for gvk in served_by(crd) {
                self.wait_served(&gvk, deadline).await?;
            }
        }
        Ok(())
    }

    /// Reads discovery until it knows the kind.
    pub async fn wait_served(
        &self,
        gvk: &GroupVersionKind,
        deadline: Instant,
    ) -> Result<(), ClusterError> {
        /// Pauses double from here: a CRD is usually served within 50 ms of being Established.
        const PAUSE_FIRST: std::time::Duration = std::time::Duration::from_millis(20);
        const PAUSE_MAX: std::time::Duration = std::time::Duration::from_millis(500);
        let mut attempt = 0;
        while self.kinds().get(gvk).is_none() {
            let table = self.discovery().refresh(self).await?;
            if table.get(gvk).is_some() {
                break;
            }
            let pause = super::backoff::delay(attempt, PAUSE_FIRST, PAUSE_MAX);
            attempt += 1;
            if Instant::now() + pause > deadline {
                return Err(ClusterError::NotServed { kind: gvk.to_string() });
            }
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }
}

/// The kinds that a CRD makes the server serve.
pub(crate) fn served_by(crd: &Value) -> Vec<GroupVersionKind> {
    let text = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (group, kind) = (text("/spec/group"), text("/spec/names/kind"));
    let versions = crd.pointer("/spec/versions").and_then(Value::as_array);
    versions
        .into_iter()
        .flatten()
        .filter(|version| version.get("served").and_then(Value::as_bool).unwrap_or_default())
        .filter_map(|version| version.get("name")?.as_str())
        .map(|version| GroupVersionKind {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        })
        .collect()
}

fn event(note: &EventNote<'_>) -> Value {
    let namespace = if note.namespace.is_empty() { "default" } else { note.namespace };
    let at = note.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut end = note.message.len().min(EVENT_MESSAGE_BYTES_MAX);
    while !note.message.is_char_boundary(end) {
        end -= 1;
    }
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "namespace": namespace,
            // Nanoseconds make the name unique, as client-go's recorder does it.
            "name": format!("{}.{:x}", note.name, note.at.as_nanosecond()),
        },
        "involvedObject": {
            "apiVersion": note.gvk.api_version(),
            "kind": note.gvk.kind,
            "namespace": note.namespace,
            "name": note.name,
            "uid": note.uid,
        },
        "type": if note.warning { "Warning" } else { "Normal" },
        "reason": note.reason,
        "message": &note.message[..end],
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": FIELD_MANAGER,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::fake::Server;

    fn note(message: &str) -> EventNote<'_> {
        // A static kind keeps the note short.
        static KIND: std::sync::LazyLock<GroupVersionKind> = std::sync::LazyLock::new(|| {
            GroupVersionKind::parse("argoproj.io/v1alpha1", "Application")
        });
        EventNote {
            gvk: &KIND,
            namespace: "argocd",
            name: "shop",
            uid: "u",
            warning: true,
            reason: "SyncFailed",
            message,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_event_names_its_object_and_cuts_its_message_between_characters() {
        let message = "ä".repeat(EVENT_MESSAGE_BYTES_MAX);
        let event = event(&note(&message));
        let written = event["message"].as_str().unwrap();
        assert_eq!(written.len(), EVENT_MESSAGE_BYTES_MAX);
        assert_eq!(event["involvedObject"]["apiVersion"], "argoproj.io/v1alpha1");
        assert_eq!((&event["type"], &event["count"]), (&json!("Warning"), &json!(1)));
        assert_eq!(event["lastTimestamp"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn only_served_versions_of_a_crd_are_waited_for() {
        let crd = json!({"spec": {"group": "x.io", "names": {"kind": "W"}, "versions": [
            {"name": "v1", "served": true}, {"name": "v0", "served": false}, {"name": "v2"}]}});
        assert_eq!(served_by(&crd), [GroupVersionKind::parse("x.io/v1", "W")]);
    }

    #[tokio::test(start_paused = true)]
    async fn creating_what_exists_is_no_failure() {
        let server = Server::default();
        let path = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications";
        server.refuse(Method::POST, path, 409, "AlreadyExists", "already exists");
        let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": "a", "namespace": "argocd"}});
        assert!(server.cluster().create(&object, &|| true).await.unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_without_permission_is_not_sent() {
        let server = Server::default();
        let error = server.cluster().create_event(&note("m"), &|| false).await.unwrap_err();
        assert!(matches!(error, ClusterError::NotPermitted { .. }));
        assert!(server.seen().is_empty());
    }
}
