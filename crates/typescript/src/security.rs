//! Credentials: which options a client takes for the ways in which callers prove who they are.

use std::collections::HashMap;

use openapi::api::{ApiKeyIn, Operation, Requirement, Scheme};

use crate::code::Code;
use crate::plan::Plan;
use crate::print::quoted;
use crate::words::{camel, screaming, words};

/// A way to prove who asks, as options of a client.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    /// Its name in the document.
    pub(crate) scheme: String,
    pub(crate) kind: CredentialKind,
    /// Names of options, with their variables of the environment.
    pub(crate) options: Vec<(String, String)>,
    pub(crate) description: Option<String>,
    /// Where tokens are got, for OAuth 2.
    pub(crate) index: usize,
}

impl Credentials {
    /// Names of its options.
    pub(crate) fn names(&self) -> Vec<String> {
        self.options.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    ApiKey(ApiKeyIn, String),
    Basic,
    /// A token in the header `Authorization`, with the word before it; tokens may be got and renewed by OAuth 2.
    Token(String, bool),
}

/// The credentials that a client takes. The first of a kind has the plain name.
pub(crate) fn credentials(plan: &Plan<'_>) -> Vec<Credentials> {
    let mut used: Vec<String> =
        ["axios", "baseUrl", "headers", "timeoutMs", "retry", "hooks", "fetch", "variables"]
            .map(str::to_owned)
            .into();
    let prefix = &plan.name.environment;
    let mut found = Vec::new();
    for (index, scheme) in plan.api.security_schemes.iter().enumerate() {
        let (kind, plain): (CredentialKind, &[&str]) = match &scheme.scheme {
            Scheme::ApiKey { name, place } => (CredentialKind::ApiKey(*place, name.clone()), &["apiKey"]),
            Scheme::Http { scheme, .. } if scheme == "basic" => {
                (CredentialKind::Basic, &["username", "password"])
            }
            Scheme::Http { scheme, .. } if scheme == "bearer" => {
                (CredentialKind::Token("Bearer".to_owned(), false), &["token"])
            }
            Scheme::Http { scheme, .. } => (CredentialKind::Token(scheme.clone(), false), &["token"]),
            Scheme::OAuth2 { .. } | Scheme::OpenIdConnect { .. } => {
                (CredentialKind::Token("Bearer".to_owned(), true), &["accessToken"])
            }
            Scheme::MutualTls | Scheme::Other(_) => continue,
        };
        let free = plain.iter().all(|name| !used.iter().any(|known| known == name));
        let own = camel(&words(&scheme.name));
        let names: Vec<String> = plain
            .iter()
            .map(|name| match (free, plain.len()) {
                (true, _) => (*name).to_owned(),
                (false, 1) => own.clone(),
                (false, _) => camel(&words(&format!("{own} {name}"))),
            })
            .map(|name| {
                let mut name = if name.is_empty() { plain[0].to_owned() } else { name };
                while used.contains(&name) {
                    name.push('_');
                }
                used.push(name.clone());
                name
            })
            .collect();
        let options = names.into_iter().map(|name| {
            let variable = format!("{prefix}_{}", screaming(&words(&name)).trim_start_matches('_'));
            (name, variable)
        });
        found.push(Credentials {
            scheme: scheme.name.clone(),
            kind,
            options: options.collect(),
            description: scheme.description.clone(),
            index,
        });
    }
    found
}

impl Plan<'_> {
    /// What most operations ask for: the client's own alternatives.
    pub(crate) fn usual_security(&self) -> Vec<Requirement> {
        let mut counts: HashMap<String, (usize, usize)> = HashMap::new();
        for (index, operation) in self.api.operations.iter().enumerate() {
            counts.entry(format!("{:?}", names_of(&operation.security))).or_insert((0, index)).0 += 1;
        }
        let most = counts.values().max_by_key(|(count, first)| (*count, std::cmp::Reverse(*first)));
        most.map(|(_, index)| self.api.operations[*index].security.clone()).unwrap_or_default()
    }

    /// What an operation asks for, if it is not what most ask for.
    pub(crate) fn security_of(&self, operation: &Operation) -> Option<Vec<Requirement>> {
        let own = self.alternatives(&operation.security);
        (own.flat() != self.usual).then(|| operation.security.clone())
    }

    /// Alternatives as names of schemes. Those that need what a client cannot do are left out, and so is asking for nothing.
    pub(crate) fn alternatives(&self, requirements: &[Requirement]) -> Code {
        let usable = |index: &usize| {
            !matches!(self.api.security_schemes[*index].scheme, Scheme::MutualTls | Scheme::Other(_))
        };
        let mut lists: Vec<Vec<String>> = Vec::new();
        for requirement in requirements {
            let names: Vec<String> = requirement
                .schemes
                .iter()
                .map(|(index, _)| index)
                .filter(|index| usable(index))
                .map(|index| quoted(&self.api.security_schemes[*index].name))
                .collect();
            if !names.is_empty() && !lists.contains(&names) {
                lists.push(names);
            }
        }
        Code::List(
            lists.into_iter().map(|names| Code::List(names.into_iter().map(Code::Raw).collect())).collect(),
        )
    }
}

fn names_of(requirements: &[Requirement]) -> Vec<Vec<usize>> {
    requirements.iter().map(|r| r.schemes.iter().map(|(index, _)| *index).collect()).collect()
}
