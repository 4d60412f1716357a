//! Leases by which the replicas of the controller know each other: read, created, renewed, closed.
//!
//! What they mean is `sync::members`' to say. Requests here wait for nobody: neither for a free slot
//! nor for the common pace, because a Lease that is renewed late is a replica that stands still.

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Call, Cluster, ClusterError, FIELD_MANAGER, call::segment, resources::ResourceQuery};
use crate::object::{GroupVersionKind, meta};

/// Patience for one request.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// The label of all Leases of replicas: `app.kubernetes.io/name` belongs to whoever deploys.
const LABEL: &str = "steadfast.dev/member";
/// Whom the holder knows: names, separated by commas.
const KNOWS: &str = "steadfast.dev/knows";
/// Where the holder's status API is.
const ADDRESS: &str = "steadfast.dev/address";
/// There once the holder is a member no more; never taken away again.
const CLOSED: &str = "steadfast.dev/closed";

/// The Lease of one replica.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lease {
    /// Its name, which is also the identity of its holder.
    pub name: String,
    /// Its resource version: another one after each renewal.
    pub version: String,
    /// Where the holder's status API is.
    pub address: String,
    /// Whom the holder knows.
    pub knows: BTreeSet<String>,
    /// The holder is a member no more.
    pub closed: bool,
}

/// What became of a change to a Lease that was of a certain version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It has this version now.
    To(String),
    /// Somebody else changed it before.
    Conflict,
    /// It is not there.
    Absent,
}

impl Lease {
    /// Reads a Lease as the server has it.
    pub fn parse(value: &Value) -> Self {
        let annotation = |key| meta::annotation(value, key).unwrap_or_default();
        let knows = annotation(KNOWS).split(',').filter(|name| !name.is_empty());
        Self {
            name: meta::name(value).to_owned(),
            version: meta::resource_version(value).to_owned(),
            address: annotation(ADDRESS).to_owned(),
            knows: knows.map(str::to_owned).collect(),
            closed: !annotation(CLOSED).is_empty(),
        }
    }

    /// All Leases of replicas in a namespace.
    pub fn query(namespace: &str) -> ResourceQuery {
        let kind = GroupVersionKind::parse("coordination.k8s.io/v1", "Lease");
        ResourceQuery { labels: LABEL.to_owned(), ..ResourceQuery::all(kind, namespace) }
    }

    fn annotations(&self) -> Value {
        let knows: Vec<&str> = self.knows.iter().map(String::as_str).collect();
        json!({ KNOWS: knows.join(","), ADDRESS: self.address })
    }
}

impl Cluster {
    /// Creates a Lease; returns its version, or `None` when there is one of this name.
    pub async fn create_lease(
        &self,
        namespace: &str,
        lease: &Lease,
        expires: Duration,
        now: Timestamp,
    ) -> Result<Option<String>, ClusterError> {
        let body = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {
                "name": lease.name, "namespace": namespace, "labels": { LABEL: "true" },
                "annotations": lease.annotations(),
            },
            "spec": {
                "holderIdentity": lease.name, "leaseDurationSeconds": expires.as_secs(),
                "acquireTime": micro(now), "renewTime": micro(now),
            },
        });
        let url = format!("{}?fieldManager={FIELD_MANAGER}", collection(namespace));
        let call = urgent(Method::POST, url, format!("could not create Lease {}", lease.name))
            .body("application/json", &body);
        match self.call(call).await {
            Ok(answer) => Ok(Some(meta::resource_version(&answer.body).to_owned())),
            Err(error) if error.is_code(409) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Renews a Lease that is of this version still.
    pub async fn renew_lease(
        &self,
        namespace: &str,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Changed, ClusterError> {
        let patch = json!({
            "metadata": { "resourceVersion": lease.version, "annotations": lease.annotations() },
            "spec": { "renewTime": micro(now) },
        });
        self.change_lease(namespace, &lease.name, &patch).await
    }

    /// Closes a Lease that is of this version still. `why` is for people.
    pub async fn close_lease(
        &self,
        namespace: &str,
        (name, version): (&str, &str),
        why: &str,
    ) -> Result<Changed, ClusterError> {
        let patch = json!({
            "metadata": { "resourceVersion": version, "annotations": { CLOSED: why } },
            "spec": { "holderIdentity": null },
        });
        self.change_lease(namespace, name, &patch).await
    }

    /// Reads a Lease; `None` when it is not there.
    pub async fn read_lease(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Lease>, ClusterError> {
        let url = format!("{}/{}", collection(namespace), segment(name));
        let call = urgent(Method::GET, url, format!("could not read Lease {name}"));
        match self.call(call).await {
            Ok(answer) => Ok(Some(Lease::parse(&answer.body))),
            Err(error) if error.is_code(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes a Lease away.
    pub async fn delete_lease(&self, namespace: &str, name: &str) -> Result<(), ClusterError> {
        let url = format!("{}/{}", collection(namespace), segment(name));
        let call = urgent(Method::DELETE, url, format!("could not delete Lease {name}"));
        match self.call(call).await {
            Err(error) if !error.is_code(404) => Err(error),
            _ => Ok(()),
        }
    }

    async fn change_lease(
        &self,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<Changed, ClusterError> {
        let place = format!("{}/{}", collection(namespace), segment(name));
        let url = format!("{place}?fieldManager={FIELD_MANAGER}");
        let call = urgent(Method::PATCH, url, format!("could not change Lease {name}"))
            .body("application/merge-patch+json", patch);
        match self.call(call).await {
            Ok(answer) => Ok(Changed::To(meta::resource_version(&answer.body).to_owned())),
            Err(error) if error.is_code(409) => Ok(Changed::Conflict),
            Err(error) if error.is_code(404) => Ok(Changed::Absent),
            Err(error) => Err(error),
        }
    }
}

fn urgent(method: Method, url: String, what: String) -> Call<'static> {
    Call::new(method, url, what).by(Instant::now() + ANSWER_LIMIT).urgent()
}

fn collection(namespace: &str) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", segment(namespace))
}

/// A time as `MicroTime` is written.
fn micro(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_read_as_it_is_written() {
        let lease = Lease {
            name: "steadfast-a".to_owned(),
            version: "7".to_owned(),
            address: "10.0.0.1:8080".to_owned(),
            knows: ["steadfast-b", "steadfast-c"].map(str::to_owned).into(),
            closed: false,
        };
        let mut value = json!({"metadata": {
            "name": lease.name, "resourceVersion": "7", "annotations": lease.annotations()}});
        assert_eq!(Lease::parse(&value), lease);
        value["metadata"]["annotations"][CLOSED] = json!("expired");
        assert!(Lease::parse(&value).closed);
        assert_eq!(Lease::parse(&json!({})), Lease::default());
    }

    #[test]
    fn times_have_six_digits_after_the_second() {
        assert_eq!(micro(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000000Z");
    }
}
