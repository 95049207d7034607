//! The files around the code: `index.ts`, `package.json`, `tsconfig.json`, licence, change log.

use serde_json::{Value, json};

use crate::code::Imports;
use crate::plan::Plan;
use crate::resource::plan_head;
use crate::{File, License, Transport, Validation};

/// `index.ts`: everything that users import.
pub(crate) fn index(plan: &Plan<'_>, has_models: bool, used: &[&str]) -> String {
    let mut text = plan_head(plan);
    text.push_str("export * from \"./client.js\";\n");
    if has_models {
        text.push_str("export type * from \"./models.js\";\n");
    }
    let mut files: Vec<&str> = plan.groups.iter().map(|group| group.file.as_str()).collect();
    files.sort_unstable();
    for file in files {
        text.push_str(&format!("export * from \"./resources/{file}.js\";\n"));
    }
    text.push('\n');
    let mut exports = Imports::default();
    for name in ["Credential", "TokenSource"] {
        exports.of_type("./runtime/auth.js", name);
    }
    exports.of_type("./runtime/body.js", "Upload");
    exports.value("./runtime/client.js", "Client");
    for name in ["ApiCall", "ClientConfig", "ClientOptions", "Hooks", "RequestOptions"] {
        exports.of_type("./runtime/client.js", name);
    }
    for name in ["ApiPromise", "Result", "WithResponse"] {
        exports.of_type("./runtime/promise.js", name);
    }
    if plan.options.transport == Transport::Axios {
        exports.value("./runtime/axios.js", "axiosFetch");
    }
    exports.of_type("./runtime/client.js", "StandardSchema");
    exports.value("./runtime/rate-limit.js", "rateLimited");
    exports.of_type("./runtime/rate-limit.js", "RateLimit");
    exports.of_type("./runtime/retry.js", "RetryPolicy");
    if used.contains(&"pagination") {
        exports.of_type("./runtime/pagination.js", "PagePromise");
    }
    if used.contains(&"stream") {
        exports.of_type("./runtime/stream.js", "Stream");
        exports.of_type("./runtime/stream.js", "StreamPromise");
    }
    let named = exports.text().replace("import ", "export ");
    text.push_str(named.trim_end());
    text.push('\n');
    for whole in ["errors", "oauth", "webhooks"] {
        if whole == "errors" || used.contains(&whole) {
            text.push_str(&format!("export * from \"./runtime/{whole}.js\";\n"));
        }
    }
    text
}

/// `package.json` and its neighbours.
pub(crate) fn files(plan: &Plan<'_>, has_schemas: bool) -> Vec<File> {
    let file = |path: &str, text: String| File { path: path.to_owned(), text };
    let mut files = vec![
        file("package.json", format!("{:#}\n", manifest(plan, has_schemas))),
        file("tsconfig.json", pretty(&compiler(plan))),
        file("tsconfig.test.json", pretty(&test_compiler())),
        file("test/support.ts", include_str!("../package-tests/support.ts").to_owned()),
        file(".gitignore", "dist/\ndist-test/\nnode_modules/\n".to_owned()),
        file("CHANGELOG.md", changelog(plan)),
    ];
    if let Some(text) = license(plan) {
        files.push(file("LICENSE", text));
    }
    files
}

fn pretty(value: &Value) -> String {
    // Short lists stand on one line, as Prettier leaves them.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    for (from, to) in [("[\n      \"", "[\""), ("[\n    \"", "[\"")] {
        text = text.replace(from, to);
    }
    let mut out = String::new();
    for line in text.lines() {
        let inside = out.rsplit('\n').next().is_some_and(|last| last.contains("[\"") && !last.contains(']'));
        if inside {
            let line = line.trim_start();
            if !line.starts_with(']') {
                out.push(' ');
            }
            out.push_str(line);
        } else {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(line);
        }
    }
    out.push('\n');
    out
}

fn manifest(plan: &Plan<'_>, has_schemas: bool) -> Value {
    let options = plan.options;
    let mut manifest = json!({
        "name": plan.package(),
        "version": plan.version(),
        "description": format!("TypeScript client of {}", plan.name.title),
        "license": options.license.word(),
        "type": "module",
        "sideEffects": false,
        "engines": { "node": ">=20" },
        "files": ["dist", "CHANGELOG.md"],
        "exports": {
            ".": { "types": "./dist/index.d.ts", "default": "./dist/index.js" },
            "./resources/*": { "types": "./dist/resources/*.d.ts", "default": "./dist/resources/*.js" },
            "./mock": { "types": "./dist/mock.d.ts", "default": "./dist/mock.js" },
            "./package.json": "./package.json"
        },
        "scripts": {
            "build": "tsc",
            "prepack": "tsc",
            "test": "tsc -p tsconfig.test.json && node --test dist-test/test/operations.test.js"
        },
        "devDependencies": { "@types/node": "^20.19.0", "typescript": "^5.9.3 || ^7.0.2" },
        "prettier": { "printWidth": 100 }
    });
    let mut export = |path: &str, file: &str| {
        manifest["exports"][path] =
            json!({ "types": format!("./dist/{file}.d.ts"), "default": format!("./dist/{file}.js") });
    };
    if has_schemas {
        export("./schemas", "schemas");
    }
    if options.trigger {
        export("./trigger", "trigger/index");
    }
    if options.transport == Transport::Axios {
        manifest["dependencies"] = json!({ "axios": "^1.7.0" });
    }
    let peers = [
        (options.validation == Validation::Zod && has_schemas, "zod", "^4.0.0"),
        (options.trigger, "@trigger.dev/sdk", "^4.0.0"),
    ];
    for (_, name, version) in peers.into_iter().filter(|(needed, ..)| *needed) {
        manifest["peerDependencies"][name] = json!(version);
        manifest["devDependencies"][name] = json!(version);
    }

    if let Some(author) = &plan.options.author {
        manifest["author"] = json!(author);
    }
    manifest
}

fn compiler(plan: &Plan<'_>) -> Value {
    let mut compiler = json!({
        "compilerOptions": {
            "target": "ES2022",
            "lib": ["ES2022", "DOM", "DOM.Iterable"],
            "module": "NodeNext",
            "moduleResolution": "NodeNext",
            "types": [],
            "rootDir": "src",
            "outDir": "dist",
            "declaration": true,
            "declarationMap": true,
            "sourceMap": true,
            "strict": true,
            "exactOptionalPropertyTypes": true,
            "noUncheckedIndexedAccess": true,
            "noImplicitOverride": true,
            "noPropertyAccessFromIndexSignature": true,
            "verbatimModuleSyntax": true,
            "isolatedModules": true,
            "erasableSyntaxOnly": true
        },
        "include": ["src"]
    });
    if plan.options.trigger {
        // Trigger.dev's own types name packages that it does not bring, and break `exactOptionalPropertyTypes`.
        compiler["compilerOptions"]["skipLibCheck"] = json!(true);
    }
    compiler
}

fn test_compiler() -> Value {
    json!({
        "extends": "./tsconfig.json",
        "compilerOptions": { "types": ["node"], "rootDir": ".", "outDir": "dist-test", "declaration": false, "declarationMap": false },
        "include": ["src", "test"]
    })
}

fn changelog(plan: &Plan<'_>) -> String {
    let version = plan.api.info.version.trim();
    let of = if version.is_empty() { String::new() } else { format!(" (API {version})") };
    format!(
        "# Changelog\n\n## {}\n\n- First version, generated from {}{of}.\n",
        plan.version(),
        plan.name.title
    )
}

fn license(plan: &Plan<'_>) -> Option<String> {
    let holder = plan.options.author.clone().unwrap_or_else(|| format!("the authors of {}", plan.package()));
    match plan.options.license {
        License::Mit => Some(include_str!("../licenses/MIT.txt").replace("{holder}", &holder)),
        License::Isc => Some(include_str!("../licenses/ISC.txt").replace("{holder}", &holder)),
        License::Apache2 => Some(include_str!("../licenses/Apache-2.0.txt").to_owned()),
        License::Unlicensed => None,
    }
}
