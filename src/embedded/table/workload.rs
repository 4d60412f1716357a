//! What runs pods.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Kind,
    cells::{self, NONE, containers, labels, number, selector_cell},
};
use crate::object::{GroupKind, meta};

const POD_SPEC: &str = "/spec/template/spec";

pub(super) const DEPLOYMENT: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Ready", "string", false),
        ("Up-to-date", "string", false),
        ("Available", "string", false),
        ("Age", "string", false),
        ("Containers", "string", true),
        ("Images", "string", true),
        ("Selector", "string", true),
    ],
    row: deployment,
};

fn deployment(object: &Value, now: Timestamp) -> Vec<Value> {
    let [names, images] = containers(object, POD_SPEC);
    vec![
        cells::name(object),
        ready(object),
        json!(number(object, "/status/updatedReplicas")),
        json!(number(object, "/status/availableReplicas")),
        cells::age(object, now),
        names,
        images,
        json!(cells::selector(object.pointer("/spec/selector")).unwrap_or("<invalid>".to_owned())),
    ]
}

fn ready(object: &Value) -> Value {
    let ready = number(object, "/status/readyReplicas");
    json!(format!("{ready}/{}", number(object, "/spec/replicas")))
}

pub(super) const REPLICA_SET: Kind = Kind { columns: REPLICAS, row: replica_set };
pub(super) const REPLICATION_CONTROLLER: Kind =
    Kind { columns: REPLICAS, row: replication_controller };

const REPLICAS: &[(&str, &str, bool)] = &[
    ("Name", "string", false),
    ("Desired", "integer", false),
    ("Current", "integer", false),
    ("Ready", "integer", false),
    ("Age", "string", false),
    ("Containers", "string", true),
    ("Images", "string", true),
    ("Selector", "string", true),
];

fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
    replicas(object, now, selector_cell(object, "/spec/selector"))
}

fn replication_controller(object: &Value, now: Timestamp) -> Vec<Value> {
    replicas(object, now, labels(object.pointer("/spec/selector")))
}

fn replicas(object: &Value, now: Timestamp, selector: Value) -> Vec<Value> {
    let [names, images] = containers(object, POD_SPEC);
    vec![
        cells::name(object),
        json!(number(object, "/spec/replicas")),
        json!(number(object, "/status/replicas")),
        json!(number(object, "/status/readyReplicas")),
        cells::age(object, now),
        names,
        images,
        selector,
    ]
}

pub(super) const STATEFUL_SET: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Ready", "string", false),
        ("Age", "string", false),
        ("Containers", "string", true),
        ("Images", "string", true),
    ],
    row: stateful_set,
};

fn stateful_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let [names, images] = containers(object, POD_SPEC);
    vec![cells::name(object), ready(object), cells::age(object, now), names, images]
}

pub(super) const DAEMON_SET: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Desired", "integer", false),
        ("Current", "integer", false),
        ("Ready", "integer", false),
        ("Up-to-date", "integer", false),
        ("Available", "integer", false),
        ("Node Selector", "string", false),
        ("Age", "string", false),
        ("Containers", "string", true),
        ("Images", "string", true),
        ("Selector", "string", true),
    ],
    row: daemon_set,
};

fn daemon_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let [names, images] = containers(object, POD_SPEC);
    vec![
        cells::name(object),
        json!(number(object, "/status/desiredNumberScheduled")),
        json!(number(object, "/status/currentNumberScheduled")),
        json!(number(object, "/status/numberReady")),
        json!(number(object, "/status/updatedNumberScheduled")),
        json!(number(object, "/status/numberAvailable")),
        labels(object.pointer("/spec/template/spec/nodeSelector")),
        cells::age(object, now),
        names,
        images,
        selector_cell(object, "/spec/selector"),
    ]
}

pub(super) const POD_TEMPLATE: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Containers", "string", false),
        ("Images", "string", false),
        ("Pod Labels", "string", false),
    ],
    row: |object, _| {
        let [names, images] = containers(object, "/template/spec");
        vec![
            cells::name(object),
            names,
            images,
            labels(object.pointer("/template/metadata/labels")),
        ]
    },
};

pub(super) const REVISION: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Controller", "string", false),
        ("Revision", "string", false),
        ("Age", "string", false),
    ],
    row: |object, now| {
        let owner = meta::owners(object).into_iter().find(|owner| owner.controller);
        let controller = owner.map_or(NONE.to_owned(), |owner| {
            let kind = GroupKind::new(&owner.group, &owner.kind).to_string().to_lowercase();
            format!("{kind}/{}", owner.name)
        });
        let revision = json!(number(object, "/revision"));
        vec![cells::name(object), json!(controller), revision, cells::age(object, now)]
    },
};
