//! `homeostat connect SPEC -o DIR`: a package in a folder, made or brought up to date.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use api::connectors::{ConnectorDiagnostic, ConnectorOptions, ConnectorTitle, diagnostics};
use serde_json::{Map, Value, json};
use typescript::Package;

use super::folder::Folder;
use super::manifest::Manifest;
use super::plan::{Conflicts, Plan};
use super::reading::{self, Stages};
use super::told;
use crate::cli::Output;
use crate::cli::connect::Make;
use crate::output::{self, line, progress};

/// Paths that are named one by one.
const PATHS_SHOWN: usize = 20;

/// Makes it.
///
/// # Errors
/// The document cannot be used, or the folder cannot be written; the text says what to do.
pub(super) async fn run(make: Make, output: &Output) -> Result<ExitCode, String> {
    let begun = Instant::now();
    let folder = Folder::open(&make.out)?;
    let options = options(&make, &folder.last.options)?;
    let typed = options.options().map_err(|(field, why)| match field {
        "version" => format!("--package-version: {why}"),
        field => format!("--{field}: {why}"),
    })?;
    let documents = reading::reader(&make.reading())?;
    let stages = Stages::default();
    let read = stages.watch(reading::read(&documents, &make.spec, &stages)).await;
    let outcome = read.map_err(|error| reading::refused(&error))?;
    stages.say(format!("generating {}", told::count(outcome.api.operations.len(), "operation")));
    let work = tokio::task::spawn_blocking(move || {
        let package = typescript::package(&outcome.api, &typed);
        (outcome, package)
    });
    let failed = |_| "making the package failed here; report this with the document".to_owned();
    let (outcome, package) = stages.watch(work).await.map_err(failed)?;
    let conflicts = match (make.force, make.keep) {
        (true, _) => Conflicts::Overwrite,
        (_, true) => Conflicts::Keep,
        _ => Conflicts::Refuse,
    };
    let plan = folder.plan(&package, conflicts)?;
    let refused = !plan.conflicts.is_empty() && conflicts == Conflicts::Refuse;
    let made = Made {
        found: diagnostics(&outcome.diagnostics, &package.notes),
        package: Arc::new(package),
        title: ConnectorTitle::from(&outcome.api),
        named: told::named(&outcome.api),
        schemas: outcome.api.named().len(),
        options: options.clone(),
    };
    if !refused && !make.dry_run {
        let manifest = Manifest::new(&make.spec, options);
        stages.say(format!("writing to {}", make.out.display()));
        let say = stages.clone();
        let (out, total) = (make.out.display().to_string(), plan.create.len() + plan.update.len());
        let package = Arc::clone(&made.package);
        let planned = plan.clone();
        let work = tokio::task::spawn_blocking(move || {
            let told = |done| say.say(format!("writing to {out}: {done} of {total}"));
            folder.write(&package, &planned, manifest, &told)
        });
        stages.watch(work).await.map_err(|error| error.to_string())??;
    }
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    if output.json {
        output::json(&made.json(&make, &plan, took_ms));
    } else {
        made.tell(&make, &plan, refused);
    }
    if refused { refusal(&make, &plan, output) } else { Ok(ExitCode::SUCCESS) }
}

/// The options of the last time, and what is given now over them.
fn options(make: &Make, last: &ConnectorOptions) -> Result<ConnectorOptions, String> {
    let mut all = match serde_json::to_value(last) {
        Ok(Value::Object(all)) => all,
        _ => Map::new(),
    };
    let given = [
        ("name", &make.name),
        ("version", &make.package_version),
        ("license", &make.license),
        ("author", &make.author),
    ];
    for (field, value) in given {
        if let Some(value) = value {
            all.insert(field.to_owned(), value.as_str().into());
        }
    }
    serde_json::from_value(all.into()).map_err(|error| error.to_string())
}

/// What was made, to be told.
struct Made {
    package: Arc<Package>,
    found: Vec<ConnectorDiagnostic>,
    title: ConnectorTitle,
    named: String,
    schemas: usize,
    options: ConnectorOptions,
}

impl Made {
    fn json(&self, make: &Make, plan: &Plan, took_ms: u64) -> Value {
        let conflicts: Vec<_> =
            plan.conflicts.iter().map(|one| json!({"path": one.path, "why": one.why.text()})).collect();
        json!({
            "folder": make.out,
            "dry_run": make.dry_run,
            "package": self.package.name,
            "class": self.package.class,
            "api": self.title,
            "schemas": self.schemas,
            "options": self.options,
            "created": plan.create,
            "updated": plan.update,
            "deleted": plan.delete,
            "unchanged": plan.same.len(),
            "conflicts": conflicts,
            "diagnostics": self.found,
            "took_ms": took_ms,
        })
    }

    /// What happened, for people: what was noticed goes to standard error, what was done to standard output.
    fn tell(&self, make: &Make, plan: &Plan, refused: bool) {
        let serious: Vec<_> = self.found.iter().filter(|one| one.severity == "error").cloned().collect();
        told::findings(&serious, false).iter().for_each(|text| progress(text));
        if !self.found.is_empty() {
            let source = if make.spec == "-" { "SPEC" } else { &make.spec };
            progress(&format!(
                "The document has {}; `homeostat connect check {source}` shows them.",
                told::counted(&self.found)
            ));
        }
        if refused {
            return;
        }
        let out = make.out.display();
        if make.dry_run {
            for (verb, paths) in
                [("create", &plan.create), ("update", &plan.update), ("delete", &plan.delete)]
            {
                paths.iter().for_each(|path| line(format!("{verb} {path}")));
            }
        }
        for kept in &plan.conflicts {
            line(format!("kept {} ({})", kept.path, kept.why.text()));
        }
        let changes = [
            told::count(plan.create.len(), "new file"),
            format!("{} changed", plan.update.len()),
            format!("{} removed", plan.delete.len()),
            format!("{} as before", plan.same.len()),
        ];
        let verb = if make.dry_run { "would be" } else { "is" };
        line(format!(
            "{} {verb} in {out}: {} of {} ({}).",
            self.package.name,
            told::count(self.package.methods.len(), "operation"),
            self.named,
            changes.join(", ")
        ));
        if !make.dry_run && !plan.create.is_empty() && plan.same.is_empty() && plan.update.is_empty() {
            line(format!("Next: cd {out} && npm install && npm test"));
        }
    }
}

/// Files that stand in the way, and what can be done about them.
fn refusal(make: &Make, plan: &Plan, output: &Output) -> Result<ExitCode, String> {
    if output.json {
        return Ok(ExitCode::FAILURE);
    }
    let mut text = format!(
        "nothing was written to {}, because these files are not as homeostat left them:\n",
        make.out.display()
    );
    for one in plan.conflicts.iter().take(PATHS_SHOWN) {
        text.push_str(&format!("  {} ({})\n", one.path, one.why.text()));
    }
    if plan.conflicts.len() > PATHS_SHOWN {
        text.push_str(&format!("  … and {} more\n", plan.conflicts.len() - PATHS_SHOWN));
    }
    text.push_str("run it with --keep to leave these as they are, with --force to overwrite them");
    Err(text)
}
