//! Reads and changes Application resources for callers.
//!
//! A change is decided on the resource as it is and written with its resource version, so that
//! nothing that somebody else wrote in between is lost or overlooked.

use std::time::Duration;

use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, Patch, PatchParams},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::object::meta;

use super::error::{ApiError, Reason};

/// Deadline of one request to Kubernetes.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// How often a change is decided anew when somebody else was faster.
const CONFLICTS_MAX: u32 = 8;

/// The Application resources of our namespace.
pub(super) struct Applications {
    api: Api<DynamicObject>,
    client: Client,
}

impl Applications {
    pub(super) fn new(client: Client, namespace: &str) -> Self {
        let kind = GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application");
        let resource = ApiResource::from_gvk_with_plural(&kind, "applications");
        Self { api: Api::namespaced_with(client.clone(), namespace, &resource), client }
    }

    /// One application as Kubernetes has it now, without `managedFields`.
    pub(super) async fn get(&self, name: &str) -> Result<Value, ApiError> {
        answer(name, timeout(REQUEST_DEADLINE, self.api.get(name)).await)
    }

    /// Changes an application: `decide` says what to patch, on the resource as it is. It is asked
    /// again when the resource was changed in between, so it must not remember anything.
    pub(super) async fn change(
        &self,
        name: &str,
        decide: impl Fn(&Value) -> Result<Value, ApiError>,
    ) -> Result<Value, ApiError> {
        for _ in 0..CONFLICTS_MAX {
            let app = self.get(name).await?;
            let mut patch = decide(&app)?;
            patch["metadata"]["resourceVersion"] = json!(meta::resource_version(&app));
            let patch = Patch::Merge(patch);
            let params = PatchParams::default();
            let written = timeout(REQUEST_DEADLINE, self.api.patch(name, &params, &patch)).await;
            match written {
                Ok(Err(kube::Error::Api(status))) if status.is_conflict() => {}
                written => return answer(name, written),
            }
        }
        let message = format!("application \"{name}\" is being changed by others, try again");
        Err(ApiError::new(Reason::Conflict, message))
    }

    /// Asks for the deletion of the very object that was read.
    pub(super) async fn delete(&self, app: &Value) -> Result<(), ApiError> {
        let name = meta::name(app);
        let params = DeleteParams {
            preconditions: Some(kube::api::Preconditions {
                uid: Some(meta::uid(app).to_owned()).filter(|uid| !uid.is_empty()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match timeout(REQUEST_DEADLINE, self.api.delete(name, &params)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(cause)) => Err(refusal(name, &cause)),
            Err(_) => Err(silent(name)),
        }
    }

    /// The Kubernetes Events about an object, as an `EventList`.
    pub(super) async fn events(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<Value, ApiError> {
        use k8s_openapi::api::core::v1::Event;
        let selector = format!("involvedObject.name={name},involvedObject.uid={uid}");
        let params = kube::api::ListParams::default().fields(&selector).limit(EVENTS_MAX);
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let list = match timeout(REQUEST_DEADLINE, api.list(&params)).await {
            Ok(Ok(list)) => list,
            Ok(Err(cause)) => return Err(refusal(name, &cause)),
            Err(_) => return Err(silent(name)),
        };
        let items: Vec<Value> = list
            .items
            .iter()
            .map(|event| {
                let mut event = event.clone();
                event.metadata.managed_fields = None;
                serde_json::to_value(event).unwrap_or_default()
            })
            .collect();
        let version = list.metadata.resource_version.unwrap_or_default();
        Ok(json!({"metadata": {"resourceVersion": version}, "items": items}))
    }
}

/// Events of one object that are listed.
const EVENTS_MAX: u32 = 500;

type Answer = Result<Result<DynamicObject, kube::Error>, tokio::time::error::Elapsed>;

fn answer(name: &str, answer: Answer) -> Result<Value, ApiError> {
    match answer {
        Ok(Ok(mut object)) => {
            object.metadata.managed_fields = None;
            serde_json::to_value(&object).map_err(|_| silent(name))
        }
        Ok(Err(cause)) => Err(refusal(name, &cause)),
        Err(_) => Err(silent(name)),
    }
}

fn refusal(name: &str, cause: &kube::Error) -> ApiError {
    match cause {
        kube::Error::Api(status) if status.is_not_found() => ApiError::no_application(name),
        kube::Error::Api(status) if status.is_invalid() || status.code == 400 => {
            ApiError::invalid(status.message.clone())
        }
        kube::Error::Api(status) if status.is_conflict() => {
            ApiError::new(Reason::Conflict, status.message.clone())
        }
        kube::Error::Api(status) if status.code < 500 && status.code != 429 => ApiError::new(
            Reason::ClusterRefused,
            format!("Kubernetes refused Steadfast access to \"{name}\": {}", status.message),
        ),
        cause => {
            tracing::warn!(name, %cause, "a request to Kubernetes failed");
            silent(name)
        }
    }
}

fn silent(name: &str) -> ApiError {
    let message = format!("Kubernetes gave no answer about \"{name}\", try again");
    ApiError::new(Reason::ClusterUnavailable, message)
}
