//! What calls come to, by documents of both versions.

use serde_json::json;

use super::*;

const V2: &str = r##"
asyncapi: 2.6.0
info: { title: Chat, version: 1.0.0 }
defaultContentType: application/json
servers:
  broker: { url: "nats://{place}.example:4222", protocol: nats, variables: { place: { default: eu, enum: [eu, us] } } }
  web: { url: "https://chat.example/api/", protocol: https }
  other: { url: "other.example", protocol: kafka }
channels:
  rooms.{room}.messages:
    servers: [broker]
    parameters:
      room: { schema: { type: string, default: lobby } }
    publish:
      operationId: say
      message: { $ref: "#/components/messages/said" }
      bindings: { nats: { queue: speakers } }
    subscribe:
      bindings: { nats: { queue: readers } }
      message: { contentType: text/plain }
  /greetings:
    servers: [web]
    publish: { bindings: { http: { type: request, method: PUT } } }
components:
  messages:
    said: { contentType: Application/JSON, correlationId: { location: "$message.header#/turn" } }
"##;

const V3: &str = r##"{
  "asyncapi": "3.0.0", "info": {"title": "Chat", "version": "1"},
  "servers": {
    "dev": {"host": "{environment}.example:8080", "pathname": "/v{n}/", "protocol": "http",
      "variables": {"environment": {"default": "dev"}, "n": {"default": "1"}}},
    "nats": {"$ref": "#/components/servers/nats"}
  },
  "channels": {
    "inbox": {"address": "inbox/{user}", "servers": [{"$ref": "#/servers/dev"}],
      "parameters": {"user": {"location": "$message.payload#/user/id"}},
      "messages": {"greeting": {"contentType": "text/plain"}, "other": {}}},
    "orders": {"address": "orders", "messages": {"order": {"correlationId": {"$ref": "#/components/correlationIds/id"}}}}
  },
  "operations": {
    "greet": {"action": "send", "channel": {"$ref": "#/channels/inbox"},
      "messages": [{"$ref": "#/channels/inbox/messages/greeting"}], "bindings": {"http": {"method": "PATCH"}}},
    "order": {"action": "receive", "channel": {"$ref": "#/channels/orders"}}
  },
  "components": {
    "servers": {"nats": {"host": "nats.example:4222", "protocol": "nats"}},
    "correlationIds": {"id": {"location": "$message.payload#/id"}}
  }
}"##;

fn resolve(text: &str, asked: &Asked<'_>) -> Result<Target, String> {
    Document::parse(text).and_then(|document| document.resolve(asked)).map_err(|failure| failure.message)
}

fn publish<'a>() -> Asked<'a> {
    Asked { publishes: true, ..Asked::default() }
}

#[test]
fn a_channel_of_version_2_is_published_to_and_subscribed() {
    let room = Some("rooms.{room}.messages");
    let target = resolve(V2, &Asked { channel: room, ..publish() }).unwrap();
    assert_eq!((target.protocol.as_str(), target.host.as_str()), ("nats", "eu.example:4222"));
    assert_eq!(target.address, "rooms.{room}.messages");
    let parameter = Parameter { name: "room".into(), default: Some("lobby".into()), location: None };
    assert_eq!(target.parameters, [parameter]);
    assert_eq!(target.nats_queue.as_deref(), Some("speakers"));
    assert_eq!(target.content_type, "application/json");
    assert_eq!(target.correlation.as_deref(), Some("$message.header#/turn"));
    let by_id = resolve(V2, &Asked { operation: Some("say"), ..publish() }).unwrap();
    assert_eq!(by_id, target);
    let heard = resolve(V2, &Asked { channel: room, ..Asked::default() }).unwrap();
    assert_eq!((heard.nats_queue.as_deref(), heard.content_type.as_str()), (Some("readers"), "text/plain"));
    let web = resolve(V2, &Asked { channel: Some("/greetings"), ..publish() }).unwrap();
    assert_eq!((web.protocol.as_str(), web.secure, web.path.as_str()), ("http", true, "/api"));
    assert_eq!(web.http_method.as_deref(), Some("PUT"));
}

#[test]
fn an_operation_of_version_3_leads_to_its_channel() {
    let variables = json!({"environment": "test"}).as_object().cloned().unwrap();
    let asked = Asked { operation: Some("greet"), server: Some("dev"), variables, ..publish() };
    let target = resolve(V3, &asked).unwrap();
    assert_eq!(
        (target.host.as_str(), target.path.as_str(), target.secure),
        ("test.example:8080", "/v1", false)
    );
    assert_eq!((target.address.as_str(), target.http_method.as_deref()), ("inbox/{user}", Some("PATCH")));
    assert_eq!(target.parameters[0].location.as_deref(), Some("$message.payload#/user/id"));
    assert_eq!(target.content_type, "text/plain");
    let order =
        resolve(V3, &Asked { operation: Some("order"), protocol: Some("nats"), ..Asked::default() }).unwrap();
    assert_eq!((order.protocol.as_str(), order.host.as_str()), ("nats", "nats.example:4222"));
    assert_eq!(order.correlation.as_deref(), Some("$message.payload#/id"));
}

#[test]
fn what_is_not_there_is_named() {
    let room = Some("rooms.{room}.messages");
    let us = |place: &str| json!({"place": place}).as_object().cloned().unwrap();
    for (text, asked, word) in [
        (V2, Asked { channel: Some("room"), ..publish() }, "no channel \"room\"; it has"),
        (V2, publish(), "with.channel is missing"),
        (V3, Asked { channel: Some("inbox"), ..publish() }, "with.operation is missing"),
        (V3, Asked { operation: Some("wave"), ..publish() }, "it has greet, order"),
        (V2, Asked { channel: room, server: Some("x"), ..publish() }, "no server \"x\""),
        (V2, Asked { channel: room, protocol: Some("kafka"), ..publish() }, "by \"kafka\""),
        (V2, Asked { channel: Some("/greetings"), ..Asked::default() }, "no operation to subscribe"),
        (
            V2,
            Asked { channel: room, server: Some("broker"), variables: us("moon"), ..publish() },
            "one of eu, us",
        ),
        ("{\"asyncapi\": \"1.2.0\"}", publish(), "version 2 or 3"),
        ("a: [", publish(), "neither JSON nor YAML"),
        (
            "{\"asyncapi\": \"3.0.0\", \"operations\": {\"a\": {\"$ref\": \"other.json#/x\"}}}",
            Asked { operation: Some("a"), ..publish() },
            "into the document itself",
        ),
        (
            "{\"asyncapi\": \"3.0.0\", \"operations\": {\"a\": {\"$ref\": \"#/operations/a\"}}}",
            Asked { operation: Some("a"), ..publish() },
            "circle",
        ),
    ] {
        let error = resolve(text, &asked).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn runtime_expressions_look_into_messages() {
    let (payload, headers) = (json!({"user": {"id": 7}}), json!({"Turn": "x", "a/b": {"c": 1}}));
    let headers = headers.as_object().unwrap();
    for (location, found) in [
        ("$message.payload#/user/id", Some(json!(7))),
        ("$message.header#/turn", Some(json!("x"))),
        ("$message.header#/a~1b/c", Some(json!(1))),
        ("$message.header#/none", None),
        ("user", None),
    ] {
        assert_eq!(locate(location, &payload, headers).cloned(), found, "{location}");
    }
}

proptest::proptest! {
    #[test]
    fn no_document_is_fatal(text in "\\PC{0,200}", version in "[23]\\.[0-9]", address in "[a{}/]{0,12}") {
        let _ = Document::parse(&text);
        let json = json!({
            "asyncapi": version, "servers": {"s": {"host": text, "url": text, "protocol": "nats"}},
            "channels": {"c": {"address": address, "publish": {}}},
            "operations": {"o": {"channel": {"$ref": "#/channels/c"}}}
        });
        let _ = resolve(&json.to_string(), &Asked { channel: Some("c"), operation: Some("o"), ..publish() });
    }
}
