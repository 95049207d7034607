//! What can be wrong with a document, or with what is asked of it.

/// What is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A file is neither JSON nor YAML, or too large.
    #[error("{document}: {message}")]
    NotReadable {
        /// Its URI.
        document: String,
        /// Why, and where.
        message: String,
    },
    /// A file is no OpenAPI document.
    #[error("{document} is no OpenAPI document: it has neither `openapi` nor `swagger`; check the address")]
    NotOpenApi {
        /// Its URI.
        document: String,
    },
    /// A version that is not read.
    #[error("{document} is of OpenAPI {version:?}; 2.0, 3.0 and 3.1 are read")]
    Version {
        /// Its URI.
        document: String,
        /// What it says.
        version: String,
    },
    /// Other documents are needed first.
    #[error("other documents are needed: {}", .documents.join(", "))]
    Missing {
        /// Their URIs, sorted.
        documents: Vec<String>,
    },
    /// A reference leads nowhere.
    #[error("{document}: the reference {reference:?} {why}; correct the document")]
    Reference {
        /// The URI of the file it is in.
        document: String,
        /// As it is written.
        reference: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A part of the document is not what it should be.
    #[error("{place} {why}; correct the document")]
    Malformed {
        /// Which part.
        place: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no such operation.
    #[error("there is no operation {id:?}{}", hint(.similar, "; there is"))]
    UnknownOperation {
        /// What was asked for.
        id: String,
        /// Some that there are.
        similar: Vec<String>,
    },
    /// Several operations have this id.
    #[error("several operations have the id {id:?}; name one as {}", .places.join(" or "))]
    AmbiguousOperation {
        /// The id.
        id: String,
        /// Method and path of each.
        places: Vec<String>,
    },
    /// A parameter is wrong.
    #[error("parameter {name:?} {why}")]
    Parameter {
        /// Its name.
        name: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// A parameter that the operation does not have.
    #[error("the operation has no parameter {name:?}{}", hint(.known, "; it takes"))]
    UnknownParameter {
        /// What was given.
        name: String,
        /// What it takes.
        known: Vec<String>,
    },
    /// The body is wrong.
    #[error("the body {0}")]
    Body(String),
    /// No server can be told from the document.
    #[error("the server {server:?} {why}")]
    Server {
        /// As it is written.
        server: String,
        /// What is wrong and what to do.
        why: String,
    },
}

fn hint(names: &[String], lead: &str) -> String {
    if names.is_empty() { String::new() } else { format!("{lead} {}", names.join(", ")) }
}

/// Text from outside, short enough for a message.
pub(crate) fn clip(text: &str) -> String {
    const MOST: usize = 120;
    if text.len() <= MOST {
        text.to_owned()
    } else {
        format!("{}…", &text[..text.floor_char_boundary(MOST)])
    }
}
