//! What can be wrong with what is asked of an API.

/// What is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
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
