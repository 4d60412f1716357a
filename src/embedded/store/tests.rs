use serde_json::json;

use super::*;

fn kind() -> GroupKind {
    GroupKind::new("", "Thing")
}

fn store() -> Store {
    let store = Store::new();
    store.open(&kind());
    store
}

fn write(store: &Store, name: &str) -> Arc<Record> {
    let key = Key::new("", name);
    let object = json!({"metadata": {"name": name}});
    match store.get(&kind(), &key) {
        None => store.create(&kind(), key, object, Marks::default()),
        Some(old) => store.replace(&kind(), key, old.revision, object, Marks::default()),
    }
    .unwrap()
}

#[test]
fn each_write_has_a_revision_of_its_own() {
    let store = store();
    let (one, two) = (write(&store, "a"), write(&store, "b"));
    assert!(two.revision > one.revision);
    assert_eq!(one.object()["metadata"]["resourceVersion"], one.revision.to_string());
    let key = Key::new("", "a");
    let stale = store.replace(&kind(), key.clone(), 1, json!({}), Marks::default());
    assert_eq!(stale.unwrap_err(), Refusal::Stale);
    let twice = store.create(&kind(), key, json!({}), Marks::default());
    assert_eq!(twice.unwrap_err(), Refusal::Exists);
}

#[test]
fn an_older_state_can_be_listed_while_it_is_remembered() {
    let store = store();
    let then = write(&store, "a").revision;
    write(&store, "b");
    write(&store, "a");
    let gone = Key::new("", "a");
    let now = store.get(&kind(), &gone).unwrap().revision;
    store.remove(&kind(), &gone, now, json!({}), Marks::default()).unwrap();
    let names = |at| -> Vec<String> {
        let listed = store.list(&kind(), None, None, at).unwrap();
        listed
            .items
            .iter()
            .map(|(key, record)| format!("{} {}", key.name, record.revision))
            .collect()
    };
    assert_eq!(names(Some(then)), [format!("a {then}")]);
    assert_eq!(names(None).len(), 1);
    for _ in 0..5000 {
        write(&store, "c");
    }
    let forgotten = store.list(&kind(), None, None, Some(then));
    assert!(matches!(forgotten, Err(Refusal::Expired { .. })));
}

#[tokio::test]
async fn a_cursor_reads_what_happened_behind_it() {
    let store = store();
    let then = write(&store, "a").revision;
    let mut cursor = store.cursor(&kind(), then).unwrap();
    assert!(store.read(&mut cursor, 10).unwrap().events.is_empty());
    write(&store, "b");
    assert!(cursor.changed().await);
    let progress = store.read(&mut cursor, 10).unwrap();
    assert_eq!(progress.events.len(), 1);
    assert_eq!(progress.revision, store.revision());
    store.close(&kind());
    store.open(&kind());
    assert!(store.read(&mut cursor, 10).is_err(), "the kind came back as another");
    assert!(!cursor.changed().await);
}
