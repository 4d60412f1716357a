//! The order of kinds in a sync.
//!
//! Rule: Argo CD's kind order (`gitops-engine/pkg/sync/sync_tasks.go`). What others lean on comes
//! first: namespaces and the limits inside them, identities, configuration, storage, definitions,
//! permissions, then what runs, then what sends traffic to it.

use super::GroupKind;

/// Kinds with a place of their own, first applied first.
const KINDS: [&str; 35] = [
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
];

/// The rank of every kind that has no place of its own: after all that have one.
pub const RANK_OTHER: u16 = 35;

/// The place of a kind in a sync, lower first; kinds without a place share [`RANK_OTHER`].
///
/// Only the name counts, as in Argo CD: a `NetworkPolicy` of another group guards traffic like the
/// built-in one, and what depends on a definition is held back by that dependency, not by rank.
pub fn kind_rank(kind: &GroupKind) -> u16 {
    (0..)
        .zip(KINDS)
        .find_map(|(rank, name)| (name == kind.kind).then_some(rank))
        .unwrap_or(RANK_OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(group: &str, kind: &str) -> u16 {
        kind_rank(&GroupKind::new(group, kind))
    }

    #[test]
    fn kinds_come_in_argo_cds_order() {
        // Written down a second time from the reference, so that a slip in one list shows.
        let order = "Namespace, NetworkPolicy, ResourceQuota, LimitRange, PodSecurityPolicy, \
             PodDisruptionBudget, ServiceAccount, Secret, SecretList, ConfigMap, StorageClass, \
             PersistentVolume, PersistentVolumeClaim, CustomResourceDefinition, ClusterRole, \
             ClusterRoleList, ClusterRoleBinding, ClusterRoleBindingList, Role, RoleList, \
             RoleBinding, RoleBindingList, Service, DaemonSet, Pod, ReplicationController, \
             ReplicaSet, Deployment, HorizontalPodAutoscaler, StatefulSet, Job, CronJob, \
             IngressClass, Ingress, APIService";
        for (place, kind) in (0_u16..).zip(order.split(", ")) {
            assert_eq!(rank("", kind), place, "{kind}");
        }
    }

    #[test]
    fn every_other_kind_comes_last_and_together() {
        assert_eq!(usize::from(RANK_OTHER), KINDS.len());
        for (group, kind) in
            [("argoproj.io", "Rollout"), ("", "Endpoints"), ("", ""), ("", "service")]
        {
            assert_eq!(rank(group, kind), RANK_OTHER, "{kind}");
        }
        assert!(rank("apiregistration.k8s.io", "APIService") < RANK_OTHER);
    }

    #[test]
    fn the_group_does_not_count() {
        assert_eq!(rank("extensions", "Ingress"), rank("networking.k8s.io", "Ingress"));
        assert_eq!(rank("crd.projectcalico.org", "NetworkPolicy"), 1);
    }
}
