//! x
use std::path::Path;
pub(super) fn run(_data: &Path, _json: bool) -> Result<(), String> {
    Err(String::new())
}
