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
mod pagination;
mod plan;
mod print;
mod project;
mod readme;
mod resource;
mod runtime;
mod security;
mod ty;
mod types;
mod values;
mod words;

use openapi::api::{Api, At, Location};

use crate::plan::Plan;

/// What a package should be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The package's name on npm; made from the API's title if none is given. The class is named after its last part.
    pub name: Option<String>,
    /// The package's version; `0.1.0` if none is given.
    pub version: Option<String>,
    /// The package's licence.
    pub license: License,
    /// Who holds the copyright.
    pub author: Option<String>,
}

/// The licence of a package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum License {
    /// MIT.
    #[default]
    Mit,
    /// Apache License, version 2.0.
    Apache2,
    /// Nobody else may use it.
    Unlicensed,
}

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
    let groups = std::mem::take(&mut plan.groups);
    let made: Vec<(&names::Group, Vec<operations::Method<'_>>)> =
        groups.iter().map(|group| (group, operations::methods(&plan, group, &mut notes))).collect();
    for (group, of_group) in &made {
        let (path, text, named) = resource::resource(&mut plan, group, of_group);
        files.push(File { path, text });
        methods.extend(named);
    }
    files.push(File { path: "src/mock.ts".to_owned(), text: mock::mock(&plan, &made) });
    files.push(File { path: "test/operations.test.ts".to_owned(), text: mock::tests(&plan, &made) });
    files.push(File { path: "README.md".to_owned(), text: readme::readme(&plan, &made) });
    files.push(File { path: "API.md".to_owned(), text: readme::reference(&plan, &made) });
    drop(made);
    plan.groups = groups;
    let models = models::file(&plan);
    let has_models = models.is_some();
    files.extend(models.map(|text| File { path: "src/models.ts".to_owned(), text }));
    files.push(File { path: "src/client.ts".to_owned(), text: client::client(&plan) });
    let used = runtime::used(&plan, &files);
    files.push(File { path: "src/index.ts".to_owned(), text: project::index(&plan, has_models, &used) });
    files.extend(runtime::files(&used));
    files.extend(project::files(&plan));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Package { name: plan.package().to_owned(), class: plan.name.class.clone(), files, methods, notes }
}
