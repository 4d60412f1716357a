use serde_json::json;

use super::*;

/// A field with bytes.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("short enough for one byte");
    assert!(length < 128);
    [&[number << 3 | 2, length], content].concat()
}

fn number(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let type_meta = [bytes(1, api_version.as_bytes()), bytes(2, kind.as_bytes())].concat();
    [MAGIC.to_vec(), bytes(1, &type_meta), bytes(2, raw), bytes(3, b""), bytes(4, b"")].concat()
}

#[test]
fn zeros_that_say_nothing_are_left_out_and_others_stay() {
    // As Go sends it: every field that is no pointer is there.
    let metadata =
        [bytes(1, b"web"), bytes(2, b""), bytes(3, b"home"), number(7, 0), bytes(8, b"")];
    let selector = bytes(1, &[bytes(1, b"app"), bytes(2, b"web")].concat());
    let spec = [number(1, 0), bytes(2, &selector), number(5, 0), number(7, 0), number(9, 30)];
    let raw = [bytes(1, &metadata.concat()), bytes(2, &spec.concat()), bytes(3, b"")].concat();
    let expected = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "home"},
        "spec": {
            "replicas": 0, "selector": {"matchLabels": {"app": "web"}},
            "progressDeadlineSeconds": 30,
        },
        "status": {},
    });
    assert_eq!(decode(&envelope("apps/v1", "Deployment", &raw)).unwrap(), expected);
}

#[test]
fn what_is_no_plain_message_looks_as_in_json() {
    let secret = bytes(2, &[bytes(1, b"password"), bytes(2, b"pa55")].concat());
    let secret = decode(&envelope("v1", "Secret", &secret)).unwrap();
    assert_eq!(secret["data"], json!({"password": "cGE1NQ=="}));

    // Ports: a number, a name, and none.
    let target = |content: &[u8]| bytes(1, &[bytes(1, b"p"), bytes(4, content)].concat());
    let by_number = target(&[number(1, 0), number(2, 80), bytes(3, b"")].concat());
    let by_name = target(&[number(1, 1), number(2, 0), bytes(3, b"http")].concat());
    let none = target(&[number(1, 0), number(2, 0), bytes(3, b"")].concat());
    let service = bytes(2, &[by_number, by_name, none].concat());
    let service = decode(&envelope("v1", "Service", &service)).unwrap();
    let expected = json!([
        {"name": "p", "targetPort": 80}, {"name": "p", "targetPort": "http"}, {"name": "p"},
    ]);
    assert_eq!(service["spec"]["ports"], expected);
}

#[test]
fn embedded_parts_have_no_name_and_times_their_form() {
    let claim = [bytes(1, b"data"), number(2, 0)].concat();
    // Field 10 of the source: a claim.
    let volume = [bytes(1, b"v"), bytes(2, &bytes(10, &claim))].concat();
    let deleted = bytes(1, &bytes(9, &number(1, 60)));
    let raw = [deleted, bytes(2, &bytes(1, &volume))].concat();
    let pod = decode(&envelope("v1", "Pod", &raw)).unwrap();
    assert_eq!(pod["metadata"], json!({"deletionTimestamp": "1970-01-01T00:01:00Z"}));
    let claim = json!({"claimName": "data"});
    assert_eq!(pod["spec"]["volumes"], json!([{"name": "v", "persistentVolumeClaim": claim}]));
}

#[test]
fn the_options_of_a_deletion_come_in_any_version() {
    let raw = [number(1, 0), bytes(4, b"Background")].concat();
    let options = decode(&envelope("apps/v1", "DeleteOptions", &raw)).unwrap();
    assert_eq!(options["gracePeriodSeconds"], 0);
    assert_eq!(options["propagationPolicy"], "Background");
}

#[test]
fn what_is_no_message_is_refused() {
    assert!(decode(b"{}").unwrap_err().contains("expected prefix [107 56 115 0]"));
    let unknown = decode(&envelope("v1", "Nothing", b"")).unwrap_err();
    assert_eq!(unknown, "no kind \"Nothing\" is registered for version \"v1\"");
    let whole = envelope("v1", "Secret", &bytes(1, &bytes(1, b"a")));
    for end in 0..whole.len() {
        // Whatever is cut off: an answer, not an end.
        let _ = decode(&whole[..end]);
    }
    assert!(decode(&whole[..whole.len() - 5]).is_err());
}
