//! An API as a TypeScript package: [`package`] takes the model of a document and gives files.
//!
//! What is written by hand (sending, retries, pages, streams, credentials) is in `runtime/` and is copied; what depends on the
//! document is made here: types, resources, the client, the README, tests. The same document and options give the same
//! bytes. Everything is laid out as Prettier does at a width of 100.
//!
//! Deliberately absent: reading documents (`openapi` does), writing files, and any word of our own domain.

mod client;
mod code;
mod mock;
mod models;
mod names;
mod operations;
mod options;
mod pagination;
mod plan;
mod print;
mod project;
mod readme;
mod resource;
mod runtime;
mod schemas;
mod security;
mod trigger;
mod ty;
mod types;
mod values;
mod words;

use openapi::api::{Api, At, Location};

pub use options::{Dates, License, Options, Pages, PagesBy, PagesIn, Pagination, Transport, Validation};

use crate::plan::Plan;

/// A package.
#[derive(Clone, Debug)]
pub struct Package {
    /// What it is called on npm.
    pub name: String,
    /// What the class of its client is called.
    pub class: String,
    /// Its files in order of their paths.
    pub files: Vec<File>,
    /// Every operation as a method, in the order of the document.
    pub methods: Vec<Named>,
    /// What could not be said in TypeScript as the document says it.
    pub notes: Vec<Note>,
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is in the package, with `/` between folders.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// What an operation is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The property of the client that has the method.
    pub resource: String,
    /// The method.
    pub method: String,
    /// The method of HTTP, in capital letters.
    pub http_method: String,
    /// The path as the document writes it.
    pub path: String,
    /// The `operationId`, as the document writes it.
    pub operation_id: Option<String>,
}

/// Something that a package says less exactly than the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// A name for what it is, for programs.
    pub code: &'static str,
    /// What it is, for people.
    pub message: String,
    /// Where it stands in the document.
    pub location: Location,
}

impl Note {
    fn at(api: &Api, at: At, code: &'static str, message: String) -> Self {
        Self { code, message, location: api.location(at) }
    }
}

/// Makes a package.
#[must_use]
pub fn package(api: &Api, options: &Options) -> Package {
    let mut plan = Plan::of(api, options);
    let mut notes = Vec::new();
    let mut files: Vec<File> = Vec::new();
    let mut methods: Vec<Named> = Vec::new();
    let mut schemas: Vec<schemas::Own> = Vec::new();
    let mut types: Vec<Vec<resource::MethodTypes>> = Vec::new();
    let groups = std::mem::take(&mut plan.groups);
    let made: Vec<(&names::Group, Vec<operations::Method<'_>>)> =
        groups.iter().map(|group| (group, operations::methods(&plan, group, &mut notes))).collect();
    for (group, of_group) in &made {
        let resource = resource::resource(&mut plan, group, of_group);
        schemas.extend(resource.schemas);
        files.push(File { path: resource.path, text: resource.text });
        methods.extend(resource.named);
        types.push(resource.types);
    }
    files.push(File { path: "src/mock.ts".to_owned(), text: mock::mock(&plan, &made) });
    files.push(File { path: "test/operations.test.ts".to_owned(), text: mock::tests(&plan, &made) });
    if options.trigger {
        files.extend(trigger::files(&plan, &made, &types, &mut notes));
    }
    files.push(File { path: "README.md".to_owned(), text: readme::readme(&plan, &made) });
    files.push(File { path: "API.md".to_owned(), text: readme::reference(&plan, &made) });
    drop(made);
    plan.groups = groups;
    let checks = schemas::file(&plan, &schemas);
    let has_checks = checks.is_some();
    files.extend(checks.map(|text| File { path: "src/schemas.ts".to_owned(), text }));
    let models = models::file(&plan);
    let has_models = models.is_some();
    files.extend(models.map(|text| File { path: "src/models.ts".to_owned(), text }));
    files.push(File { path: "src/client.ts".to_owned(), text: client::client(&plan) });
    let used = runtime::used(&plan, &files);
    files.push(File { path: "src/index.ts".to_owned(), text: project::index(&plan, has_models, &used) });
    files.extend(runtime::files(&used));
    files.extend(project::files(&plan, has_checks));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    for wish in &options.pagination {
        if !api.operations.iter().any(|operation| pagination::is_meant(operation, &wish.operation)) {
            let message = format!(
                "the options tell of the pages of `{}`, which is neither an `operationId` nor a method and a path of the document",
                wish.operation
            );
            let file = api.operations.first().map_or_else(String::new, |first| api.location(first.at).file);
            let location = Location { file, line: 1, column: 1, pointer: String::new() };
            notes.push(Note { code: "pagination-of-nothing", message, location });
        }
    }
    Package { name: plan.package().to_owned(), class: plan.name.class.clone(), files, methods, notes }
}
