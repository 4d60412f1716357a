//! `steadfast install`: prints the manifests that run the controller in a cluster.
//!
//! What is printed is plain YAML for `kubectl apply -f -`; nothing is asked of a cluster. The project
//! `default` is not among it: the controller creates it when it is absent, and in one `kubectl
//! apply` with its own CRD it would be refused.

mod rbac;
mod workload;

use std::io::{self, Write};

use clap::Args;
use serde_json::{Value, json};

use crate::api;

/// Where Argo CD lives by default, so its applications are found where they are.
const NAMESPACE_DEFAULT: &str = "argocd";
/// What everything here is called.
const NAME: &str = "steadfast";
/// Port of the status API, the webhook receiver, the probes and the metrics.
const PORT: u16 = 8080;

/// Print the manifests that run the controller in a cluster
///
/// "steadfast install | kubectl apply -f -" installs or updates it. Without --target-namespace the
/// controller may change everything in the cluster, as Argo CD's may; with it, it may read
/// everything and change only what is in these namespaces.
#[derive(Debug, Clone, Args)]
pub struct InstallArgs {
    /// Namespace of the controller and of the Application resources
    #[arg(long, value_name = "NS", default_value = NAMESPACE_DEFAULT)]
    pub namespace: String,

    /// Print the custom resource definitions only
    #[arg(long)]
    pub crds_only: bool,

    /// Image of the controller
    #[arg(long, value_name = "IMAGE", default_value = concat!("steadfast:", env!("CARGO_PKG_VERSION")))]
    pub image: String,

    /// Let the controller change only this namespace (may be given several times)
    ///
    /// The namespace must exist before the manifests are applied.
    #[arg(long, value_name = "NS")]
    pub target_namespace: Vec<String>,

    /// Add a `ServiceMonitor`, for the Prometheus operator
    #[arg(long)]
    pub service_monitor: bool,
}

/// Prints the manifests.
pub fn run(args: &InstallArgs, out: &mut impl Write) -> io::Result<()> {
    for manifest in manifests(args) {
        let text = serde_yaml::to_string(&manifest).map_err(io::Error::other)?;
        write!(out, "---\n{text}")?;
    }
    Ok(())
}

/// The manifests, in an order in which they can be applied one by one.
pub fn manifests(args: &InstallArgs) -> Vec<Value> {
    let mut manifests = api::crds();
    if args.crds_only {
        return manifests;
    }
    let namespace = args.namespace.as_str();
    manifests.push(json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": namespace },
    }));
    manifests.extend(rbac::manifests(namespace, &args.target_namespace));
    manifests.push(workload::service(namespace));
    manifests.push(workload::deployment(namespace, &args.image));
    manifests.push(workload::disruption_budget(namespace));
    if args.service_monitor {
        manifests.push(workload::service_monitor(namespace));
    }
    manifests
}

/// Metadata of an object in `namespace`; an empty namespace is none.
fn metadata(name: &str, namespace: &str) -> Value {
    let mut metadata = json!({ "name": name, "labels": labels() });
    if !namespace.is_empty() {
        metadata["namespace"] = Value::from(namespace);
    }
    metadata
}

/// Labels of everything here; they also select the pods.
fn labels() -> Value {
    json!({
        "app.kubernetes.io/name": NAME,
        "app.kubernetes.io/component": "controller",
        "app.kubernetes.io/part-of": NAME,
    })
}

#[cfg(test)]
mod tests;
