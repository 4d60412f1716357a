//! Whether a pod may go to the node.

use serde_json::Value;

use crate::embedded::controllers::{
    read::{at, list, text},
    selector,
};

const CORDONED: &str = "node.kubernetes.io/unschedulable";

/// Why the node does not take the pod, in the scheduler's words.
pub(super) fn refusal(pod: &Value, node: Option<&Value>) -> Option<String> {
    let because = |why: &str| Some(format!("0/1 nodes are available: 1 node(s) {why}."));
    let Some(node) = node else {
        return Some("no nodes available to schedule pods".to_owned());
    };
    if at(node, "/spec/unschedulable") == true && !tolerates(pod, CORDONED, "", "NoSchedule") {
        return because("were unschedulable");
    }
    for taint in list(node, "/spec/taints") {
        let [key, value, effect] = ["/key", "/value", "/effect"].map(|field| text(taint, field));
        if effect != "PreferNoSchedule" && !tolerates(pod, key, value, effect) {
            return because(&format!("had untolerated taint(s) {{{key}: {value}}}"));
        }
    }
    if !selector::contains(selector::labels(node), at(pod, "/spec/nodeSelector")) {
        return because("didn't match Pod's node affinity/selector");
    }
    None
}

fn tolerates(pod: &Value, key: &str, value: &str, effect: &str) -> bool {
    list(pod, "/spec/tolerations").iter().any(|toleration| {
        let [known, operator] = ["/key", "/operator"].map(|field| text(toleration, field));
        let any_value = operator == "Exists";
        (known == key || known.is_empty() && any_value)
            && (any_value || text(toleration, "/value") == value)
            && matches!(text(toleration, "/effect"), own if own.is_empty() || own == effect)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cordoned_or_tainted_node_takes_who_tolerates_it() {
        let pod = |tolerations: Value| json!({"spec": {"tolerations": tolerations}});
        let plain = pod(json!([]));
        let cordoned = json!({"spec": {"unschedulable": true}});
        let why = refusal(&plain, Some(&cordoned)).unwrap();
        assert_eq!(why, "0/1 nodes are available: 1 node(s) were unschedulable.");
        let daemon = pod(json!([{"key": CORDONED, "operator": "Exists", "effect": "NoSchedule"}]));
        assert_eq!(refusal(&daemon, Some(&cordoned)), None);

        let taint = json!({"key": "disk", "value": "slow", "effect": "NoSchedule"});
        let tainted = json!({"spec": {"taints": [taint]}});
        assert!(refusal(&plain, Some(&tainted)).unwrap().contains("{disk: slow}"));
        for (toleration, fits) in [
            (json!({"key": "disk", "value": "slow"}), true),
            (json!({"key": "disk", "value": "fast"}), false),
            (json!({"key": "disk", "operator": "Exists", "effect": "NoExecute"}), false),
            (json!({"operator": "Exists"}), true),
        ] {
            let pod = pod(json!([toleration]));
            assert_eq!(refusal(&pod, Some(&tainted)).is_none(), fits, "{pod}");
        }
        let soft = json!({"spec": {"taints": [{"key": "a", "effect": "PreferNoSchedule"}]}});
        assert_eq!(refusal(&plain, Some(&soft)), None);
    }
}
