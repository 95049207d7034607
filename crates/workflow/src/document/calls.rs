//! Calls of the standard and processes: what each takes, field by field (DSL reference, "Call" and "Run").

use super::shape::{Object, Shape, may, must};
use super::{Reader, data};
use crate::definition::{Answer, Call, Kind, Subscription};
use crate::expression::Template;
use crate::yaml::{self, Fields, Located, Node, ParseError, at};

const OUTPUTS: Shape = Shape::Word(&["raw", "content", "response"]);

const HTTP: Object = Object {
    fields: &[
        must("method", Shape::Text),
        must("endpoint", Shape::Endpoint),
        may("headers", Shape::TextsOrExpression),
        may("query", Shape::TextsOrExpression),
        may("body", Shape::Any),
        may("output", OUTPUTS),
        may("redirect", Shape::Flag),
    ],
    one_of: &[],
};
const OPENAPI: Object = Object {
    fields: &[
        must("document", Shape::Resource),
        must("operationId", Shape::Text),
        may("parameters", Shape::Map),
        may("authentication", Shape::Authentication),
        may("output", OUTPUTS),
        may("redirect", Shape::Flag),
    ],
    one_of: &[],
};
const GRPC: Object = Object {
    fields: &[
        must("proto", Shape::Resource),
        must(
            "service",
            Shape::Object(&Object {
                fields: &[
                    must("name", Shape::Text),
                    must("host", Shape::Text),
                    may("port", Shape::Whole(0, 65_535)),
                    may("authentication", Shape::Authentication),
                ],
                one_of: &[],
            }),
        ),
        must("method", Shape::Text),
        may("arguments", Shape::Map),
    ],
    one_of: &[],
};
const PROTOCOLS: Shape = Shape::Word(&[
    "amqp",
    "amqp1",
    "anypointmq",
    "googlepubsub",
    "http",
    "ibmmq",
    "jms",
    "kafka",
    "mercure",
    "mqtt",
    "mqtt5",
    "nats",
    "pulsar",
    "redis",
    "sns",
    "solace",
    "sqs",
    "stomp",
    "ws",
]);
const SERVER: Shape = Shape::Object(&Object {
    fields: &[must("name", Shape::Text), may("variables", Shape::Map)],
    one_of: &[],
});
const ASYNCAPI_PUBLISH: Object = Object {
    fields: &[
        must("document", Shape::Resource),
        may("operation", Shape::Text),
        may("channel", Shape::Text),
        may("server", SERVER),
        may("protocol", PROTOCOLS),
        must(
            "message",
            Shape::Object(&Object {
                fields: &[may("payload", Shape::Map), may("headers", Shape::Map)],
                one_of: &[],
            }),
        ),
        may("authentication", Shape::Authentication),
    ],
    one_of: &[&["operation", "channel"]],
};
const A2A: Object = Object {
    fields: &[
        must("method", Shape::Word(&model::A2A_METHODS)),
        may("agentCard", Shape::Resource),
        may("server", Shape::Endpoint),
        may("parameters", Shape::MapOrText),
    ],
    one_of: &[],
};
const MCP: Object = Object {
    fields: &[
        may("protocolVersion", Shape::Text),
        must(
            "method",
            Shape::Word(&[
                "tools/list",
                "tools/call",
                "prompts/list",
                "prompts/get",
                "resources/list",
                "resources/read",
                "resources/templates/list",
            ]),
        ),
        may("parameters", Shape::MapOrText),
        may("timeout", Shape::Duration),
        must(
            "transport",
            Shape::Object(&Object {
                fields: &[
                    may(
                        "http",
                        Shape::Object(&Object {
                            fields: &[must("endpoint", Shape::Endpoint), may("headers", Shape::Texts)],
                            one_of: &[],
                        }),
                    ),
                    may(
                        "stdio",
                        Shape::Object(&Object {
                            fields: &[
                                must("command", Shape::Text),
                                may("arguments", Shape::List),
                                may("environment", Shape::Texts),
                            ],
                            one_of: &[],
                        }),
                    ),
                    may("options", Shape::Texts),
                ],
                one_of: &[&["http", "stdio"]],
            }),
        ),
        may(
            "client",
            Shape::Object(&Object {
                fields: &[must("name", Shape::Text), must("version", Shape::Text)],
                one_of: &[],
            }),
        ),
    ],
    one_of: &[],
};
const CONTAINER: Object = Object {
    fields: &[
        must("image", Shape::Text),
        may("name", Shape::Text),
        may("command", Shape::Text),
        may("ports", Shape::Map),
        may("volumes", Shape::Map),
        may("environment", Shape::Map),
        may("stdin", Shape::Text),
        may("arguments", Shape::List),
        may(
            "lifetime",
            Shape::Object(&Object {
                fields: &[
                    must("cleanup", Shape::Word(&["always", "never", "eventually"])),
                    may("after", Shape::Duration),
                ],
                one_of: &[],
            }),
        ),
        may("pullPolicy", Shape::Word(&["ifNotPresent", "always", "never"])),
    ],
    one_of: &[],
};
const SCRIPT: Object = Object {
    fields: &[
        must("language", Shape::Word(&["js", "javascript", "python"])),
        may("code", Shape::Text),
        may("source", Shape::Resource),
        may("stdin", Shape::Text),
        may("arguments", Shape::List),
        may("environment", Shape::Map),
    ],
    one_of: &[&["code", "source"]],
};
const SHELL: Object = Object {
    fields: &[
        must("command", Shape::Text),
        may("stdin", Shape::Text),
        may("arguments", Shape::List),
        may("environment", Shape::Map),
    ],
    one_of: &[],
};
const WORKFLOW: Object = Object {
    fields: &[
        must("namespace", Shape::Text),
        must("name", Shape::Text),
        must("version", Shape::Text),
        may("input", Shape::Map),
    ],
    one_of: &[],
};
const PROCESSES: [(&str, &str, &Object); 4] = [
    ("container", "run.container", &CONTAINER),
    ("script", "run.script", &SCRIPT),
    ("shell", "run.shell", &SHELL),
    ("workflow", "run.workflow", &WORKFLOW),
];
/// Functions that every implementation of the standard has, with what they take.
const STANDARD: [(&str, &Object); 6] = [
    ("http", &HTTP),
    ("openapi", &OPENAPI),
    ("grpc", &GRPC),
    ("asyncapi", &ASYNCAPI_PUBLISH),
    ("mcp", &MCP),
    ("a2a", &A2A),
];

impl<'a> Reader<'a> {
    pub(super) fn call(
        &mut self,
        what: &str,
        body: &'a Located,
        fields: &mut Fields<'a>,
        path: &str,
    ) -> Result<Kind, ParseError> {
        let function = yaml::text(self.file, "`call`", body)?;
        let fine = !function.is_empty()
            && function.len() <= 500
            && function.bytes().all(|b| b.is_ascii_graphic() && !b"\"'`<>\\".contains(&b));
        if !fine {
            return Err(at(
                self.file,
                body,
                "`call` must be the name of a function, such as `process.restart`",
            ));
        }
        let function = self.own_catalog(body, function)?;
        let with = fields.get("with");
        if let Some((name, object)) = STANDARD.iter().find(|(name, _)| *name == function) {
            let place =
                with.ok_or_else(|| at(self.file, body, format!("`call: {name}` of {what} needs `with`")))?;
            return self.standard(name, object, place, path);
        }
        let with = match with {
            Some(place) => match &place.value {
                Node::Mapping(_) => self.template(place, "`with`")?,
                other => {
                    let message = format!("`with` must be a mapping, not {}", other.kind());
                    return Err(at(self.file, place, message));
                }
            },
            None => Template::Constant(serde_json::json!({})),
        };
        if let Some(body) = self.custom_function(body, function)? {
            return Ok(Kind::Function { name: function.to_owned(), with, body });
        }
        Ok(call("call", function, with, Answer::Output))
    }

    fn standard(
        &mut self,
        function: &str,
        object: &'static Object,
        place: &'a Located,
        path: &str,
    ) -> Result<Kind, ParseError> {
        let what = format!("`with` of `call: {function}`");
        if function == "asyncapi" && Fields::open(self.file, what.as_str(), place)?.has("subscription") {
            return self.subscription(place, &what, path);
        }
        let with = self.object(place, object, &what)?;
        if function == "a2a" && with_key(place, "agentCard").or(with_key(place, "server")).is_none() {
            return Err(at(self.file, place, format!("{what} needs `agentCard` or `server`")));
        }
        Ok(call("call", function, with, Answer::Output))
    }

    /// `call: asyncapi` with a `subscription`: the parameters of the call, and how messages are consumed.
    fn subscription(&mut self, place: &'a Located, what: &str, path: &str) -> Result<Kind, ParseError> {
        let mut fields = Fields::open(self.file, what, place)?;
        let mut pairs = Vec::new();
        for field in ASYNCAPI_PUBLISH.fields.iter().filter(|f| f.name != "message") {
            if let Some(value) =
                if field.required { Some(fields.require(field.name)?) } else { fields.get(field.name) }
            {
                let what = format!("`{}` of {what}", field.name);
                pairs.push((field.name.to_owned(), self.shaped(value, field.shape, &what)?));
            }
        }
        for (one, other) in [("operation", "channel"), ("message", "subscription")] {
            if fields.has(one) && fields.has(other) {
                let message = format!("{what} may have only one of `{one}`, `{other}`");
                return Err(fields.error(other, message));
            }
        }
        if !fields.has("operation") && !fields.has("channel") {
            return Err(at(self.file, place, format!("{what} needs one of `operation`, `channel`")));
        }
        let subscription = fields.require("subscription")?;
        fields.finish()?;
        let mut listen = self.consumption(subscription, path)?;
        listen.subscription =
            Some(Subscription { with: Template::Mapping(pairs), window: listen.window.take() });
        Ok(Kind::Listen(Box::new(listen.into())))
    }

    pub(super) fn process(&mut self, what: &str, body: &'a Located) -> Result<Kind, ParseError> {
        let what = format!("`run` of {what}");
        let mut fields = Fields::open(self.file, what.as_str(), body)?;
        let awaited =
            fields.get("await").map(|p| data::flag(self.file, p, "`await`")).transpose()?.unwrap_or(true);
        let words = ["stdout", "stderr", "code", "all", "none"];
        let returned = match fields.get("return") {
            Some(place) => {
                self.shaped(place, Shape::Word(&["stdout", "stderr", "code", "all", "none"]), "`return`")?;
                yaml::text(self.file, "`return`", place)?
            }
            None => words[0],
        };
        let mut found = None;
        for (key, function, object) in PROCESSES {
            let Some(place) = fields.get(key) else { continue };
            if found.replace((key, function, object, place)).is_some() {
                return Err(fields.error(key, format!("{what} runs one thing; make it two tasks")));
            }
        }
        let Some((key, function, object, place)) = found else {
            return Err(at(
                self.file,
                body,
                format!("{what} needs one of `container`, `script`, `shell`, `workflow`"),
            ));
        };
        fields.finish()?;
        if key == "container" {
            lifetime(self.file, place)?;
        }
        let with = self.object(place, object, &format!("`{key}`"))?;
        let mut pairs = match with {
            Template::Mapping(pairs) => pairs,
            Template::Constant(serde_json::Value::Object(map)) => {
                map.into_iter().map(|(k, v)| (k, Template::Constant(v))).collect()
            }
            other => unreachable!("an object is a mapping, not {other:?}"),
        };
        pairs.push(("await".to_owned(), Template::Constant(awaited.into())));
        if key != "workflow" {
            pairs.push(("return".to_owned(), Template::Constant(returned.into())));
        }
        let answer = match (awaited, returned) {
            (false, _) => Answer::Input,
            (true, "none") => Answer::Nothing,
            _ => Answer::Output,
        };
        Ok(call("run", function, Template::Mapping(pairs), answer))
    }
}

pub(super) fn call(task: &'static str, function: &str, with: Template, answer: Answer) -> Kind {
    Kind::Call(Box::new(Call { task, function: function.to_owned(), with, answer }))
}

/// `after` belongs to `cleanup: eventually` and to nothing else.
fn lifetime(file: &str, container: &Located) -> Result<(), ParseError> {
    let Some(place) = with_key(container, "lifetime") else { return Ok(()) };
    let eventually = with_key(place, "cleanup").is_some_and(|c| c.value == Node::Text("eventually".into()));
    match (eventually, with_key(place, "after")) {
        (true, None) => Err(at(file, place, "`cleanup: eventually` needs `after`, the time until then")),
        (false, Some(after)) => Err(at(file, after, "`after` goes with `cleanup: eventually` only")),
        _ => Ok(()),
    }
}

fn with_key<'l>(place: &'l Located, key: &str) -> Option<&'l Located> {
    match &place.value {
        Node::Mapping(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
        _ => None,
    }
}
