//! Services: which pods stand behind them, as EndpointSlices and Endpoints; and the address of a
//! load balancer that does not exist.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Action, pods,
    read::{at, controller_reference, count, created, list, set_label, stamp, text, truth},
    selector,
};
use crate::object::{ObjectId, meta};

/// Most endpoints of one slice.
const SLICE_MAX: usize = 100;
/// What every load balancer is given: an address for documentation, which nothing routes.
const ADDRESS: &str = "192.0.2.10";
/// `pending` keeps a load balancer without an address.
const BEHAVIOUR: &str = "test.steadfast.dev/service";
const SERVICE_LABEL: &str = "kubernetes.io/service-name";
const MANAGED_LABEL: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";
const TRIGGER: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// True for a slice that this controller keeps for the Service.
fn is_own(service: &Value, slice: &Value) -> bool {
    meta::label(slice, SERVICE_LABEL) == Some(meta::name(service))
        && meta::label(slice, MANAGED_LABEL) == Some(MANAGER)
}

/// What is to be done about a Service. `found` are the pods and `slices` the EndpointSlices of its
/// namespace, `endpoints` the object of its name.
pub(super) fn reconcile(
    service: &Value,
    found: &[Value],
    slices: &[Value],
    endpoints: Option<&Value>,
    now: Timestamp,
) -> Vec<Action> {
    if meta::is_terminating(service) {
        return Vec::new();
    }
    let mut actions: Vec<Action> = balance(service).into_iter().collect();
    let wanted = at(service, "/spec/selector");
    let selects = wanted.as_object().is_some_and(|wanted| !wanted.is_empty());
    if !selects || text(service, "/spec/type") == "ExternalName" {
        return actions;
    }
    let mut behind: Vec<&Value> = found
        .iter()
        .filter(|pod| selector::contains(selector::labels(pod), wanted))
        .filter(|pod| !text(pod, "/status/podIP").is_empty() && !pods::is_finished(pod))
        .collect();
    behind.sort_by_key(|pod| (created(pod), meta::name(pod).to_owned()));
    let ports = ports(service, behind.first().copied());
    let own: Vec<&Value> = slices.iter().filter(|slice| is_own(service, slice)).collect();
    actions.extend(slice(service, &behind, &ports, &own, now));
    actions.extend(legacy(service, &behind, &ports, endpoints, now));
    actions
}

/// What is to be done after a Service of this name went away: slices have it as their owner,
/// Endpoints have not.
pub(super) fn forget(endpoints: Option<&Value>) -> Vec<Action> {
    let managed = "endpoints.kubernetes.io/managed-by";
    let own = endpoints.filter(|object| meta::label(object, managed).is_some());
    own.and_then(Action::delete).into_iter().collect()
}

fn balance(service: &Value) -> Option<Action> {
    let pending = meta::annotation(service, BEHAVIOUR) == Some("pending");
    let wanted = text(service, "/spec/type") == "LoadBalancer" && !pending;
    if !wanted || !list(service, "/status/loadBalancer/ingress").is_empty() {
        return None;
    }
    let mut service = service.clone();
    service["status"]["loadBalancer"] = json!({"ingress": [{"ip": ADDRESS, "ipMode": "VIP"}]});
    Some(Action::UpdateStatus(service))
}

/// The ports behind those of the Service. A name is resolved in the containers of a pod.
fn ports(service: &Value, pod: Option<&Value>) -> Vec<Value> {
    let named = |name: &str| {
        let containers = list(pod?, "/spec/containers").iter();
        let mut ports = containers.flat_map(|container| list(container, "/ports"));
        let port = ports.find(|port| text(port, "/name") == name)?;
        port.get("containerPort")?.as_i64()
    };
    let resolve = |port: &Value| {
        let target = at(port, "/targetPort");
        let number = match target.as_str() {
            Some(name) => named(name)?,
            None => target.as_i64().filter(|number| *number > 0).unwrap_or(count(port, "/port")),
        };
        let protocol = match text(port, "/protocol") {
            "" => "TCP",
            protocol => protocol,
        };
        let mut made = json!({"name": text(port, "/name"), "port": number, "protocol": protocol});
        if let Some(application) = port.get("appProtocol") {
            made["appProtocol"] = application.clone();
        }
        Some(made)
    };
    list(service, "/spec/ports").iter().filter_map(resolve).collect()
}

fn reference(pod: &Value) -> Value {
    json!({
        "kind": "Pod", "name": meta::name(pod), "namespace": meta::namespace(pod),
        "uid": meta::uid(pod),
    })
}

fn endpoint(service: &Value, pod: &Value) -> Value {
    let terminating = meta::is_terminating(pod);
    let serving = pods::is_ready(pod);
    let anyway = truth(service, "/spec/publishNotReadyAddresses");
    let ready = anyway || (serving && !terminating);
    let mut endpoint = json!({
        "addresses": [text(pod, "/status/podIP")],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "nodeName": text(pod, "/spec/nodeName"),
        "targetRef": reference(pod),
    });
    let subdomain = text(pod, "/spec/subdomain");
    if !subdomain.is_empty() && subdomain == meta::name(service) {
        endpoint["hostname"] = at(pod, "/spec/hostname").clone();
    }
    endpoint
}

fn slice(
    service: &Value,
    behind: &[&Value],
    ports: &[Value],
    own: &[&Value],
    now: Timestamp,
) -> Vec<Action> {
    let endpoints: Vec<Value> = behind.iter().map(|pod| endpoint(service, pod)).collect();
    let ports = if behind.is_empty() { Value::Null } else { json!(ports) };
    let mut chunks: Vec<&[Value]> = endpoints.chunks(SLICE_MAX).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    let mut sorted = own.to_vec();
    sorted.sort_by_key(|slice| (created(slice), meta::name(slice).to_owned()));
    let mut actions = Vec::new();
    for (place, chunk) in chunks.iter().enumerate() {
        let Some(known) = sorted.get(place) else {
            let object = made(service, chunk, &ports, now);
            actions.push(Action::create(object));
            continue;
        };
        let same = list(known, "/endpoints") == *chunk
            && *known.get("ports").unwrap_or(&Value::Null) == ports;
        if !same {
            let mut object = (*known).clone();
            object["endpoints"] = json!(chunk);
            object["ports"] = ports.clone();
            meta::set_annotation(&mut object, TRIGGER, &stamp(now));
            actions.push(Action::Update(object));
        }
    }
    let surplus = sorted.iter().skip(chunks.len());
    actions.extend(surplus.filter_map(|slice| Action::delete(slice)));
    actions
}

fn made(service: &Value, endpoints: &[Value], ports: &Value, now: Timestamp) -> Value {
    let name = meta::name(service);
    let mut object = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "generateName": format!("{name}-"), "namespace": meta::namespace(service),
            "labels": {}, "annotations": {TRIGGER: stamp(now)},
            "ownerReferences": [controller_reference(service)],
        },
        "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
    });
    copy_labels(service, &mut object);
    set_label(&mut object, SERVICE_LABEL, name);
    set_label(&mut object, MANAGED_LABEL, MANAGER);
    object
}

fn copy_labels(service: &Value, object: &mut Value) {
    for (key, value) in selector::labels(service).as_object().into_iter().flatten() {
        set_label(object, key, value.as_str().unwrap_or_default());
    }
    if text(service, "/spec/clusterIP") == "None" {
        set_label(object, "service.kubernetes.io/headless", "");
    }
}

/// The older form, which some clients still read.
fn legacy(
    service: &Value,
    behind: &[&Value],
    ports: &[Value],
    known: Option<&Value>,
    now: Timestamp,
) -> Option<Action> {
    let address = |pod: &&Value| {
        json!({
            "ip": text(pod, "/status/podIP"), "nodeName": text(pod, "/spec/nodeName"),
            "targetRef": reference(pod),
        })
    };
    let anyway = truth(service, "/spec/publishNotReadyAddresses");
    let live = behind.iter().copied().filter(|pod| !meta::is_terminating(pod));
    let (ready, unready): (Vec<&Value>, Vec<&Value>) =
        live.partition(|pod| anyway || pods::is_ready(pod));
    let mut subset = Map::new();
    for (key, pods) in [("addresses", &ready), ("notReadyAddresses", &unready)] {
        if !pods.is_empty() {
            subset.insert(key.to_owned(), pods.iter().map(address).collect());
        }
    }
    let subsets = if subset.is_empty() {
        Vec::new()
    } else {
        let unnamed = |port: &Value| {
            let mut port = port.clone();
            if text(&port, "/name").is_empty() {
                port.as_object_mut().map(|port| port.remove("name"));
            }
            port
        };
        subset.insert("ports".to_owned(), ports.iter().map(unnamed).collect());
        vec![Value::Object(subset)]
    };
    if known.is_some_and(|known| list(known, "/subsets") == subsets) {
        return None;
    }
    let mut object = known.cloned().unwrap_or_else(|| {
        let (name, namespace) = (meta::name(service), meta::namespace(service));
        let metadata = json!({"name": name, "namespace": namespace});
        json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata})
    });
    copy_labels(service, &mut object);
    set_label(&mut object, "endpoints.kubernetes.io/managed-by", "endpoint-controller");
    meta::set_annotation(&mut object, TRIGGER, &stamp(now));
    object["subsets"] = Value::from(subsets);
    Some(if known.is_some() { Action::Update(object) } else { Action::create(object) })
}

/// The Endpoints of a Service.
pub(super) fn endpoints_of(service: &ObjectId) -> ObjectId {
    ObjectId::new("", "Endpoints", &service.namespace, &service.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::controllers::testing::{at_second, pod_of};

    fn service() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop", "uid": "s", "labels": {"team": "a"}},
            "spec": {
                "type": "ClusterIP", "selector": {"app": "web"},
                "ports": [{"port": 80, "targetPort": "http"}, {"name": "m", "port": 90}],
            },
        })
    }

    fn pod(name: &str, ready: bool) -> Value {
        let owner = json!({"spec": {"template": {"metadata": {"labels": {"app": "web"}}}}});
        let mut pod = pod_of(&owner, name, 0, ready);
        pod["spec"]["containers"] =
            json!([{"name": "web", "ports": [{"name": "http", "containerPort": 8080}]}]);
        pod["status"]["podIP"] = json!(format!("10.0.0.{}", name.len()));
        pod
    }

    #[test]
    fn a_service_gets_a_slice_and_endpoints_of_its_pods() {
        let pods = [pod("a", true), pod("bb", false)];
        let actions = reconcile(&service(), &pods, &[], None, at_second(1));
        let [Action::Create { object: slice, .. }, Action::Create { object: endpoints, .. }] =
            actions.as_slice()
        else {
            panic!("{actions:?}")
        };
        assert_eq!(slice["endpoints"][0]["conditions"]["ready"], true);
        assert_eq!(slice["endpoints"][1]["conditions"]["ready"], false);
        assert_eq!(slice["ports"][0]["port"], 8080);
        assert_eq!(slice["ports"][1]["port"], 90);
        assert_eq!(slice["metadata"]["labels"][SERVICE_LABEL], "web");
        assert_eq!(slice["metadata"]["labels"]["team"], "a");
        assert_eq!(endpoints["subsets"][0]["addresses"][0]["ip"], "10.0.0.1");
        assert_eq!(endpoints["subsets"][0]["notReadyAddresses"][0]["ip"], "10.0.0.2");
        let again = reconcile(
            &service(),
            &pods,
            std::slice::from_ref(slice),
            Some(endpoints),
            at_second(2),
        );
        assert_eq!(again, []);
        let fewer =
            reconcile(&service(), &[], std::slice::from_ref(slice), Some(endpoints), at_second(2));
        assert!(matches!(fewer.as_slice(), [Action::Update(_), Action::Update(_)]), "{fewer:?}");
    }

    #[test]
    fn more_than_a_hundred_pods_need_a_second_slice() {
        let pods: Vec<Value> = (0..150).map(|n| pod(&format!("p{n}"), true)).collect();
        let actions = reconcile(&service(), &pods, &[], None, at_second(1));
        let sizes: Vec<usize> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Create { object, .. } => Some(list(object, "/endpoints").len()),
                _ => None,
            })
            .collect();
        assert_eq!(sizes, [100, 50, 0]);
    }

    #[test]
    fn a_load_balancer_gets_an_address_unless_it_shall_not() {
        let mut balancer = service();
        balancer["spec"]["type"] = json!("LoadBalancer");
        balancer["spec"]["selector"] = json!({});
        let actions = reconcile(&balancer, &[], &[], None, at_second(1));
        let [Action::UpdateStatus(given)] = actions.as_slice() else { panic!("{actions:?}") };
        assert_eq!(given["status"]["loadBalancer"]["ingress"][0]["ip"], ADDRESS);
        assert_eq!(reconcile(given, &[], &[], None, at_second(1)), []);
        meta::set_annotation(&mut balancer, BEHAVIOUR, "pending");
        assert_eq!(reconcile(&balancer, &[], &[], None, at_second(1)), []);
    }
}
