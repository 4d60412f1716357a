//! The kinds of Kubernetes that are served, as a table.

use super::{FieldRule, Kind, Sub, kind::ALL_VERBS};
use crate::object::GroupVersionKind;

/// One line: apiVersion, kind, plural, short names, categories, subresources.
type Line = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const NAMESPACED: &[Line] = &[
    ("v1", "ConfigMap", "configmaps", "cm", "", ""),
    ("v1", "Endpoints", "endpoints", "ep", "", ""),
    ("v1", "Event", "events", "ev", "", ""),
    ("v1", "LimitRange", "limitranges", "limits", "", ""),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", "", "status"),
    ("v1", "Pod", "pods", "po", "all", "status binding ephemeralcontainers eviction attach exec log portforward proxy"),
    ("v1", "PodTemplate", "podtemplates", "", "", ""),
    ("v1", "ReplicationController", "replicationcontrollers", "rc", "all", "status scale"),
    ("v1", "ResourceQuota", "resourcequotas", "quota", "", "status"),
    ("v1", "Secret", "secrets", "", "", ""),
    ("v1", "Service", "services", "svc", "all", "status proxy"),
    ("v1", "ServiceAccount", "serviceaccounts", "sa", "", "token"),
    ("apps/v1", "ControllerRevision", "controllerrevisions", "", "", ""),
    ("apps/v1", "DaemonSet", "daemonsets", "ds", "all", "status"),
    ("apps/v1", "Deployment", "deployments", "deploy", "all", "status scale"),
    ("apps/v1", "ReplicaSet", "replicasets", "rs", "all", "status scale"),
    ("apps/v1", "StatefulSet", "statefulsets", "sts", "all", "status scale"),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa", "all", "status"),
    ("batch/v1", "CronJob", "cronjobs", "cj", "all", "status"),
    ("batch/v1", "Job", "jobs", "", "all", "status"),
    ("coordination.k8s.io/v1", "Lease", "leases", "", "", ""),
    ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", "", "", ""),
    ("networking.k8s.io/v1", "Ingress", "ingresses", "ing", "", "status"),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", "netpol", "", ""),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb", "", "status"),
    ("rbac.authorization.k8s.io/v1", "Role", "roles", "", "", ""),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", "", "", ""),
];

#[rustfmt::skip]
const CLUSTER: &[Line] = &[
    ("v1", "Namespace", "namespaces", "ns", "", "finalize status"),
    ("v1", "Node", "nodes", "no", "", "status proxy"),
    ("v1", "PersistentVolume", "persistentvolumes", "pv", "", "status"),
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "", "api-extensions", ""),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", "", "api-extensions", ""),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", "crd crds", "api-extensions", "status"),
    ("networking.k8s.io/v1", "IngressClass", "ingressclasses", "", "", ""),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", "", "", ""),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", "", "", ""),
    ("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", "pc", "", ""),
    ("storage.k8s.io/v1", "StorageClass", "storageclasses", "sc", "", ""),
];

/// Kinds of which nothing is kept: a question is created and the answer is in its status. True:
/// in a namespace.
const REVIEWS: &[(&str, &str, &str, bool)] = &[
    ("authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", false),
    ("authentication.k8s.io/v1", "TokenReview", "tokenreviews", false),
    ("authorization.k8s.io/v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", true),
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", false),
    ("authorization.k8s.io/v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", false),
    ("authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews", false),
];

/// Namespaces go one by one.
const NAMESPACE_VERBS: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];

const CREATED_BY_PUT: &[&str] = &[
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "Lease",
    "LimitRange",
    "Event",
    "Service",
    "Endpoints",
];
const PUT_NEEDS_VERSION: &[&str] = &[
    "PodDisruptionBudget",
    "Lease",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "CustomResourceDefinition",
];
const ANSWERS_DELETED: &[&str] = &[
    "StorageClass",
    "ResourceQuota",
    "PersistentVolume",
    "ServiceAccount",
    "PersistentVolumeClaim",
    "Pod",
    "PodTemplate",
    "Service",
    "Namespace",
];

pub(super) fn kinds() -> impl Iterator<Item = Kind> {
    let namespaced = NAMESPACED.iter().map(|line| kind(line, true));
    let cluster = CLUSTER.iter().map(|line| kind(line, false));
    namespaced.chain(cluster).chain(REVIEWS.iter().map(review))
}

fn kind(line: &Line, namespaced: bool) -> Kind {
    let (api_version, name, plural, short, categories, subs) = *line;
    let gvk = GroupVersionKind::parse(api_version, name);
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    Kind {
        list_kind: format!("{name}List"),
        plural: plural.to_owned(),
        singular: name.to_lowercase(),
        short_names: words(short),
        categories: words(categories),
        namespaced,
        verbs: if api_version == "v1" && name == "Namespace" { NAMESPACE_VERBS } else { ALL_VERBS },
        subs: subs.split_whitespace().filter_map(|word| sub(name, word)).collect(),
        fields: FieldRule::builtin(&gvk.group, name),
        put_creates: CREATED_BY_PUT.contains(&name),
        put_needs_version: PUT_NEEDS_VERSION.contains(&name),
        answers_deleted: ANSWERS_DELETED.contains(&name),
        custom: None,
        gvk,
    }
}

fn review((api_version, name, plural, namespaced): &(&str, &str, &'static str, bool)) -> Kind {
    let line = ("", "", *plural, "", "", "");
    Kind {
        gvk: GroupVersionKind::parse(api_version, name),
        singular: name.to_lowercase(),
        verbs: &["create"],
        ..kind(&line, *namespaced)
    }
}

fn sub(parent: &str, name: &str) -> Option<Sub> {
    const STREAM: &[&str] = &["create", "get"];
    const PROXY: &[&str] = &["create", "delete", "get", "patch", "update"];
    Some(match name {
        "status" => Sub::Status,
        "scale" => Sub::Scale {
            spec: "/spec/replicas".to_owned(),
            status: "/status/replicas".to_owned(),
            selector: "/spec/selector".to_owned(),
        },
        "finalize" => Sub::Finalize,
        "binding" => Sub::Binding,
        "eviction" => Sub::Eviction,
        "token" => Sub::Token,
        "attach" => Sub::Machine("attach", "PodAttachOptions", STREAM),
        "exec" => Sub::Machine("exec", "PodExecOptions", STREAM),
        "ephemeralcontainers" => {
            Sub::Machine("ephemeralcontainers", "Pod", &["get", "patch", "update"])
        }
        "log" => Sub::Machine("log", "Pod", &["get"]),
        "portforward" => Sub::Machine("portforward", "PodPortForwardOptions", STREAM),
        "proxy" => {
            let options = match parent {
                "Node" => "NodeProxyOptions",
                "Service" => "ServiceProxyOptions",
                _ => "PodProxyOptions",
            };
            Sub::Machine("proxy", options, PROXY)
        }
        _ => return None,
    })
}
