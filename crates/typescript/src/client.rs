//! `client.ts`: the class of the API, its options, its servers.

use openapi::api::{ApiKeyIn, FlowKind, Operation, Scheme, Server};

use crate::code::{Code, Imports};
use crate::plan::Plan;
use crate::print::{Out, key, quoted};
use crate::resource::plan_head;
use crate::security::{CredentialKind, Credentials};
use crate::ty::Doc;
use crate::words::{camel, words};

/// The text of `client.ts`.
pub(crate) fn client(plan: &Plan<'_>) -> String {
    let mut imports = Imports::default();
    let mut out = Out::default();
    imports.value("./runtime/client.js", "Client");
    imports.of_type("./runtime/client.js", "ClientConfig");
    imports.of_type("./runtime/client.js", "ClientOptions");
    options(plan, &mut out, &mut imports);
    class(plan, &mut out, &mut imports);
    configure(plan, &mut out, &mut imports);
    servers(plan, &mut out);
    flows(plan, &mut out);
    format!("{}{}{}", plan_head(plan), imports.text(), out.text)
}

fn doc(out: &mut Out, indent: usize, text: impl Into<String>) {
    out.doc(&Doc { text: text.into(), tags: Vec::new() }, indent);
}

fn options(plan: &Plan<'_>, out: &mut Out, imports: &mut Imports) {
    let class = &plan.name.class;
    doc(
        out,
        0,
        format!("How a `{class}` is set up. Credentials that are not given are taken from the environment."),
    );
    let variables = plan.variables();
    let axios = plan.options.transport == crate::Transport::Axios;
    if plan.credentials.is_empty() && variables.is_empty() && !axios {
        out.push(&format!("export type {class}Options = ClientOptions;"));
        out.line(0);
        out.line(0);
        return;
    }
    out.push(&format!("export interface {class}Options extends ClientOptions {{"));
    for credentials in &plan.credentials {
        for (index, (name, variable)) in credentials.options.iter().enumerate() {
            out.line(2);
            doc(out, 2, credential_doc(credentials, index, variable));
            imports.of_type("./runtime/auth.js", "Credential");
            let of = if let CredentialKind::Token(_, true) = credentials.kind {
                imports.of_type("./runtime/auth.js", "TokenSource");
                "Credential | TokenSource"
            } else {
                "Credential"
            };
            out.push(&format!("readonly {}?: {of} | undefined;", key(name)));
        }
    }
    if axios {
        imports.of_type("axios", "AxiosInstance");
        out.line(2);
        doc(out, 2, "What carries requests, with interceptors, proxies and agents of yours.");
        out.push("readonly axios?: AxiosInstance | undefined;");
    }
    if !variables.is_empty() {
        out.line(2);
        doc(out, 2, "Parts of the address of the server.");
        out.push("readonly variables?:");
        out.line(4);
        out.push("| {");
        for variable in &variables {
            out.line(8);
            let values = variable.values.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", ");
            let text = variable.description.clone().unwrap_or_default();
            let text =
                if values.is_empty() { text } else { format!("{text} One of {values}.").trim().to_owned() };
            let tags = variable.default.iter().map(|d| format!("@default {}", quoted(d))).collect();
            out.doc(&Doc { text, tags }, 8);
            out.push(&format!("readonly {}?: string;", key(&variable.name)));
        }
        out.line(6);
        out.push("}");
        out.line(4);
        out.push("| undefined;");
    }
    out.line(0);
    out.push("}");
    out.line(0);
    out.line(0);
}

fn credential_doc(credentials: &Credentials, index: usize, variable: &str) -> String {
    let what = match &credentials.kind {
        CredentialKind::ApiKey(place, name) => {
            let place = match place {
                ApiKeyIn::Header => "header",
                ApiKeyIn::Query => "query parameter",
                ApiKeyIn::Cookie => "cookie",
            };
            format!("API key, sent in the {place} `{name}`.")
        }
        CredentialKind::Basic if index == 0 => "User name, sent as `Authorization: Basic`.".to_owned(),
        CredentialKind::Basic => "Password.".to_owned(),
        CredentialKind::Token(_, true) => {
            "OAuth 2 access token, or what gets and renews it, such as `clientCredentials(…)`.".to_owned()
        }
        CredentialKind::Token(scheme, false) => format!("Token, sent as `Authorization: {scheme}`."),
    };
    let said = credentials.description.as_deref().filter(|_| index == 0).unwrap_or_default().trim();
    let env = format!("Default: the environment variable `{variable}`.");
    if said.is_empty() { format!("{what} {env}") } else { format!("{what} {env}\n\n{said}") }
}

fn class(plan: &Plan<'_>, out: &mut Out, imports: &mut Imports) {
    let class = &plan.name.class;
    let info = &plan.api.info;
    let text = [info.summary.as_deref(), info.description.as_deref()]
        .into_iter()
        .flatten()
        .next()
        .unwrap_or_default();
    let text =
        if text.trim().is_empty() { format!("A client of {}.", plan.name.title) } else { text.to_owned() };
    doc(out, 0, first_paragraphs(&text));
    out.push(&format!("export class {class} extends Client {{"));
    for group in &plan.groups {
        out.line(2);
        imports.value(&format!("./resources/{}.js", group.file), &group.class);
        let head = format!("readonly {} =", key(&group.property));
        let value = format!("new {}(this);", group.class);
        out.push(&head);
        if 2 + head.len() + 1 + value.len() <= crate::print::WIDTH {
            out.push(&format!(" {value}"));
        } else if 2 + head.len() + 1 + value.len() - "this);".len() <= crate::print::WIDTH {
            out.push(&format!(" new {}(", group.class));
            out.line(4);
            out.push("this,");
            out.line(2);
            out.push(");");
        } else {
            out.line(4);
            out.push(&value);
        }
    }
    if !plan.groups.is_empty() {
        out.text.push('\n');
    }
    out.line(2);
    out.push(&format!("constructor(options: {class}Options = {{}}) {{"));
    out.line(4);
    out.push("super(configure(options));");
    out.line(2);
    out.push("}");
    out.line(0);
    out.push("}");
    out.line(0);
    out.line(0);
}

/// What a class needs to say of an API: not the whole manual.
fn first_paragraphs(text: &str) -> String {
    let mut kept = String::new();
    for paragraph in text.trim().split("\n\n") {
        let heading = paragraph.trim_start().starts_with('#');
        if !kept.is_empty() && (heading || kept.len() + paragraph.len() > 600) {
            break;
        }
        if heading && kept.is_empty() && !paragraph.contains('\n') {
            continue;
        }
        if !kept.is_empty() {
            kept.push_str("\n\n");
        }
        kept.push_str(paragraph.trim_end());
    }
    if kept.chars().count() > 1200 { kept.chars().take(1200).chain(['…']).collect() } else { kept }
}

fn configure(plan: &Plan<'_>, out: &mut Out, imports: &mut Imports) {
    let class = &plan.name.class;
    doc(
        out,
        0,
        format!(
            "Fills in the options of a `{class}`. With it a resource can be used alone: `new {}(new Client(configure()))`.",
            plan.groups.first().map_or("Resource", |group| &group.class)
        ),
    );
    out.push(&format!("export function configure(options: {class}Options = {{}}): ClientConfig {{"));
    let mut fields: Vec<(String, Code)> = vec![("...options".to_owned(), Code::raw("...options"))];
    imports.value("./runtime/auth.js", "environment");
    let env = format!("{}_BASE_URL", plan.name.environment);
    fields
        .push(("baseUrl".to_owned(), Code::Raw(format!("options.baseUrl ?? environment({})", quoted(&env)))));
    fields.push(("server".to_owned(), Code::Raw(plan.server_code())));
    if plan.options.transport == crate::Transport::Axios {
        imports.value("./runtime/axios.js", "axiosFetch");
        fields.push(("fetch".to_owned(), Code::raw("options.fetch ?? axiosFetch(options.axios)")));
    }
    fields
        .push(("userAgent".to_owned(), Code::Raw(quoted(&format!("{}/{}", plan.package(), plan.version())))));
    let mut authenticators: Vec<(String, Code)> = Vec::new();
    for credentials in &plan.credentials {
        authenticators.push((credentials.scheme.clone(), authenticator(credentials, imports)));
    }
    let security = vec![
        ("authenticators".to_owned(), Code::Object(authenticators)),
        ("alternatives".to_owned(), plan.alternatives(&plan.usual_security())),
    ];
    fields.push(("security".to_owned(), Code::Object(security)));
    let variables = plan.variables();
    if !variables.is_empty() {
        out.line(2);
        let taken: Vec<String> = variables
            .iter()
            .map(|variable| {
                let local = variable_name(&variable.name);
                let name =
                    if local == variable.name { local } else { format!("{}: {local}", key(&variable.name)) };
                format!("{name} = {}", quoted(variable.default.as_deref().unwrap_or_default()))
            })
            .collect();
        let line = format!("const {{ {} }} = options.variables ?? {{}};", taken.join(", "));
        if line.len() + 2 <= crate::print::WIDTH {
            out.push(&line);
        } else {
            out.push(&format!("const {{\n    {},\n  }} = options.variables ?? {{}};", taken.join(",\n    ")));
        }
    }
    out.line(2);
    out.push("return ");
    Code::Object(fields).write_open(out, 2);
    out.push(";");
    out.line(0);
    out.push("}");
    out.line(0);
}

/// The name of a server's variable as a local one.
pub(crate) fn variable_name(name: &str) -> String {
    let local = camel(&words(name));
    if local.is_empty() || crate::words::is_reserved(&local) || local == "options" {
        format!("{local}Value")
    } else {
        local
    }
}

fn authenticator(credentials: &Credentials, imports: &mut Imports) -> Code {
    let read = |index: usize| {
        let (name, variable) = &credentials.options[index];
        let access = if crate::words::is_identifier(name) {
            format!("options.{name}")
        } else {
            format!("options[{}]", quoted(name))
        };
        Code::Raw(format!("{access} ?? environment({})", quoted(variable)))
    };
    let (function, arguments) = match &credentials.kind {
        CredentialKind::ApiKey(place, name) => {
            let place = match place {
                ApiKeyIn::Header => "header",
                ApiKeyIn::Query => "query",
                ApiKeyIn::Cookie => "cookie",
            };
            ("apiKey", vec![Code::Raw(quoted(place)), Code::Raw(quoted(name)), read(0)])
        }
        CredentialKind::Basic => ("basic", vec![read(0), read(1)]),
        CredentialKind::Token(scheme, _) if scheme == "Bearer" => ("bearer", vec![read(0)]),
        CredentialKind::Token(scheme, _) => ("bearer", vec![read(0), Code::Raw(quoted(scheme))]),
    };
    imports.value("./runtime/auth.js", function);
    Code::Call(function.to_owned(), arguments)
}

/// Addresses that the document names, when there are several.
fn servers(plan: &Plan<'_>, out: &mut Out) {
    let servers: Vec<&Server> =
        plan.api.servers.iter().filter(|s| s.url.contains("://") && !s.url.contains('{')).collect();
    if servers.len() < 2 {
        return;
    }
    out.line(0);
    doc(out, 0, "Where the API is; the first is the default. Use one as `baseUrl`.");
    let told = |server: &Server| {
        let text = server.description.as_deref().or(server.name.as_deref()).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    out.push("export const SERVERS = ");
    if servers.iter().all(|server| told(server).is_empty()) {
        Code::List(servers.iter().map(|server| Code::Raw(quoted(&server.url))).collect()).write(out, 0, 10);
    } else {
        out.push("[");
        for server in servers {
            out.line(2);
            doc(out, 2, told(server));
            out.push(&quoted(&server.url));
            out.push(",");
        }
        out.line(0);
        out.push("]");
    }
    out.push(" as const;");
    out.line(0);
}

/// Where OAuth 2 tokens are got.
fn flows(plan: &Plan<'_>, out: &mut Out) {
    for credentials in &plan.credentials {
        let Scheme::OAuth2 { flows, .. } = &plan.api.security_schemes[credentials.index].scheme else {
            continue;
        };
        let Some((option, _)) = credentials.options.first() else { continue };
        let mut made: Vec<(String, Code)> = Vec::new();
        for flow in flows {
            let name = match flow.kind {
                FlowKind::Implicit => continue,
                FlowKind::Password => "password",
                FlowKind::ClientCredentials => "clientCredentials",
                FlowKind::AuthorizationCode => "authorizationCode",
                FlowKind::DeviceAuthorization => "deviceAuthorization",
            };
            let mut fields: Vec<(String, Code)> = Vec::new();
            let urls = [
                ("tokenUrl", &flow.token_url),
                ("authorizationUrl", &flow.authorization_url),
                ("refreshUrl", &flow.refresh_url),
            ];
            for (name, url) in urls {
                fields.extend(url.as_ref().map(|url| (name.to_owned(), Code::Raw(quoted(url)))));
            }
            let scopes = flow.scopes.iter().map(|(scope, _)| Code::Raw(quoted(scope)));
            fields.push(("scopes".to_owned(), Code::List(scopes.collect())));
            made.push((name.to_owned(), Code::Object(fields)));
        }
        if made.is_empty() {
            continue;
        }
        out.line(0);
        doc(
            out,
            0,
            format!(
                "Where tokens for `{option}` are got, and what they can be for. Pass one to the functions of `oauth.ts`."
            ),
        );
        out.push(&format!("export const {option}Flows = "));
        Code::Object(made).write_open(out, 0);
        out.push(" as const;");
        out.line(0);
    }
}

impl Plan<'_> {
    /// The variables of the first server.
    pub(crate) fn variables(&self) -> Vec<openapi::api::Variable> {
        let Some(server) = self.api.servers.first() else { return Vec::new() };
        server.variables.iter().filter(|v| server.url.contains(&format!("{{{}}}", v.name))).cloned().collect()
    }

    /// The default address, as code.
    fn server_code(&self) -> String {
        let url = self.api.servers.first().map_or_else(String::new, |server| {
            absolute(server).unwrap_or_else(|| {
                format!(
                    "http://localhost{}{}",
                    if server.url.starts_with('/') { "" } else { "/" },
                    server.url
                )
            })
        });
        if self.variables().is_empty() {
            return quoted(&url);
        }
        let mut code = url.replace('\\', "\\\\").replace('`', "\\`").replace("${", "\\${");
        for variable in self.variables() {
            code = code.replace(
                &format!("{{{}}}", variable.name),
                &format!("${{{}}}", variable_name(&variable.name)),
            );
        }
        format!("`{code}`")
    }

    /// Where an operation is, if not where the API is.
    pub(crate) fn server_of(&self, operation: &Operation) -> Option<String> {
        let own = operation.servers.first()?;
        if self.api.servers.first() == Some(own) || self.api.servers.contains(own) {
            return None;
        }
        let mut url = absolute(own)?;
        for variable in &own.variables {
            url = url
                .replace(&format!("{{{}}}", variable.name), variable.default.as_deref().unwrap_or_default());
        }
        Some(url)
    }
}

/// The address of a server, if the document or where it was found says it whole.
fn absolute(server: &Server) -> Option<String> {
    if server.url.contains("://") {
        return Some(server.url.trim_end_matches('/').to_owned());
    }
    if let Some(rest) = server.url.strip_prefix("//") {
        return Some(format!("https://{}", rest.trim_end_matches('/')));
    }
    let base = server.base.strip_prefix("http").map(|_| server.base.as_str())?;
    let (scheme, rest) = base.split_once("://")?;
    let host = rest.split('/').next()?;
    Some(format!("{scheme}://{host}/{}", server.url.trim_start_matches('/')).trim_end_matches('/').to_owned())
}
