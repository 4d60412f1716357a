use serde_json::{Value, json};

use super::*;

fn now() -> Timestamp {
    "2026-01-01T01:00:00Z".parse().unwrap()
}

/// The row of an object of the kind that it says it is, an hour after it was made.
fn row_of(api_version: &str, kind: &str, mut object: Value) -> Vec<Value> {
    let gvk = GroupVersionKind::parse(api_version, kind);
    object["metadata"]["name"] = json!("web");
    object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    let row = row(&gvk, &object, now());
    assert_eq!(row.len(), columns(&gvk).len(), "{kind} has as many cells as columns");
    row
}

fn cells(api_version: &str, kind: &str, object: Value) -> Value {
    Value::from(row_of(api_version, kind, object))
}

#[test]
fn the_word_for_a_pod_comes_from_its_containers() {
    let main = |state: Value| json!({"name": "a", "state": state, "restartCount": 0});
    let ready = json!({"name": "a", "ready": true, "state": {"running": {}}, "restartCount": 0});
    let init = |state: Value| json!([{"name": "i", "state": state, "restartCount": 2}]);
    let table = [
        (json!({"phase": "Pending"}), "0/1", "Pending", "0"),
        (json!({"phase": "Running", "containerStatuses": [ready]}), "1/1", "Running", "0"),
        (
            json!({"phase": "Pending", "containerStatuses": [main(json!({"waiting": {"reason": "ContainerCreating"}}))]}),
            "0/1",
            "ContainerCreating",
            "0",
        ),
        (
            json!({"phase": "Running", "containerStatuses": [{
                "name": "a", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"finishedAt": "2026-01-01T00:58:00Z", "exitCode": 1}},
            }]}),
            "0/1",
            "CrashLoopBackOff",
            "4 (2m ago)",
        ),
        (
            json!({"phase": "Succeeded", "containerStatuses": [main(json!({"terminated": {"exitCode": 0, "reason": "Completed"}}))]}),
            "0/1",
            "Completed",
            "0",
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [main(json!({"terminated": {"exitCode": 3}}))]}),
            "0/1",
            "ExitCode:3",
            "0",
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [main(json!({"terminated": {"exitCode": 137, "signal": 9}}))]}),
            "0/1",
            "Signal:9",
            "0",
        ),
        (json!({"phase": "Failed", "reason": "Evicted"}), "0/1", "Evicted", "0"),
        (
            json!({"phase": "Pending", "initContainerStatuses": init(json!({"running": {}}))}),
            "0/1",
            "Init:0/1",
            "2",
        ),
        (
            json!({"phase": "Pending", "initContainerStatuses": init(json!({"terminated": {"exitCode": 1}}))}),
            "0/1",
            "Init:ExitCode:1",
            "2",
        ),
        (
            json!({"phase": "Pending", "initContainerStatuses": init(json!({"waiting": {"reason": "ErrImagePull"}}))}),
            "0/1",
            "Init:ErrImagePull",
            "2",
        ),
        (
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}),
            "0/1",
            "SchedulingGated",
            "0",
        ),
    ];
    for (status, ready, word, restarts) in table {
        let has_init = status.get("initContainerStatuses").is_some();
        let init = if has_init { json!([{"name": "i"}]) } else { json!([]) };
        let spec = json!({"containers": [{"name": "a"}], "initContainers": init});
        let row = row_of("v1", "Pod", json!({"spec": spec, "status": status}));
        assert_eq!(row[1..4], [json!(ready), json!(word), json!(restarts)], "{status}");
    }
}

#[test]
fn a_pod_with_a_deletion_timestamp_is_terminating_until_it_has_ended() {
    for (phase, word) in [("Running", "Terminating"), ("Succeeded", "Succeeded")] {
        let row = row_of(
            "v1",
            "Pod",
            json!({"metadata": {"deletionTimestamp": "2026-01-01T00:59:00Z"},
                "status": {"phase": phase}}),
        );
        assert_eq!(row[2], word);
    }
}

#[test]
fn wide_pods_show_where_they_are() {
    let pod = json!({
        "spec": {"nodeName": "embedded", "readinessGates": [{"conditionType": "lb"}]},
        "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}],
            "conditions": [{"type": "lb", "status": "True"}]},
    });
    let row = cells("v1", "Pod", pod);
    assert_eq!(
        row,
        json!(["web", "0/0", "Running", "0", "60m", "10.0.0.1", "embedded", "<none>", "1/1"])
    );
}

#[test]
fn workloads_show_what_is_wished_and_what_is() {
    let template = json!({"spec": {"containers": [
        {"name": "a", "image": "a:1"}, {"name": "b", "image": "b:2"},
    ], "nodeSelector": {"disk": "ssd"}}});
    let spec = json!({"replicas": 3, "template": template, "selector": {
        "matchLabels": {"z": "1"},
        "matchExpressions": [{"key": "a", "operator": "In", "values": ["y", "x"]},
            {"key": "m", "operator": "DoesNotExist"}],
    }});
    let selector = "a in (x,y),!m,z=1";
    let status = json!({"replicas": 3, "readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2,
        "desiredNumberScheduled": 5, "currentNumberScheduled": 4, "numberReady": 3,
        "updatedNumberScheduled": 2, "numberAvailable": 1});
    let object = json!({"spec": spec, "status": status});
    let table = [
        ("Deployment", json!(["web", "2/3", 1, 2, "60m", "a,b", "a:1,b:2", selector])),
        ("ReplicaSet", json!(["web", 3, 3, 2, "60m", "a,b", "a:1,b:2", selector])),
        ("StatefulSet", json!(["web", "2/3", "60m", "a,b", "a:1,b:2"])),
        ("DaemonSet", json!(["web", 5, 4, 3, 2, 1, "disk=ssd", "60m", "a,b", "a:1,b:2", selector])),
    ];
    for (kind, expected) in table {
        assert_eq!(cells("apps/v1", kind, object.clone()), expected, "{kind}");
    }
}

#[test]
fn jobs_tell_how_far_they_are() {
    let table = [
        (json!({}), json!({"completions": 2}), "Running", "0/2", ""),
        (
            json!({"succeeded": 1, "startTime": "2026-01-01T00:59:00Z"}),
            json!({"parallelism": 4}),
            "Running",
            "1/1 of 4",
            "60s",
        ),
        (
            json!({"succeeded": 1, "startTime": "2026-01-01T00:00:00Z",
                "completionTime": "2026-01-01T00:00:05Z",
                "conditions": [{"type": "Complete", "status": "True"}]}),
            json!({"completions": 1}),
            "Complete",
            "1/1",
            "5s",
        ),
        (
            json!({"conditions": [{"type": "Suspended", "status": "True"}]}),
            json!({}),
            "Suspended",
            "0/1",
            "",
        ),
    ];
    for (status, spec, word, completions, span) in table {
        let row = row_of("batch/v1", "Job", json!({"spec": spec, "status": status}));
        assert_eq!(row[1..4], [json!(word), json!(completions), json!(span)]);
    }
    let cron = json!({"spec": {"schedule": "* * * * *", "suspend": false},
        "status": {"active": [{}], "lastScheduleTime": "2026-01-01T00:59:30Z"}});
    let row = row_of("batch/v1", "CronJob", cron);
    assert_eq!(
        row[1..7],
        [json!("* * * * *"), json!("<none>"), json!("False"), json!(1), json!("30s"), json!("60m")]
    );
}

#[test]
fn services_show_their_addresses_and_ports() {
    let ports = json!([{"port": 80, "protocol": "TCP"}, {"port": 53, "nodePort": 30053, "protocol": "UDP"}]);
    let service = |kind: &str| json!({"type": kind, "clusterIPs": ["10.96.0.9"], "ports": ports});
    let balanced = json!({"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "h"}]}});
    let table = [
        (service("ClusterIP"), json!({}), "10.96.0.9", "<none>"),
        (service("LoadBalancer"), json!({}), "10.96.0.9", "<pending>"),
        (service("LoadBalancer"), balanced, "10.96.0.9", "1.2.3.4,h"),
        (
            json!({"type": "ExternalName", "externalName": "x.org", "ports": ports}),
            json!({}),
            "<none>",
            "x.org",
        ),
    ];
    for (spec, status, ip, external) in table {
        let row = row_of("v1", "Service", json!({"spec": spec, "status": status}));
        assert_eq!(row[2..5], [json!(ip), json!(external), json!("80/TCP,53:30053/UDP")]);
    }
}

#[test]
fn long_lists_of_addresses_are_cut() {
    let addresses: Vec<Value> = (1..6).map(|n| json!({"ip": format!("10.0.0.{n}")})).collect();
    let endpoints = json!({"subsets": [{"addresses": addresses, "ports": [{"port": 80}]}]});
    assert_eq!(
        row_of("v1", "Endpoints", endpoints)[1],
        "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more..."
    );
    assert_eq!(row_of("v1", "Endpoints", json!({}))[1], "<none>");
    let slice = json!({"addressType": "IPv4", "ports": [{"port": 80}, {"name": "all"}, {}],
        "endpoints": [{"addresses": ["10.0.0.1"]}]});
    let row = row_of("discovery.k8s.io/v1", "EndpointSlice", slice);
    assert_eq!(row[1..4], [json!("IPv4"), json!("80,all,*"), json!("10.0.0.1")]);
    let row = row_of("discovery.k8s.io/v1", "EndpointSlice", json!({}));
    assert_eq!(row[2..4], [json!("<unset>"), json!("<unset>")]);
}

#[test]
fn ingresses_show_their_hosts() {
    let rules = |count: usize| -> Value {
        (0..count).map(|n| json!({"host": format!("h{n}")})).collect::<Vec<_>>().into()
    };
    let table = [
        (json!([]), json!([]), "*", "80"),
        (rules(2), json!([{}]), "h0,h1", "80, 443"),
        (rules(5), json!([]), "h0,h1,h2 + 2 more...", "80"),
    ];
    for (rules, tls, hosts, ports) in table {
        let spec = json!({"rules": rules, "tls": tls, "ingressClassName": "nginx"});
        let row = row_of("networking.k8s.io/v1", "Ingress", json!({"spec": spec}));
        assert_eq!(row[1..5], [json!("nginx"), json!(hosts), json!(""), json!(ports)]);
    }
}

#[test]
fn claims_show_a_capacity_once_they_have_a_volume() {
    let bound = json!({"spec": {"volumeName": "pv", "storageClassName": "fast", "volumeMode": "Filesystem"},
        "status": {"phase": "Bound", "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany", "ReadWriteOnce"]}});
    assert_eq!(
        cells("v1", "PersistentVolumeClaim", bound),
        json!(["web", "Bound", "pv", "1Gi", "RWO,RWX", "fast", "<unset>", "60m", "Filesystem"])
    );
    let pending = json!({"spec": {}, "status": {"phase": "Pending"}});
    assert_eq!(
        cells("v1", "PersistentVolumeClaim", pending),
        json!(["web", "Pending", "", "", "", "", "<unset>", "60m", "<unset>"])
    );
    let class = json!({"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "none"});
    assert_eq!(
        cells("storage.k8s.io/v1", "StorageClass", class),
        json!(["web (default)", "none", "Delete", "Immediate", false, "60m"])
    );
}

#[test]
fn autoscalers_show_what_they_measure() {
    let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}});
    let pods = json!({"type": "Pods", "pods": {"target": {"averageValue": "10"}}});
    let external = json!({"type": "External", "external": {"target": {"averageValue": "5"}}});
    let now = json!([{"resource": {"current": {"averageUtilization": 42}}}]);
    let table = [
        (json!([cpu]), json!(null), "cpu: <unknown>/80%"),
        (json!([cpu]), now.clone(), "cpu: 42%/80%"),
        (json!([cpu, external]), now.clone(), "cpu: 42%/80%, <unknown>/5 (avg)"),
        (json!([cpu, pods, external]), now, "cpu: 42%/80%, <unknown>/10 + 1 more..."),
        (json!([]), json!(null), "<none>"),
    ];
    for (metrics, current, expected) in table {
        let spec = json!({"metrics": metrics, "minReplicas": 1, "maxReplicas": 5,
            "scaleTargetRef": {"kind": "Deployment", "name": "web"}});
        let object =
            json!({"spec": spec, "status": {"currentMetrics": current, "currentReplicas": 2}});
        assert_eq!(
            cells("autoscaling/v2", "HorizontalPodAutoscaler", object),
            json!(["web", "Deployment/web", expected, "1", 5, 2, "60m"])
        );
    }
}

#[test]
fn nodes_events_and_bindings_have_their_columns() {
    let node = json!({
        "metadata": {"labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "edge"}},
        "spec": {"unschedulable": true},
        "status": {"conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": "v1", "kernelVersion": "6", "architecture": "arm64"},
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]},
    });
    assert_eq!(
        cells("v1", "Node", node),
        json!([
            "web",
            "Ready,SchedulingDisabled",
            "edge,worker",
            "60m",
            "v1",
            "10.0.0.1",
            "<none>",
            "<unknown>",
            "6 (arm64)",
            "<unknown>"
        ])
    );
    let event = json!({"type": "Normal", "reason": "Made", "message": " a pod \n", "count": 3,
        "involvedObject": {"kind": "ReplicaSet", "name": "web-1"}, "reportingComponent": "rs",
        "firstTimestamp": "2026-01-01T00:50:00Z", "lastTimestamp": "2026-01-01T00:59:00Z"});
    assert_eq!(
        cells("v1", "Event", event),
        json!(["60s", "Normal", "Made", "replicaset/web-1", "", "rs", "a pod", "10m", 3, "web"])
    );
    let binding = json!({"roleRef": {"kind": "Role", "name": "r"}, "subjects": [
        {"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "namespace": "n", "name": "s"}]});
    assert_eq!(
        cells("rbac.authorization.k8s.io/v1", "RoleBinding", binding),
        json!(["web", "Role/r", "60m", "u", "", "n/s"])
    );
}

#[test]
fn small_kinds_have_small_rows() {
    let table = [
        (
            "v1",
            "ConfigMap",
            json!({"data": {"a": "1"}, "binaryData": {"b": "Mg=="}}),
            json!(["web", 2, "60m"]),
        ),
        (
            "v1",
            "Secret",
            json!({"type": "Opaque", "data": {"a": ""}}),
            json!(["web", "Opaque", 1, "60m"]),
        ),
        ("v1", "ServiceAccount", json!({}), json!(["web", "60m"])),
        (
            "v1",
            "Namespace",
            json!({"status": {"phase": "Active"}}),
            json!(["web", "Active", "60m"]),
        ),
        (
            "policy/v1",
            "PodDisruptionBudget",
            json!({"spec": {"minAvailable": "50%"}}),
            json!(["web", "50%", "N/A", 0, "60m"]),
        ),
        (
            "coordination.k8s.io/v1",
            "Lease",
            json!({"spec": {"holderIdentity": "h"}}),
            json!(["web", "h", "60m"]),
        ),
        (
            "scheduling.k8s.io/v1",
            "PriorityClass",
            json!({"value": 7, "preemptionPolicy": "Never"}),
            json!(["web", 7, false, "60m", "Never"]),
        ),
        (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"spec": {"podSelector": {}}}),
            json!(["web", "<none>", "60m"]),
        ),
        ("rbac.authorization.k8s.io/v1", "Role", json!({}), json!(["web", "2026-01-01T00:00:00Z"])),
        (
            "v1",
            "ResourceQuota",
            json!({"status": {"hard": {"pods": "3", "limits.cpu": "2"}, "used": {"pods": "1"}}}),
            json!(["web", "pods: 1/3", "limits.cpu: 0/2", "60m"]),
        ),
    ];
    for (api_version, kind, object, expected) in table {
        assert_eq!(cells(api_version, kind, object), expected, "{kind}");
    }
}

#[test]
fn the_name_is_the_column_that_identifies_the_object() {
    let columns = columns(&GroupVersionKind::parse("v1", "Pod"));
    assert_eq!(
        serde_json::to_value(&columns[0]).unwrap(),
        json!({"name": "Name", "type": "string", "format": "name", "priority": 0,
            "description": "Name of the object, unique within its namespace."})
    );
    assert_eq!(columns.iter().filter(|column| column.priority == 1).count(), 4);
}

#[test]
fn finished_pods_are_marked() {
    let gvk = GroupVersionKind::parse("v1", "Pod");
    let done = json!({"status": {"phase": "Succeeded"}});
    let conditions = row_conditions(&gvk, &done).unwrap();
    assert_eq!(conditions[0]["type"], "Completed");
    assert_eq!(row_conditions(&gvk, &json!({"status": {"phase": "Running"}})), None);
}
