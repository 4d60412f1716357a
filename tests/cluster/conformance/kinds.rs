//! Short names of kinds in the cases.

/// Short name, base path, plural, kind, and whether its objects are in namespaces.
#[rustfmt::skip]
const KINDS: &[(&str, &str, &str, &str, bool)] = &[
    ("cm", "v1", "configmaps", "ConfigMap", true),
    ("secret", "v1", "secrets", "Secret", true),
    ("svc", "v1", "services", "Service", true),
    ("pod", "v1", "pods", "Pod", true),
    ("sa", "v1", "serviceaccounts", "ServiceAccount", true),
    ("pvc", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true),
    ("ep", "v1", "endpoints", "Endpoints", true),
    ("quota", "v1", "resourcequotas", "ResourceQuota", true),
    ("limits", "v1", "limitranges", "LimitRange", true),
    ("rc", "v1", "replicationcontrollers", "ReplicationController", true),
    ("event", "v1", "events", "Event", true),
    ("template", "v1", "podtemplates", "PodTemplate", true),
    ("deploy", "apps/v1", "deployments", "Deployment", true),
    ("rs", "apps/v1", "replicasets", "ReplicaSet", true),
    ("sts", "apps/v1", "statefulsets", "StatefulSet", true),
    ("ds", "apps/v1", "daemonsets", "DaemonSet", true),
    ("revision", "apps/v1", "controllerrevisions", "ControllerRevision", true),
    ("job", "batch/v1", "jobs", "Job", true),
    ("cj", "batch/v1", "cronjobs", "CronJob", true),
    ("hpa", "autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true),
    ("lease", "coordination.k8s.io/v1", "leases", "Lease", true),
    ("slice", "discovery.k8s.io/v1", "endpointslices", "EndpointSlice", true),
    ("ing", "networking.k8s.io/v1", "ingresses", "Ingress", true),
    ("netpol", "networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", true),
    ("pdb", "policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", true),
    ("role", "rbac.authorization.k8s.io/v1", "roles", "Role", true),
    ("rb", "rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding", true),
    ("ns", "v1", "namespaces", "Namespace", false),
    ("node", "v1", "nodes", "Node", false),
    ("pv", "v1", "persistentvolumes", "PersistentVolume", false),
    ("sc", "storage.k8s.io/v1", "storageclasses", "StorageClass", false),
    ("pc", "scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", false),
    ("ic", "networking.k8s.io/v1", "ingressclasses", "IngressClass", false),
    ("cr", "rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", false),
    ("crb", "rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", false),
    ("crd", "apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", false),
    ("vwc", "admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", false),
    // Defined in prepare.txt.
    ("gadget", "conform.test/v1", "gadgets", "Gadget", true),
    ("gadgetb", "conform.test/v1beta1", "gadgets", "Gadget", true),
    ("widget", "conform.test/v1", "widgets", "Widget", true),
    ("loose", "conform.test/v1", "looses", "Loose", true),
];

/// What a path of a case names.
pub(super) struct Place {
    /// Path of the collection, of the object, or below it.
    pub path: String,
    /// Of the collection.
    pub collection: String,
    pub api_version: &'static str,
    pub kind: &'static str,
    /// Empty for a collection.
    pub name: String,
}

/// Reads `deploy/web/scale` and the like; `None` for a word that is no short name.
pub(super) fn place(text: &str, namespace: &str) -> Option<Place> {
    let (short, rest) = text.split_once('/').unwrap_or((text, ""));
    let (_, version, plural, kind, namespaced) = KINDS.iter().find(|line| line.0 == short)?;
    let root = if *version == "v1" { "/api".to_owned() } else { "/apis".to_owned() };
    let within = if *namespaced { format!("/namespaces/{namespace}") } else { String::new() };
    let collection = format!("{root}/{version}{within}/{plural}");
    let path = if rest.is_empty() { collection.clone() } else { format!("{collection}/{rest}") };
    let name = rest.split('/').next().unwrap_or_default().to_owned();
    Some(Place { path, collection, api_version: version, kind, name })
}
