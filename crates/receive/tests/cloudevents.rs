//! CloudEvents in the three modes, deployments among them, and what is no CloudEvent.

use model::{ChangeKind, Signal, Timestamp};
use proptest::prelude::*;
use receive::cloudevents::receive;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_252_200_000);
const STRUCTURED: Option<&str> = Some("application/cloudevents+json; charset=utf-8");
const BATCHED: Option<&str> = Some("application/cloudevents-batch+json");

fn structured(event: &Value) -> Result<Signal, receive::Malformed> {
    receive(STRUCTURED, [], event.to_string().as_bytes(), NOW).map(|mut signals| signals.remove(0))
}

fn event(signal: Signal) -> model::Event {
    match signal {
        Signal::Event(event) => event,
        other => panic!("not an event: {other:?}"),
    }
}

#[test]
fn a_structured_event_is_taken_as_it_is() {
    let got = event(
        structured(&json!({
            "specversion": "1.0", "id": "1", "source": "/host", "type": "dev.homeostat.process.exited",
            "time": "2026-11-21T09:30:00.5+01:00", "data": {"service": "checkout", "exit_code": 134}
        }))
        .unwrap(),
    );
    assert_eq!((got.service.as_str(), got.kind.as_str()), ("checkout", "dev.homeostat.process.exited"));
    assert_eq!(got.at.to_string(), "2026-11-21T08:30:00.500Z");
    assert_eq!(got.data["exit_code"], 134);
}

#[test]
fn binary_mode_reads_headers_and_body() {
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "urn:x"),
        ("ce-type", "t%C3%A4st"),
        ("ce-service", "shop"),
        ("host", "localhost"),
    ];
    let read = |media, body: &[u8]| receive(media, headers, body, NOW).map(|mut s| event(s.remove(0)));
    let got = read(Some("application/json"), br#"{"a":1}"#).unwrap();
    assert_eq!((got.kind.as_str(), got.service.as_str(), &got.data), ("täst", "shop", &json!({"a": 1})));
    assert_eq!(got.at, NOW);
    assert_eq!(read(Some("text/plain"), b"hello").unwrap().data, json!("hello"));
    assert_eq!(read(Some("image/png"), &[0xff, 0xfe]).unwrap().data, json!("//4="));
    assert_eq!(read(None, b"").unwrap().data, Value::Null);
    let wrong = read(Some("application/json"), b"{").unwrap_err();
    assert_eq!(wrong.at, "body line 1 column 1");
}

#[test]
fn base64_data_is_decoded_and_read_when_it_is_json() {
    let with = |media: &str, data: &str| {
        structured(&json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t",
            "datacontenttype": media, "data_base64": data}))
    };
    assert_eq!(event(with("application/json", "eyJhIjoxfQ==").unwrap()).data, json!({"a": 1}));
    assert_eq!(event(with("text/plain", "aGk=").unwrap()).data, json!("hi"));
    assert_eq!(with("text/plain", "~").unwrap_err().at, "/data_base64");
}

#[test]
fn a_batch_is_taken_whole_or_not_at_all() {
    let good = json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t"});
    let send = |batch: Value| receive(BATCHED, [], batch.to_string().as_bytes(), NOW);
    assert_eq!(send(json!([good, good])).unwrap().len(), 2);
    assert_eq!(send(json!([])).unwrap().len(), 0);
    assert_eq!(send(json!([good, {"specversion": "1.0"}])).unwrap_err().at, "/1/id");
    assert_eq!(send(good).unwrap_err().at, "/");
}

#[test]
fn what_is_no_cloudevent_is_refused_with_its_place() {
    let good =
        json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "time": "2026-11-21T00:00:00Z"});
    let with = |key: &str, value: Value| {
        let mut event = good.clone();
        event[key] = value;
        structured(&event).unwrap_err().at
    };
    assert_eq!(with("specversion", json!("0.3")), "/specversion");
    assert_eq!(with("id", json!("")), "/id");
    assert_eq!(with("source", json!(7)), "/source");
    assert_eq!(with("type", Value::Null), "/type");
    assert_eq!(with("time", json!("yesterday")), "/time");
    let plain = receive(Some("application/json"), [], b"{}", NOW).unwrap_err();
    assert!(plain.advice.contains("cloudevents+json"), "{plain}");
    let avro = receive(Some("application/cloudevents+avro"), [], b"{}", NOW).unwrap_err();
    assert_eq!(avro.at, "header content-type");
}

#[test]
fn deployments_become_changes() {
    let change = |kind: &str, data: Value| {
        let event = json!({"specversion": "1.0", "id": "1", "source": "/ci", "type": kind, "data": data,
            "time": "2026-11-21T09:30:00Z"});
        match structured(&event).unwrap() {
            Signal::Change(change) => change,
            other => panic!("not a change: {other:?}"),
        }
    };
    let subject = |artifact: &str| {
        json!({"context": {}, "subject": {"id": "checkout", "type": "service",
        "content": {"environment": {"id": "prod"}, "artifactId": artifact}}})
    };
    let deployed =
        change("dev.cdevents.service.deployed.0.2.0", subject("pkg:oci/checkout@sha256%3Aabc?tag=1.1.0"));
    assert_eq!((deployed.service.as_str(), deployed.kind), ("checkout", ChangeKind::Deploy));
    assert_eq!(
        (deployed.to.as_deref(), deployed.summary.as_str()),
        (Some("1.1.0"), "checkout: deployed to 1.1.0")
    );
    let back = change("dev.cdevents.service.rolledback.0.2.0", subject("pkg:oci/checkout@sha256%3Aabc"));
    assert_eq!((back.kind, back.to.as_deref()), (ChangeKind::Rollback, Some("sha256:abc")));
    let own = change(
        "dev.homeostat.change",
        json!({"service": "gateway", "kind": "config", "from": "1", "to": "2", "actor": "ada"}),
    );
    assert_eq!((own.kind, own.actor.as_str(), own.from.as_deref()), (ChangeKind::Config, "ada", Some("1")));
    let again = change("dev.homeostat.change", json!({"service": "gateway", "kind": "config"}));
    assert_eq!(own.id, again.id, "the same source, id and time is the same change");
    // What names no service, or an unknown predicate, stays an event.
    let published = json!({"specversion": "1.0", "id": "1", "source": "s", "type": "dev.cdevents.service.published.0.2.0"});
    assert!(matches!(structured(&published).unwrap(), Signal::Event(_)));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200), header in "\\PC{0,20}") {
        for media in [STRUCTURED, BATCHED, Some("application/json"), None] {
            let headers = [("ce-specversion", "1.0"), ("ce-id", &header), ("ce-source", "s"), ("ce-type", &header)];
            let _ = receive(media, headers, &body, NOW);
            let _ = receive(media, [], &body, NOW);
        }
    }

    #[test]
    fn an_event_comes_back_as_it_was_sent(id in "\\PC{1,20}", source in "\\PC{1,20}", data in "\\PC{0,40}") {
        let sent = json!({"specversion": "1.0", "id": id, "source": source, "type": "t", "data": {"x": data}});
        let got = event(structured(&sent).unwrap());
        prop_assert_eq!((got.id, got.source, got.data), (id, source, json!({"x": data})));
    }
}
