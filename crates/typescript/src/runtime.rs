//! The hand-written modules of `runtime/`, and which of them a package needs.

use openapi::api::Scheme;

use crate::File;
use crate::plan::Plan;

/// A module: its name, and its text.
struct Module {
    name: &'static str,
    text: &'static str,
}

macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        &[$(Module { name: $name, text: include_str!(concat!("../runtime/", $name, ".ts")) }),*]
    };
}

const MODULES: &[Module] = modules![
    "auth",
    "axios",
    "body",
    "client",
    "errors",
    "mock",
    "oauth",
    "pagination",
    "promise",
    "rate-limit",
    "resource",
    "retry",
    "schema",
    "stream",
    "url",
    "webhooks",
    "zod",
];

/// Modules that only some APIs need.
const OPTIONAL: [&str; 7] = ["axios", "oauth", "pagination", "schema", "stream", "webhooks", "zod"];

/// The names of the modules that a package needs.
pub(crate) fn used(plan: &Plan<'_>, files: &[File]) -> Vec<&'static str> {
    let imported = |name: &str| files.iter().any(|file| file.text.contains(&format!("/runtime/{name}.js\"")));
    let schemes = &plan.api.security_schemes;
    let oauth =
        schemes.iter().any(|s| matches!(s.scheme, Scheme::OAuth2 { .. } | Scheme::OpenIdConnect { .. }));
    MODULES
        .iter()
        .map(|module| module.name)
        .filter(|name| match *name {
            "oauth" => oauth,
            "webhooks" => !plan.api.webhooks.is_empty(),
            name => !OPTIONAL.contains(&name) || imported(name),
        })
        .collect()
}

/// The files of modules.
pub(crate) fn files(used: &[&str]) -> Vec<File> {
    MODULES
        .iter()
        .filter(|module| used.contains(&module.name))
        .map(|module| File { path: format!("src/runtime/{}.ts", module.name), text: module.text.to_owned() })
        .collect()
}
