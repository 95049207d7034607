//! Authentication policies (DSL reference, "Authentication"): inline, of `use.authentications`, or from a secret.

use super::Reader;
use super::shape::{Object, Shape, may, must};
use crate::expression::Template;
use crate::yaml::{self, Fields, Located, Node, ParseError, at};

const PASSWORD: Object =
    Object { fields: &[must("username", Shape::Text), must("password", Shape::Text)], one_of: &[] };
const BEARER: Object = Object { fields: &[must("token", Shape::Text)], one_of: &[] };
const TOKEN: Shape =
    Shape::Object(&Object { fields: &[must("token", Shape::Text), must("type", Shape::Text)], one_of: &[] });
const GRANT: Shape = Shape::Word(&[
    "authorization_code",
    "client_credentials",
    "password",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:token-exchange",
]);
const CLIENT: Shape = Shape::Object(&Object {
    fields: &[
        may("id", Shape::Text),
        may("secret", Shape::Text),
        may("assertion", Shape::Text),
        may(
            "authentication",
            Shape::Word(&[
                "client_secret_basic",
                "client_secret_post",
                "client_secret_jwt",
                "private_key_jwt",
                "none",
            ]),
        ),
    ],
    one_of: &[],
});
const REQUEST: Shape = Shape::Object(&Object {
    fields: &[may("encoding", Shape::Word(&["application/x-www-form-urlencoded", "application/json"]))],
    one_of: &[],
});
const ENDPOINTS: Shape = Shape::Object(&Object {
    fields: &[may("token", Shape::Path), may("revocation", Shape::Path), may("introspection", Shape::Path)],
    one_of: &[],
});
const OAUTH2: Object = Object {
    fields: &[
        may("authority", Shape::Uri),
        may("endpoints", ENDPOINTS),
        may("grant", GRANT),
        may("client", CLIENT),
        may("request", REQUEST),
        may("issuers", Shape::List),
        may("scopes", Shape::List),
        may("audiences", Shape::List),
        may("username", Shape::Text),
        may("password", Shape::Text),
        may("subject", TOKEN),
        may("actor", TOKEN),
    ],
    one_of: &[],
};
const OIDC: Object = Object {
    fields: &[
        may("authority", Shape::Uri),
        may("grant", GRANT),
        may("client", CLIENT),
        may("request", REQUEST),
        may("issuers", Shape::List),
        may("scopes", Shape::List),
        may("audiences", Shape::List),
        may("username", Shape::Text),
        may("password", Shape::Text),
        may("subject", TOKEN),
        may("actor", TOKEN),
    ],
    one_of: &[],
};
const POLICIES: [(&str, &Object); 5] =
    [("basic", &PASSWORD), ("bearer", &BEARER), ("digest", &PASSWORD), ("oauth2", &OAUTH2), ("oidc", &OIDC)];

impl<'a> Reader<'a> {
    /// A policy, or `use` with the name of one, which is put in its place.
    pub(super) fn authentication(&mut self, place: &'a Located, what: &str) -> Result<Template, ParseError> {
        let mut fields = Fields::open(self.file, what, place)?;
        let Some(name) = fields.text("use")? else { return self.policy(place, what) };
        fields.finish()?;
        let known = &self.reusable.authentications;
        let Some((_, policy)) = known.iter().find(|(n, _)| *n == name) else {
            let hint = yaml::suggest(name, known.iter().map(|(n, _)| *n)).map_or_else(
                || "define it under `use.authentications`".to_owned(),
                |s| format!("did you mean `{s}`?"),
            );
            let message = format!("there is no `{}` in `use.authentications`; {hint}", yaml::clip(name));
            return Err(fields_error(self.file, place, message));
        };
        let policy = *policy;
        self.policy(policy, &format!("authentication `{}`", yaml::clip(name)))
    }

    /// Exactly one kind of policy; what it needs stands there, or in a secret.
    pub(super) fn policy(&mut self, place: &'a Located, what: &str) -> Result<Template, ParseError> {
        let mut fields = Fields::open(self.file, what, place)?;
        let mut found = None;
        for (kind, object) in POLICIES {
            let Some(value) = fields.get(kind) else { continue };
            if found.replace((kind, object, value)).is_some() {
                return Err(fields.error(kind, format!("{what} must be one kind of authentication, not two")));
            }
        }
        fields.finish()?;
        let Some((kind, object, value)) = found else {
            let kinds = POLICIES.map(|(k, _)| format!("`{k}`")).join(", ");
            return Err(at(self.file, place, format!("{what} needs one of {kinds}, or `use` with a name")));
        };
        let inner = format!("`{kind}` of {what}");
        let from_secret = matches!(&value.value, Node::Mapping(e) if e.iter().any(|e| e.key == "use"));
        let template = if from_secret {
            let mut fields = Fields::open(self.file, inner, value)?;
            let secret = fields.require("use")?;
            let name = fields.require_text("use")?;
            fields.finish()?;
            self.secret(secret, name)?
        } else {
            self.object(value, object, &inner)?
        };
        Ok(Template::Mapping(vec![(kind.to_owned(), template)]))
    }

    /// The whole of a secret that the document names in `use.secrets`.
    fn secret(&mut self, place: &Located, name: &str) -> Result<Template, ParseError> {
        self.known_secret(place, name)?;
        let quoted = serde_json::Value::String(name.to_owned());
        let source = format!("$secrets[{quoted}]");
        Ok(Template::Expression(self.compile(place, &source, "`use`")?))
    }
}

fn fields_error(file: &str, place: &Located, message: String) -> ParseError {
    let here = match &place.value {
        Node::Mapping(entries) => entries.first().map_or(place, |e| &e.value),
        _ => place,
    };
    at(file, here, message)
}
