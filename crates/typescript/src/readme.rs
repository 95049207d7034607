//! `README.md` and `API.md`: how to use the package, with the document's own operations.

use std::fmt::Write;

use openapi::api::In;

use crate::mock::example_arguments;
use crate::names::Group;
use crate::operations::{Codec, Form, Method};
use crate::options::{Dates, Transport, Validation};
use crate::plan::Plan;
use crate::print::quoted;
use crate::security::CredentialKind;

type Groups<'g, 'a> = [(&'g Group, Vec<Method<'a>>)];

/// The text of `README.md`.
pub(crate) fn readme(plan: &Plan<'_>, groups: &Groups<'_, '_>) -> String {
    let mut text = String::new();
    let name = &plan.name;
    let package = plan.package();
    let _ = writeln!(
        text,
        "# {package}\n\nTypeScript client of {}, with every operation as a typed method.\n",
        name.title
    );
    let carried = match (plan.options.transport, plan.options.validation) {
        (Transport::Axios, _) => "Requests go through axios",
        (Transport::Fetch, Validation::Zod) => {
            "No dependency but zod beside it: it uses the platform's `fetch`"
        }
        (Transport::Fetch, _) => "No dependencies: it uses the platform's `fetch`",
    };
    let _ = writeln!(text, "- {carried}. Node 20 or newer, Deno, Bun, workers and browsers.");
    text.push_str("- Retries with backoff, timeouts, typed errors, and whatever else is below, in ES modules that bundlers can shake.\n\n");
    let _ = writeln!(text, "## Install\n\n```sh\nnpm install {package}\n```\n");
    usage(plan, groups, &mut text);
    credentials(plan, &mut text);
    errors(plan, groups, &mut text);
    pages(plan, groups, &mut text);
    streams(plan, groups, &mut text);
    uploads(plan, groups, &mut text);
    settings(plan, &mut text);
    checks(plan, &mut text);
    dates(plan, &mut text);
    axios(plan, &mut text);
    tasks(plan, &mut text);
    bundles(plan, groups, &mut text);
    mock(plan, groups, &mut text);
    text.push_str("## All methods\n\n[API.md](API.md) lists them.\n\n## Licence\n\n");
    text.push_str(match plan.options.license {
        crate::License::Mit => "[MIT](LICENSE)\n",
        crate::License::Isc => "[ISC](LICENSE)\n",
        crate::License::Apache2 => "[Apache-2.0](LICENSE)\n",
        crate::License::Unlicensed => "None: all rights reserved.\n",
    });
    text
}

/// The text of `API.md`: every method, by resource.
pub(crate) fn reference(plan: &Plan<'_>, groups: &Groups<'_, '_>) -> String {
    let mut text = format!("# Methods of `{}`\n", plan.name.class);
    for (group, methods) in groups {
        let _ = writeln!(text, "\n## {}\n", group.property);
        for method in methods {
            let operation = method.operation;
            let call = format!("{}.{}.{}", plan.name.variable, group.property, method.name);
            let mut line = format!(
                "- `{call}()` · `{} {}`",
                operation.method.to_uppercase(),
                operation.path.replace('`', "'")
            );
            let summary = operation.summary.as_deref().unwrap_or_default();
            let summary = summary.split_whitespace().collect::<Vec<_>>().join(" ");
            if !summary.is_empty() {
                let _ = write!(line, ": {}", markdown(&summary));
            }
            if operation.deprecated {
                line.push_str(" (deprecated)");
            }
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

/// A sentence in Markdown that was none: what would be markup stays text.
fn markdown(text: &str) -> String {
    text.replace('<', "&lt;").replace('*', "\\*").replace('_', "\\_")
}

fn code(text: &mut String, lines: &str) {
    let _ = writeln!(text, "```ts\n{}\n```\n", lines.trim_end());
}

/// A call as it is written in an example.
fn call(plan: &Plan<'_>, group: &Group, method: &Method<'_>) -> String {
    let mut arguments: Vec<String> =
        example_arguments(plan, method, None).iter().map(crate::code::Code::flat).collect();
    while arguments.last().is_some_and(|last| last == "undefined" || last == "{}") {
        arguments.pop();
    }
    format!("{}.{}.{}({})", plan.name.variable, group.property, method.name, arguments.join(", "))
}

/// The first method that a condition holds for; those that are simple to call come first.
fn pick<'g, 'a>(
    groups: &'g Groups<'g, 'a>,
    fits: impl Fn(&Method<'a>) -> bool,
) -> Option<(&'g Group, &'g Method<'a>)> {
    let all = groups.iter().flat_map(|(group, methods)| methods.iter().map(move |method| (*group, method)));
    let cost = |method: &Method<'_>| {
        let needed = method.parameters.iter().filter(|p| p.required).count();
        let path = method.operation.parameters.iter().filter(|p| p.place == In::Path).count();
        let dull = matches!(method.answer.of, crate::ty::Type::Word(_));
        needed * 2
            + path
            + usize::from(method.body.is_some()) * 2
            + usize::from(method.operation.deprecated) * 9
            + usize::from(dull) * 3
    };
    all.filter(|(_, method)| fits(method)).min_by_key(|(_, method)| cost(method))
}

fn usage(plan: &Plan<'_>, groups: &Groups<'_, '_>, text: &mut String) {
    let name = &plan.name;
    text.push_str("## Use\n\n");
    let option = plan.credentials.first().and_then(|c| c.options.first());
    let settings = option.map_or_else(String::new, |(option, variable)| {
        format!("{{ {option}: process.env[{}] }}", quoted(variable))
    });
    let mut lines = format!(
        "import {{ {class} }} from {package};\n\nconst {variable} = new {class}({settings});\n",
        class = name.class,
        package = quoted(plan.package()),
        variable = name.variable,
    );
    let first = pick(groups, |m| m.operation.method == "get" && m.answer.form == Form::Auto)
        .or_else(|| pick(groups, |_| true));
    if let Some((group, method)) = first {
        let _ = write!(lines, "\nconst answer = await {};\n", call(plan, group, method));
        lines.push_str("console.log(answer);\n");
    }
    let second = pick(groups, |m| {
        m.operation.method == "post" && m.body.as_ref().is_some_and(|b| b.codec == Codec::Json && b.required)
    });
    if let Some((group, method)) = second {
        let line = call(plan, group, method);
        if line.len() < 120 {
            let _ = write!(lines, "\nawait {line};\n");
        }
    }
    code(text, &lines);
    text.push_str(
        "Names on the wire are kept as the API has them, so its own documentation applies as it is.\n\n",
    );
}

fn credentials(plan: &Plan<'_>, text: &mut String) {
    if plan.credentials.is_empty() {
        return;
    }
    text.push_str("## Credentials\n\n| option | sent as | environment |\n| --- | --- | --- |\n");
    for credentials in &plan.credentials {
        for (option, variable) in &credentials.options {
            let sent = match &credentials.kind {
                CredentialKind::ApiKey(place, name) => {
                    format!("{} `{name}`", format!("{place:?}").to_lowercase())
                }
                CredentialKind::Basic => "`Authorization: Basic`".to_owned(),
                CredentialKind::Token(scheme, _) => format!("`Authorization: {scheme}`"),
            };
            let _ = writeln!(text, "| `{option}` | {sent} | `{variable}` |");
        }
    }
    text.push_str("\nA credential can be a function, which is asked before each request.\n\n");
    let oauth = plan.credentials.iter().find(|c| matches!(c.kind, CredentialKind::Token(_, true)));
    if let Some((option, _)) = oauth.and_then(|c| c.options.first()) {
        text.push_str("OAuth 2 tokens are got, kept and renewed by what you pass; a request that is refused with 401 is made once more with a new one.\n\n");
        code(
            text,
            &format!(
                "import {{ clientCredentials, {class} }} from {package};\n\nconst {variable} = new {class}({{\n  {option}: clientCredentials({{\n    tokenUrl: \"https://…/oauth/token\",\n    clientId: \"…\",\n    clientSecret: \"…\",\n  }}),\n}});",
                class = plan.name.class,
                package = quoted(plan.package()),
                variable = plan.name.variable,
            ),
        );
        text.push_str(
            "For people there are `pkce`, `authorizationUrl`, `exchangeCode` and `refreshing`.\n\n",
        );
    }
}

fn errors(plan: &Plan<'_>, groups: &Groups<'_, '_>, text: &mut String) {
    text.push_str("## Errors\n\n");
    let Some((group, method)) = pick(groups, |m| !m.failures.is_empty()).or_else(|| pick(groups, |_| true))
    else {
        return;
    };
    let call = call(plan, group, method);
    code(
        text,
        &format!(
            "import {{ ApiError, NotFoundError }} from {};\n\ntry {{\n  await {call};\n}} catch (error) {{\n  if (error instanceof NotFoundError) console.log(\"there is none\");\n  else if (error instanceof ApiError) console.log(error.status, error.body, error.requestId);\n  else throw error;\n}}",
            quoted(plan.package()),
        ),
    );
    text.push_str(
        "`ConnectionError`, `TimeoutError`, `AbortError` and `ResponseFormatError` say that no usable answer came. All extend `RequestError`.\n\n\
         Failures that the API documents can be values instead, with the types of their bodies:\n\n",
    );
    code(
        text,
        &format!(
            "const result = await {call}.result();\nif (result.ok) console.log(result.data);\nelse console.log(result.error.status, result.error.body);",
        ),
    );
}

fn pages(plan: &Plan<'_>, groups: &Groups<'_, '_>, text: &mut String) {
    let Some((group, method)) = pick(groups, |m| m.pages.is_some()) else { return };
    let call = call(plan, group, method);
    text.push_str(
        "## Pages\n\nA list is a promise of its first page and an iterator over the items of all pages.\n\n",
    );
    code(
        text,
        &format!(
            "for await (const item of {call}) console.log(item);\n\nconst firstHundred = await {call}.toArray(100);\nfor await (const page of {call}.pages()) console.log(page);",
        ),
    );
}

fn streams(plan: &Plan<'_>, groups: &Groups<'_, '_>, text: &mut String) {
    let streams = |m: &Method<'_>| m.streams.is_some() || matches!(m.answer.form, Form::Events | Form::Lines);
    let Some((group, method)) = pick(groups, streams) else { return };
    let plain = call(plan, group, method);
    let call = if method.streams.is_some() {
        plain.replacen(&format!(".{}(", method.name), &format!(".{}Stream(", method.name), 1)
    } else {
        plain
    };
    text.push_str("## Streams\n\nLeaving the loop ends the connection.\n\n");
    code(text, &format!("for await (const event of {call}) console.log(event);"));
}

fn uploads(plan: &Plan<'_>, groups: &Groups<'_, '_>, text: &mut String) {
    let upload = pick(groups, |m| {
        m.body.as_ref().is_some_and(|b| b.required && matches!(b.codec, Codec::Multipart | Codec::Binary))
    });
    let download = pick(groups, |m| m.answer.form == Form::Blob);
    if upload.is_none() && download.is_none() {
        return;
    }
    text.push_str("## Files\n\n");
    if let Some((group, method)) = upload {
        text.push_str("What is uploaded is a `Blob`, a `File`, bytes or a stream; `fs.openAsBlob(path)` makes one of a file on disk.\n\n");
        code(text, &format!("await {};", call(plan, group, method)));
    }
    if let Some((group, method)) = download {
        text.push_str("What is downloaded is a `Blob`; `asResponse()` gives its body as a stream.\n\n");
        let call = call(plan, group, method);
        code(text, &format!("const blob = await {call};\nconst {{ body }} = await {call}.asResponse();"));
    }
}

fn settings(plan: &Plan<'_>, text: &mut String) {
    let class = &plan.name.class;
    text.push_str("## Retries, timeouts, hooks\n\n");
    code(
        text,
        &format!(
            "import {{ {class}, rateLimited }} from {};\n\nconst {} = new {class}({{\n  timeoutMs: 10_000,\n  retry: {{ maxRetries: 5 }},\n  headers: {{ \"X-Team\": \"billing\" }},\n  hooks: {{ onRetry: ({{ request, delayMs }}) => console.log(request.url, delayMs) }},\n  fetch: rateLimited({{ requests: 10, periodMs: 1_000, concurrency: 4 }}),\n}});",
            quoted(plan.package()),
            plan.name.variable,
        ),
    );
    text.push_str(
        "Connection errors and the statuses 408, 425, 429, 500, 502, 503 and 504 are tried again where repeating is safe: twice, \
         with exponential backoff and jitter, or when `Retry-After` says. Calls that are not safe to repeat are only tried again after \
         429, or when they carry an idempotency key. Each call takes the same options, and a signal:\n\n",
    );
    code(
        text,
        &format!(
            "{}.request({{ method: \"GET\", path: \"/anything\", options: {{ signal: AbortSignal.timeout(1_000) }} }});",
            plan.name.variable
        ),
    );
}

fn checks(plan: &Plan<'_>, text: &mut String) {
    let what = match plan.options.validation {
        Validation::None => return,
        Validation::StandardSchema => "[Standard Schema](https://standardschema.dev) validators",
        Validation::Zod => "[zod](https://zod.dev) schemas",
    };
    let _ = writeln!(
        text,
        "## Checks\n\nWhat is sent and what comes back is checked against the types of the API, by {what} that are in `{}/schemas`. \
         What does not fit is a `SchemaError` with the place of each fault. A hook lets it pass instead:\n",
        plan.package()
    );
    code(
        text,
        &format!(
            "const {} = new {}({{\n  hooks: {{ onInvalid: (error) => console.warn(error.part, error.issues) }},\n}});",
            plan.name.variable, plan.name.class
        ),
    );
}

fn dates(plan: &Plan<'_>, text: &mut String) {
    if plan.options.dates == Dates::Dates {
        text.push_str(
            "## Dates\n\nWhat the API calls `date-time` or `date` is a `Date`, in what is sent and in what comes back. A `date` is \
             the first moment of its day in UTC.\n\n",
        );
    }
}

fn axios(plan: &Plan<'_>, text: &mut String) {
    if plan.options.transport == Transport::Axios {
        text.push_str(
            "## axios\n\nAn instance of yours carries its interceptors, proxies and agents with it.\n\n",
        );
        code(
            text,
            &format!(
                "import axios from \"axios\";\n\nconst {} = new {}({{ axios: axios.create({{ maxRedirects: 0 }}) }});",
                plan.name.variable, plan.name.class
            ),
        );
    }
}

fn tasks(plan: &Plan<'_>, text: &mut String) {
    if !plan.options.trigger {
        return;
    }
    let _ = writeln!(
        text,
        "## Tasks of Trigger.dev\n\nEach operation whose arguments and answer are JSON is a task. In a project of Trigger.dev, one file in the \
         folder of its tasks is enough; `trigger.config.example.ts` is a setting to begin with.\n",
    );
    code(text, &format!("export * from {};", quoted(&format!("{}/trigger", plan.package()))));
    text.push_str(
        "Credentials come from the environment; `setClient` gives the tasks another client. Retries are the client's: it knows what is safe to \
         repeat, so a task is tried once.\n\n",
    );
}

fn bundles(plan: &Plan<'_>, groups: &Groups<'_, '_>, text: &mut String) {
    let Some((group, _)) = groups.first() else { return };
    text.push_str("## Small bundles\n\nA resource can be used alone; the others are not bundled then.\n\n");
    code(
        text,
        &format!(
            "import {{ Client, configure, {class} }} from {package};\n\nconst {property} = new {class}(new Client(configure()));",
            class = group.class,
            package = quoted(plan.package()),
            property = if crate::words::is_reserved(&group.property) { "resource" } else { &group.property },
        ),
    );
}

fn mock(plan: &Plan<'_>, groups: &Groups<'_, '_>, text: &mut String) {
    let Some((group, method)) =
        pick(groups, |m| m.operation.method == "get").or_else(|| pick(groups, |_| true))
    else {
        return;
    };
    text.push_str("## Tests without the service\n\n`/mock` is a server made of the API's description. It refuses requests that break the contract.\n\n");
    code(
        text,
        &format!(
            "import {{ createMock }} from \"{package}/mock\";\n\nconst {{ fetch, requests }} = createMock();\nconst {variable} = new {class}({{ fetch }});\nawait {call};\nconsole.log(requests.length);",
            package = plan.package(),
            variable = plan.name.variable,
            class = plan.name.class,
            call = call(plan, group, method),
        ),
    );
}
