//! The answers that the embedded API server is measured by are those of a real one.
//!
//! tests/oracle/embedded.json holds requests, one a line, each with what a real API server made of
//! it. The embedded server's own tests read the file without a cluster; this one asks again. With
//! `UPDATE_EXPECT=1` it writes the answers down.

#[path = "../oracle/lasting.rs"]
mod shared;

use std::{env::var_os, fmt::Write, fs, path::Path};

use kube::{Client, client::Body};
use serde_json::{Value, json};

use crate::support::{ControlPlane, PlaneOptions};

const FILE: &str = "tests/oracle/embedded.json";
const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";

#[tokio::test]
async fn the_recorded_answers_are_those_of_a_real_server() {
    // Nothing runs that would change an object behind our back.
    let options =
        PlaneOptions { workloads: false, nodes: 0, audit: false, ..PlaneOptions::default() };
    let Some(plane) = ControlPlane::own(options) else { return };
    let client = plane.client().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = fs::read_to_string(&path).expect("the recorded answers are committed");
    let mut cases: Vec<Value> = serde_json::from_str(&text).expect("we wrote JSON");
    let mut differ = Vec::new();
    prepare(&client, "bed").await;
    for (index, case) in cases.iter_mut().enumerate() {
        let answer = match case.get("patch").cloned() {
            Some(patch) => change(&client, &case["object"], &patch, index).await,
            None => create(&client, &case["object"]).await,
        };
        if case["answer"] != answer {
            differ.push(format!("{}: {answer}", case["name"]));
        }
        case["answer"] = answer;
    }
    if var_os("UPDATE_EXPECT").is_some() {
        let mut lines = String::new();
        for case in &cases {
            let comma = if lines.is_empty() { "" } else { "," };
            write!(lines, "{comma}\n{case}").expect("a text takes everything");
        }
        fs::write(&path, format!("[{lines}\n]\n")).expect("the tree is writable");
        return;
    }
    assert!(differ.is_empty(), "{} answers differ:\n{}", differ.len(), differ.join("\n"));
}

/// A namespace whose service accounts mount nothing of random names.
async fn prepare(client: &Client, namespace: &str) {
    let object = json!({"metadata": {"name": namespace}});
    send(client, "POST", "/api/v1/namespaces", &object, "").await;
    for name in ["default", "sa", "old"] {
        let account = json!({"metadata": {"name": name}, "automountServiceAccountToken": false});
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        send(client, "POST", &path, &account, "").await;
    }
}

async fn create(client: &Client, object: &Value) -> Value {
    let path = format!("{}?dryRun=All", collection(object));
    let (code, answer) = send(client, "POST", &path, object, "").await;
    if code >= 300 {
        return refusal(code, &answer);
    }
    let (_, table) = send(client, "POST", &path, object, TABLE).await;
    let columns = table["columnDefinitions"].as_array().expect("a table has columns");
    let heads = columns.iter().map(|c| json!([c["name"], c["type"], c["format"], c["priority"]]));
    let cells = table["rows"][0]["cells"].as_array().expect("a row has cells").iter();
    // Ages differ from run to run.
    let cells = columns.iter().zip(cells).map(|(column, cell)| match column["name"].as_str() {
        Some("Age" | "Created At") => json!("<age>"),
        _ => json!(cell.as_str().map_or(cell.clone(), |text| masked(text).into())),
    });
    json!({
        "code": code, "object": lasting(&answer),
        "columns": heads.collect::<Vec<_>>(), "cells": cells.collect::<Vec<_>>(),
    })
}

async fn change(client: &Client, object: &Value, patch: &Value, index: usize) -> Value {
    let mut object = object.clone();
    let own = format!("bed-{index}");
    if object["metadata"]["namespace"] == "bed" {
        prepare(client, &own).await;
        object["metadata"]["namespace"] = json!(own);
    }
    let (code, old) = send(client, "POST", &collection(&object), &object, "").await;
    assert_eq!(code, 201, "{old}");
    let name = object["metadata"]["name"].as_str().expect("it has a name");
    let path = format!("{}/{name}?dryRun=All", collection(&object));
    let (code, new) = send(client, "PATCH", &path, patch, "").await;
    // Addresses and names of the cluster are free again for the next case.
    let now = json!({"gracePeriodSeconds": 0, "propagationPolicy": "Background"});
    let path = format!("{}/{name}", collection(&object));
    send(client, "DELETE", &path, &now, "").await;
    let uid = old["metadata"]["uid"].as_str().expect("it has a uid").to_owned();
    let home = |value: &Value| -> Value {
        let text = value.to_string().replace(&own, "bed").replace(&uid, "UID");
        serde_json::from_str(&text).expect("it was JSON")
    };
    let mut answer = if code >= 300 {
        refusal(code, &new)
    } else {
        json!({"code": code, "object": lasting(&new)})
    };
    answer["old"] = lasting(&old);
    home(&answer)
}

/// Causes in one order: the real server's is that of maps.
fn refusal(code: u16, status: &Value) -> Value {
    let causes = status["details"]["causes"].as_array().cloned().unwrap_or_default();
    let mut causes: Vec<Value> = causes
        .iter()
        .map(|cause| json!([cause["reason"], cause["field"], cause["message"]]))
        .collect();
    causes.sort_by_key(Value::to_string);
    json!({"code": code, "causes": causes})
}

/// The object without what differs from run to run, and with one uid.
fn lasting(object: &Value) -> Value {
    let uid = object["metadata"]["uid"].as_str().unwrap_or("none");
    let text = object.to_string().replace(uid, "UID");
    shared::lasting(&serde_json::from_str(&text).expect("it was JSON"))
}

/// A selector of a job names a uid that no answer tells.
fn masked(text: &str) -> String {
    match text.split_once("controller-uid=") {
        Some((head, _)) => format!("{head}controller-uid=UID"),
        None => text.to_owned(),
    }
}

fn collection(object: &Value) -> String {
    let version = object["apiVersion"].as_str().expect("it has a version");
    let kind = object["kind"].as_str().expect("it has a kind").to_lowercase();
    let plural = match kind.as_str() {
        "endpoints" => kind,
        kind if kind.ends_with("policy") => format!("{}ies", &kind[..kind.len() - 1]),
        kind if kind.ends_with('s') => format!("{kind}es"),
        kind => format!("{kind}s"),
    };
    let base = if version == "v1" { "/api/v1".into() } else { format!("/apis/{version}") };
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{base}/namespaces/{namespace}/{plural}"),
        None => format!("{base}/{plural}"),
    }
}

async fn send(
    client: &Client,
    method: &str,
    path: &str,
    body: &Value,
    accept: &str,
) -> (u16, Value) {
    let patch = "application/json-patch+json";
    let kind = if method == "PATCH" { patch } else { "application/json" };
    let accept = if accept.is_empty() { "application/json" } else { accept };
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", kind)
        .header("accept", accept)
        .body(Body::from(body.to_string().into_bytes()))
        .expect("the request is well formed");
    let response = client.send(request).await.expect("the server answers");
    let code = response.status().as_u16();
    let bytes = response.into_body().collect_bytes().await.expect("the answer is complete");
    (code, serde_json::from_slice(&bytes).expect("the answer is JSON"))
}
