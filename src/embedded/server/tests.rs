use serde_json::json;

use super::*;
use crate::{
    embedded::request::DeleteOptions,
    object::{GroupKind, ObjectId},
};

#[tokio::test]
async fn it_does_not_listen_where_others_reach_it() {
    let options = Options { listen: "0.0.0.0:0".parse().unwrap(), ..Options::default() };
    let server = Server::new(options.clone()).unwrap();
    assert!(matches!(server.listen().await, Err(ServeError::Remote(_))));
    let server = Server::new(Options { allow_remote: true, ..options }).unwrap();
    assert!(server.listen().await.is_ok());
}

#[tokio::test]
async fn callers_in_the_process_write_and_hear_of_it() {
    let server = Server::new(Options::default()).unwrap();
    let mut changes = server.changes();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "default"}, "data": {"a": "1"}});
    let created = server.create("me", object).unwrap();
    let id = ObjectId::new("", "ConfigMap", "default", "a");
    let Some(Next::Change(change)) = changes.next().await else { panic!("no change") };
    assert_eq!((&change.id, change.old.is_none()), (&id, true));
    assert_eq!(server.get(&id), Some(created.clone()));
    assert_eq!(server.list(&GroupKind::new("", "ConfigMap"), Some("default")).len(), 1);
    let mut old = created.clone();
    old["data"]["a"] = json!("2");
    server.update("me", old.clone()).unwrap();
    assert_eq!(server.update("me", old).unwrap_err().reason, "Conflict");
    server.delete("me", &id, &DeleteOptions::default()).unwrap();
    assert_eq!(server.get(&id), None);
    let unknown = json!({"apiVersion": "v9", "kind": "Nothing"});
    assert_eq!(server.create("me", unknown).unwrap_err().code, 400);
}

#[test]
fn a_kubeconfig_carries_authority_and_token() {
    let server = Server::new(Options::default()).unwrap();
    let config: serde_json::Value = serde_json::from_str(&server.kubeconfig("viewer")).unwrap();
    assert_eq!(config["users"][0]["user"]["token"], server.token("viewer").unwrap());
    assert!(config["clusters"][0]["cluster"]["certificate-authority-data"].is_string());
    assert_ne!(server.token("viewer"), server.token("admin"));
}
