//! Text of a file to a tree: JSON when it looks like JSON, else YAML. Bounded: size, depth, values, aliases.

mod json;
mod yaml;

use crate::tree::{FaultKind, Packed, Tree};

/// Why and where a text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) offset: usize,
    pub(crate) why: String,
}

impl Wrong {
    fn too_large(offset: usize) -> Self {
        Self { offset, why: "it holds too many values; aliases count as what they stand for".to_owned() }
    }
}

/// Reads a file.
pub(crate) fn read(uri: &str, text: String, nodes_max: usize) -> Result<Tree, (Wrong, String)> {
    match packed(&text, nodes_max) {
        Ok(packed) => Ok(Tree::new(uri, text, packed)),
        Err(wrong) => Err((wrong, text)),
    }
}

fn packed(text: &str, nodes_max: usize) -> Result<Packed, Wrong> {
    // Places are found by 31 bits.
    if text.len() > i32::MAX as usize {
        return Err(Wrong { offset: 0, why: "it is larger than 2 GiB".to_owned() });
    }
    let start = text.strip_prefix('\u{feff}').unwrap_or(text).trim_start();
    if !start.starts_with(['{', '[']) {
        return yaml::read(text, nodes_max);
    }
    let strict = match json::read(text, nodes_max) {
        Ok(packed) => return Ok(packed),
        Err(wrong) => wrong,
    };
    // YAML in braces is YAML: a comma too many, a comment. If it is not, the error of JSON is the plain one.
    match yaml::read(text, nodes_max) {
        Ok(mut packed) => {
            packed.overlooked(FaultKind::NotStrictJson, strict.offset);
            Ok(packed)
        }
        Err(_) => Err(strict),
    }
}
