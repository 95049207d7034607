//! Descriptions of services out of the text of a `.proto`, and messages between JSON and bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use ports::ActionFailure;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, ServiceDescriptor};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::functions::fields::configuration;
use crate::functions::{invalid, without_values};

/// Longest text of a `.proto`.
const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// Deepest brackets in one. The parser descends once for each.
const DEPTH_MAX: usize = 100;
/// Descriptions that are kept.
const KEPT: usize = 32;
/// The name under which the text is known to the compiler.
const NAME: &str = "workflow.proto";

/// Descriptions that were compiled, newest last.
#[derive(Default)]
pub(super) struct Protos {
    kept: Mutex<VecDeque<([u8; 32], DescriptorPool)>>,
}

/// The one file that there is, beside Google's.
struct Only(String);

impl FileResolver for Only {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == NAME { File::from_source(NAME, &self.0) } else { Err(protox::Error::file_not_found(name)) }
    }
}

impl Protos {
    /// The method of a service that a text describes.
    pub(super) async fn method(
        &self,
        text: &str,
        service: &str,
        method: &str,
    ) -> Result<MethodDescriptor, ActionFailure> {
        let pool = self.pool(text).await?;
        let service = find(&pool, service)?;
        service.methods().find(|m| m.name() == method).ok_or_else(|| {
            let names: Vec<_> = service.methods().map(|m| m.name().to_owned()).collect();
            let shown = receive::limits::cut(method, 200);
            configuration(format!(
                "the service {} has no method {shown:?}; it has {}",
                service.full_name(),
                receive::limits::cut(&names.join(", "), 500)
            ))
        })
    }

    async fn pool(&self, text: &str) -> Result<DescriptorPool, ActionFailure> {
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let find = || {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.iter().find(|(known, _)| *known == digest).map(|(_, pool)| pool.clone())
        };
        if let Some(pool) = find() {
            return Ok(pool);
        }
        let text = text.to_owned();
        let pool = tokio::task::spawn_blocking(move || compile(text)).await;
        let pool = pool.map_err(|_| configuration("with.proto could not be compiled"))??;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((digest, pool.clone()));
        Ok(pool)
    }
}

fn compile(text: String) -> Result<DescriptorPool, ActionFailure> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(configuration(format!("with.proto is longer than {TEXT_BYTES_MAX} bytes")));
    }
    if depth(&text) > DEPTH_MAX {
        return Err(configuration(format!("with.proto has brackets deeper than {DEPTH_MAX}")));
    }
    let wrong = |error: protox::Error| {
        let advice = if error.is_file_not_found() {
            "; only Google's well-known types can be imported, so put the rest into one file"
        } else {
            ""
        };
        let told = error.to_string();
        configuration(format!("with.proto cannot be compiled: {}{advice}", receive::limits::cut(&told, 500)))
    };
    let mut files = ChainFileResolver::new();
    files.add(Only(text));
    files.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(files);
    compiler.include_imports(true).open_file(NAME).map_err(wrong)?;
    Ok(compiler.descriptor_pool())
}

/// How deep brackets go, those in texts and comments counted too.
fn depth(text: &str) -> usize {
    let (mut now, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'(' | b'<' => now += 1,
            b'}' | b']' | b')' | b'>' => now = now.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}

/// A service by its full name, or by its last part when there is one of that name only.
fn find(pool: &DescriptorPool, name: &str) -> Result<ServiceDescriptor, ActionFailure> {
    if let Some(service) = pool.get_service_by_name(name) {
        return Ok(service);
    }
    let mut short = pool.services().filter(|service| service.name() == name);
    match (short.next(), short.next()) {
        (Some(service), None) => Ok(service),
        _ => {
            let names: Vec<_> = pool.services().map(|service| service.full_name().to_owned()).collect();
            Err(configuration(format!(
                "with.proto describes no service {:?}; it describes {}",
                receive::limits::cut(name, 200),
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    receive::limits::cut(&names.join(", "), 500).into_owned()
                }
            )))
        }
    }
}

/// A message as bytes, out of its JSON.
pub(super) fn encode(of: &MessageDescriptor, json: &Value) -> Result<Vec<u8>, ActionFailure> {
    let message = DynamicMessage::deserialize(of.clone(), json).map_err(|error| {
        invalid(format!(
            "with.arguments do not fit the message {}: {}",
            of.full_name(),
            without_values(&error)
        ))
    })?;
    Ok(message.encode_to_vec())
}

/// A message as JSON (proto3 mapping), out of its bytes.
pub(super) fn decode(of: &MessageDescriptor, bytes: &[u8]) -> Result<Value, String> {
    let wrong = |why: &dyn std::fmt::Display| {
        let why = why.to_string();
        format!("the answer is no message {}: {}", of.full_name(), receive::limits::cut(&why, 200))
    };
    let message = DynamicMessage::decode(of.clone(), bytes).map_err(|error| wrong(&error))?;
    serde_json::to_value(&message).map_err(|error| wrong(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = r#"
        syntax = "proto3";
        package shop.v1;
        import "google/protobuf/timestamp.proto";
        import "google/protobuf/struct.proto";
        enum Size { SIZE_UNSPECIFIED = 0; LARGE = 1; }
        message Item {
            string display_name = 1; int64 cents = 2; Size size = 3; bytes picture = 4; repeated string tags = 5;
            map<string, double> weights = 6; google.protobuf.Timestamp made_at = 7; google.protobuf.Struct more = 8;
            oneof place { string shelf = 9; int32 row = 10; } optional bool sold = 11; Item part = 12;
        }
        service Shop { rpc Get (Item) returns (Item); }
    "#;

    fn item() -> MessageDescriptor {
        compile(TEXT.to_owned()).unwrap().get_message_by_name("shop.v1.Item").unwrap()
    }

    #[test]
    fn messages_follow_the_json_mapping_of_proto3() {
        let json = json!({
            "displayName": "Cup", "cents": "9007199254740993", "size": "LARGE", "picture": "AQID", "tags": ["a", "b"],
            "weights": {"kg": 0.5}, "madeAt": "2026-11-21T12:00:00Z", "more": {"any": [1.0, null]}, "row": 7,
            "sold": false, "part": {"displayName": "Handle"}
        });
        assert_eq!(decode(&item(), &encode(&item(), &json).unwrap()).unwrap(), json);
        // Names as in the file, and numbers for 64 bits and enums, are taken too.
        let bytes = encode(&item(), &json!({"display_name": "Cup", "cents": 5, "size": 1})).unwrap();
        assert_eq!(
            decode(&item(), &bytes).unwrap(),
            json!({"displayName": "Cup", "cents": "5", "size": "LARGE"})
        );
    }

    #[test]
    fn arguments_that_do_not_fit_are_named_and_not_shown() {
        for (json, word) in [
            (json!({"colour": "hidden"}), "colour"),
            (json!({"cents": "hidden"}), "shop.v1.Item"),
            (json!({"displayName": ["hidden"]}), "shop.v1.Item"),
            (json!("hidden"), "shop.v1.Item"),
        ] {
            let failure = encode(&item(), &json).unwrap_err();
            assert!(failure.message.contains(word) && !failure.message.contains("hidden"), "{failure}");
        }
    }

    #[tokio::test]
    async fn services_and_methods_are_found_and_those_that_are_not_there_are_named() {
        let protos = Protos::default();
        for service in ["shop.v1.Shop", "Shop"] {
            assert_eq!(protos.method(TEXT, service, "Get").await.unwrap().full_name(), "shop.v1.Shop.Get");
        }
        for (text, service, method, word) in [
            (TEXT, "Store", "Get", "it describes shop.v1.Shop"),
            (TEXT, "Shop", "Put", "it has Get"),
            ("syntax = \"proto3\"; message {", "Shop", "Get", "cannot be compiled"),
            ("syntax = \"proto3\"; import \"other.proto\";", "Shop", "Get", "one file"),
            ("import \"workflow.proto\";", "Shop", "Get", "cannot be compiled"),
        ] {
            let failure = protos.method(text, service, method).await.unwrap_err();
            assert!(failure.message.contains(word), "{failure}");
        }
        let deep = format!("option x = {}", "{ a: ".repeat(100_000));
        assert!(protos.method(&deep, "Shop", "Get").await.unwrap_err().message.contains("deeper"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_and_no_bytes_are_fatal(text in "(syntax|message|service|rpc|\\{|\\}|;|=|[a-z1 \"]){0,60}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let _ = compile(text);
            let _ = decode(&item(), &bytes);
        }
    }
}
