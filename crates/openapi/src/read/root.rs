//! What stands at the top of a document: version, info, servers, tags, security schemes.

use super::reader::{Reader, clip};
use super::spot::Spot;
use crate::api::{
    ApiKeyIn, Contact, Flow, FlowKind, Info, License, Operation, Requirement, Scheme, SecurityScheme, Server,
    Tag, Variable, Version,
};
use crate::diagnostic::Severity;
use crate::words;

/// The version that a document names, and whether one that is read.
pub(crate) fn version(root: Spot<'_>) -> Option<Result<Version, String>> {
    let said = root.text(words::OPENAPI).or_else(|| root.text(words::SWAGGER))?;
    let (major, minor) = said.split_once('.').unwrap_or((said, ""));
    let minor: String = minor.chars().take_while(char::is_ascii_digit).collect();
    Some(match (major.trim(), minor.as_str()) {
        ("2", _) => Ok(Version::V2),
        ("3", "" | "0") => Ok(Version::V3_0),
        ("3", "1") => Ok(Version::V3_1),
        ("3", _) => Ok(Version::V3_2),
        _ => Err(said.to_owned()),
    })
}

impl<'t> Reader<'t> {
    pub(crate) fn info(&mut self) -> Info {
        let Some(info) = self.root().get(words::INFO) else {
            let at = self.root().at();
            self.warn("info-missing", at, "the document has no `info`", "add a title and a version");
            return Info::default();
        };
        let text = |spot: Spot<'t>, word| spot.text(word).map(str::to_owned);
        Info {
            title: text(info, words::TITLE).unwrap_or_default(),
            version: text(info, words::VERSION).unwrap_or_default(),
            summary: self.prose(info, words::SUMMARY),
            description: self.prose(info, words::DESCRIPTION),
            terms_of_service: text(info, words::TERMS_OF_SERVICE),
            contact: info.get(words::CONTACT).map(|contact| Contact {
                name: text(contact, words::NAME),
                url: text(contact, words::URL),
                email: text(contact, words::EMAIL),
            }),
            license: info.get(words::LICENSE).map(|license| License {
                name: text(license, words::NAME),
                identifier: text(license, words::IDENTIFIER),
                url: text(license, words::URL),
            }),
            external_docs: self.external_docs(self.root()),
            extensions: self.extensions(info),
        }
    }

    /// The servers of the document.
    pub(crate) fn root_servers(&mut self) -> Vec<Server> {
        let root = self.root();
        if self.version == Version::V2 {
            return self.old_servers(root);
        }
        self.servers(root).unwrap_or_else(|| vec![self.bare_server("/")])
    }

    fn bare_server(&self, url: &str) -> Server {
        let base = self.files.uri(0).to_owned();
        Server { url: url.to_owned(), base, name: None, description: None, variables: Vec::new() }
    }

    /// Host, base path and schemes of 2.0: encrypted where it is offered, as the document is got where nothing is said.
    fn old_servers(&mut self, root: Spot<'t>) -> Vec<Server> {
        let base = format!("/{}", root.text(words::BASE_PATH).unwrap_or_default().trim_start_matches('/'));
        let host = root.text(words::HOST).map(|host| {
            let bare = host.split_once("://").map_or(host, |(_, bare)| bare);
            if bare != host {
                let message = "`host` has a scheme; it is left out";
                self.warn("host-with-scheme", root.at(), message, "put the scheme into `schemes`");
            }
            bare.trim_end_matches('/')
        });
        let said: Vec<_> =
            root.get(words::SCHEMES).into_iter().flat_map(Spot::list).filter_map(|s| s.node.text()).collect();
        let mut schemes: Vec<_> = ["https", "http"].into_iter().filter(|s| said.contains(s)).collect();
        if schemes.is_empty() {
            schemes.push("");
        }
        match host {
            None => vec![self.bare_server(&base)],
            Some(host) => {
                let url = |scheme: &str| {
                    let lead = if scheme.is_empty() { String::new() } else { format!("{scheme}:") };
                    format!("{lead}//{host}{base}")
                };
                schemes.into_iter().map(|scheme| self.bare_server(&url(scheme))).collect()
            }
        }
    }

    /// The servers that something names; nothing when it names none.
    pub(super) fn servers(&mut self, holder: Spot<'t>) -> Option<Vec<Server>> {
        let list = holder.get(words::SERVERS)?;
        let mut servers = Vec::new();
        for server in list.list() {
            let Some(url) = server.text(words::URL).or_else(|| server.node.text()) else {
                self.warn(
                    "server-without-url",
                    server.at(),
                    "a server has no URL; it is left out",
                    "add `url`",
                );
                continue;
            };
            let mut variables = Vec::new();
            for (name, variable) in server.get(words::VARIABLES).into_iter().flat_map(Spot::all) {
                let values = variable.get(words::ENUM).into_iter().flat_map(Spot::list);
                variables.push(Variable {
                    name: name.to_owned(),
                    default: variable.text(words::DEFAULT).map(str::to_owned),
                    values: values.filter_map(|value| value.node.scalar()).map(str::to_owned).collect(),
                    description: self.prose(variable, words::DESCRIPTION),
                });
            }
            servers.push(Server {
                url: url.to_owned(),
                base: server.node.tree().uri.clone(),
                name: server.text(words::NAME).map(str::to_owned),
                description: self.prose(server, words::DESCRIPTION),
                variables,
            });
        }
        (!servers.is_empty()).then_some(servers)
    }

    /// The tags that the document describes, then those that only operations name.
    pub(crate) fn tags(&mut self, operations: &[Operation]) -> Vec<Tag> {
        let mut tags: Vec<Tag> = Vec::new();
        let mut known = std::collections::HashSet::new();
        for tag in self.root().get(words::TAGS).into_iter().flat_map(Spot::list) {
            let Some(name) = tag.text(words::NAME).or_else(|| tag.node.scalar()) else { continue };
            if !known.insert(name.to_owned()) {
                let message = format!("the tag {:?} is described twice; the first counts", clip(name));
                self.warn("duplicate-tag", tag.at(), message, "take one out");
                continue;
            }
            let title = tag.text(words::SUMMARY).or_else(|| tag.text(words::X_DISPLAY_NAME));
            tags.push(Tag {
                name: name.to_owned(),
                title: title.map(str::to_owned),
                description: self.prose(tag, words::DESCRIPTION),
                external_docs: self.external_docs(tag),
                parent: tag.text(words::PARENT).map(str::to_owned),
                described: true,
            });
        }
        for name in operations.iter().flat_map(|operation| &operation.tags) {
            if known.insert(name.clone()) {
                tags.push(Tag {
                    name: name.clone(),
                    title: None,
                    description: None,
                    external_docs: None,
                    parent: None,
                    described: false,
                });
            }
        }
        tags
    }

    pub(crate) fn security_schemes(&mut self) -> Vec<SecurityScheme> {
        let root = self.root();
        let new = root.get(words::COMPONENTS).and_then(|components| components.get(words::SECURITY_SCHEMES));
        let held = root.get(words::SECURITY_DEFINITIONS).or(new);
        let mut schemes = Vec::new();
        for (name, scheme) in held.into_iter().flat_map(Spot::entries) {
            let Some(scheme) = self.follow(scheme) else { continue };
            schemes.push(SecurityScheme {
                name: name.to_owned(),
                scheme: self.scheme(name, scheme),
                description: self.prose(scheme, words::DESCRIPTION),
                deprecated: scheme.flag(words::DEPRECATED),
                extensions: self.extensions(scheme),
                at: scheme.at(),
            });
        }
        schemes
    }

    fn scheme(&mut self, name: &str, spot: Spot<'t>) -> Scheme {
        let kind = spot.text(words::TYPE).unwrap_or_default();
        let text = |word| spot.text(word).map(str::to_owned);
        match kind.to_ascii_lowercase().as_str() {
            "apikey" => {
                let place = match spot.text(words::IN).map(str::to_ascii_lowercase).as_deref() {
                    Some("query") => ApiKeyIn::Query,
                    Some("cookie") => ApiKeyIn::Cookie,
                    Some("header") => ApiKeyIn::Header,
                    _ => {
                        let message =
                            format!("{:?} does not say where its key is sent; a header is taken", clip(name));
                        self.warn("security-scheme-incomplete", spot.at(), message, "add `in`");
                        ApiKeyIn::Header
                    }
                };
                let key = text(words::NAME).unwrap_or_else(|| name.to_owned());
                Scheme::ApiKey { name: key, place }
            }
            "http" => {
                let scheme = text(words::SCHEME).unwrap_or_else(|| "bearer".to_owned()).to_ascii_lowercase();
                Scheme::Http { scheme, bearer_format: text(words::BEARER_FORMAT) }
            }
            "basic" => Scheme::Http { scheme: "basic".to_owned(), bearer_format: None },
            "bearer" => Scheme::Http { scheme: "bearer".to_owned(), bearer_format: None },
            "oauth2" => Scheme::OAuth2 { flows: flows(spot), metadata_url: text(words::OAUTH2_METADATA_URL) },
            "openidconnect" => {
                Scheme::OpenIdConnect { url: text(words::OPEN_ID_CONNECT_URL).unwrap_or_default() }
            }
            "mutualtls" => Scheme::MutualTls,
            _ => {
                let message = format!("{:?} is of the type {:?}, which is not known", clip(name), clip(kind));
                let suggestion = "use apiKey, http, oauth2, openIdConnect or mutualTLS";
                self.warn("security-scheme-unknown", spot.at(), message, suggestion);
                Scheme::Other(kind.to_owned())
            }
        }
    }

    /// What a list of requirements asks for; nothing when the holder has none.
    pub(crate) fn requirements(
        &mut self,
        holder: Spot<'t>,
        schemes: &[SecurityScheme],
    ) -> Option<Vec<Requirement>> {
        let list = holder.get(words::SECURITY)?;
        let mut requirements = Vec::new();
        for one in list.list() {
            let mut requirement = Requirement::default();
            let mut unknown = false;
            for (name, scopes) in one.entries() {
                let Some(index) = schemes.iter().position(|scheme| scheme.name == name) else {
                    let message =
                        format!("the security scheme {:?} is not described; it is left out", clip(name));
                    self.warn("security-scheme-missing", one.at(), message, "describe it in the components");
                    unknown = true;
                    continue;
                };
                let scopes = scopes.list().filter_map(|scope| scope.node.scalar()).map(str::to_owned);
                requirement.schemes.push((index, scopes.collect()));
            }
            // Nothing left of something is not the same as nothing.
            let lost = unknown && requirement.schemes.is_empty();
            if !lost && !requirements.contains(&requirement) {
                requirements.push(requirement);
            }
        }
        Some(requirements)
    }

    pub(super) fn note(
        &mut self,
        code: &'static str,
        spot: Spot<'t>,
        message: impl Into<String>,
        suggestion: &str,
    ) {
        self.say(code, Severity::Note, spot.at(), message, suggestion);
    }
}

fn flows(spot: Spot<'_>) -> Vec<Flow> {
    let kind = |name: &str| match name {
        "implicit" => Some(FlowKind::Implicit),
        "password" => Some(FlowKind::Password),
        "clientCredentials" | "application" => Some(FlowKind::ClientCredentials),
        "authorizationCode" | "accessCode" => Some(FlowKind::AuthorizationCode),
        "deviceAuthorization" => Some(FlowKind::DeviceAuthorization),
        _ => None,
    };
    let flow = |kind, spot: Spot<'_>| {
        let text = |word| spot.text(word).map(str::to_owned);
        let scopes = spot.get(words::SCOPES).into_iter().flat_map(Spot::entries);
        let described = |node: crate::tree::Node<'_>| node.scalar().unwrap_or_default().to_owned();
        Flow {
            kind,
            authorization_url: text(words::AUTHORIZATION_URL),
            token_url: text(words::TOKEN_URL),
            refresh_url: text(words::REFRESH_URL),
            device_authorization_url: text(words::DEVICE_AUTHORIZATION_URL),
            scopes: scopes.map(|(name, text)| (name.to_owned(), described(text.node))).collect(),
        }
    };
    match spot.text(words::FLOW).and_then(kind) {
        // One flow beside the type, in 2.0.
        Some(kind) => vec![flow(kind, spot)],
        None => {
            let flows = spot.get(words::FLOWS).into_iter().flat_map(Spot::entries);
            flows.filter_map(|(name, one)| Some(flow(kind(name)?, one))).collect()
        }
    }
}
