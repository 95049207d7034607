//! What a package should be like, as people say it; the command line says it in the same words.

use serde::{Deserialize, Serialize};
use typescript::{License, Options};

/// The licence of a package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum ConnectorLicense {
    /// MIT.
    #[default]
    #[serde(rename = "MIT")]
    Mit,
    /// Apache License, version 2.0.
    #[serde(rename = "Apache-2.0")]
    Apache2,
    /// Nobody else may use it.
    #[serde(rename = "UNLICENSED")]
    Unlicensed,
}

/// What a package should be like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectorOptions {
    /// The package's name on npm: `@acme/billing`; made from the API's title unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The package's version; `0.1.0` unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The package's licence.
    pub license: ConnectorLicense,
    /// Who holds the copyright.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

impl ConnectorOptions {
    /// As the emitter takes them.
    ///
    /// # Errors
    /// Which field is wrong, and why.
    pub fn options(&self) -> Result<Options, (&'static str, String)> {
        if let Some(name) = &self.name {
            check_package(name)
                .map_err(|why| ("name", format!("{name:?} is no name of a package: {why}")))?;
        }
        if let Some(version) = self.version.as_ref().filter(|version| !is_version(version)) {
            return Err((
                "version",
                format!("{version:?} is no version; write one as 1.2.3 or 1.2.3-beta.1"),
            ));
        }
        if self.author.as_ref().is_some_and(|a| a.chars().count() > 200 || a.chars().any(char::is_control)) {
            return Err(("author", "must have at most 200 characters and no control characters".to_owned()));
        }
        Ok(Options {
            name: self.name.clone(),
            version: self.version.clone(),
            license: match self.license {
                ConnectorLicense::Mit => License::Mit,
                ConnectorLicense::Apache2 => License::Apache2,
                ConnectorLicense::Unlicensed => License::Unlicensed,
            },
            author: self.author.clone(),
            ..Options::default()
        })
    }
}

/// What npm takes as a name: <https://docs.npmjs.com/cli/v11/configuring-npm/package-json#name>.
fn check_package(name: &str) -> Result<(), &'static str> {
    if name.len() > 214 {
        return Err("it has more than 214 characters");
    }
    let parts: Vec<&str> = match name.strip_prefix('@') {
        Some(scoped) => scoped.split('/').collect(),
        None => vec![name],
    };
    if name.starts_with('@') && parts.len() != 2 {
        return Err("write a scope as in @acme/billing");
    }
    for part in parts {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
        if part.is_empty() || !part.bytes().all(known) {
            return Err("take small letters, digits, `-`, `_` and `.`");
        }
        if part.starts_with(['.', '_']) {
            return Err("it must not begin with `.` or `_`");
        }
    }
    Ok(())
}

/// Whether a text is a version (Semantic Versioning 2.0.0).
fn is_version(text: &str) -> bool {
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, before) = text.split_once('-').map_or((text, None), |(core, before)| (core, Some(before)));
    let number = |part: &str| {
        !part.is_empty()
            && part.len() <= 9
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let words = |text: &str| {
        text.len() <= 100
            && text
                .split('.')
                .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    };
    core.split('.').count() == 3
        && core.split('.').all(number)
        && before.is_none_or(words)
        && build.is_none_or(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_are_what_npm_takes() {
        for (name, fine) in [
            ("billing", true),
            ("@acme/billing-2", true),
            ("", false),
            ("@acme", false),
            ("@acme/a/b", false),
            ("Billing", false),
            (".x", false),
            ("a b", false),
            ("../x", false),
        ] {
            assert_eq!(check_package(name).is_ok(), fine, "{name}");
        }
        for (version, fine) in [
            ("1.2.3", true),
            ("0.1.0-beta.1", true),
            ("1.0.0+build.5", true),
            ("1.2", false),
            ("v1.2.3", false),
            ("01.2.3", false),
            ("1.2.3-", false),
            ("1.2.3\"", false),
        ] {
            assert_eq!(is_version(version), fine, "{version}");
        }
    }

    #[test]
    fn licences_are_written_as_npm_writes_them() {
        let options: ConnectorOptions = serde_json::from_str(r#"{"license": "Apache-2.0"}"#).unwrap();
        assert_eq!(options.options().unwrap().license, License::Apache2);
        assert_eq!(serde_json::to_string(&options).unwrap(), r#"{"license":"Apache-2.0"}"#);
    }
}
