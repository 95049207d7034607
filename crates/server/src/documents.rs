//! How the server reads OpenAPI documents for connectors: within the configuration's rules, never from its own files.

use std::sync::Arc;

use api::connectors::{Connectors, DOCUMENT_BYTES_MAX, Documents, Given, SampleText};
use async_trait::async_trait;
use connect::documents::{FileReach, From, Progress, Reach};
use openapi::{Bounds, Diagnostic, Outcome};

use crate::config::Config;
use crate::shipped;

/// What a document of somebody signed in may take.
const BOUNDS: Bounds = Bounds {
    file_bytes: DOCUMENT_BYTES_MAX,
    total_bytes: 2 * DOCUMENT_BYTES_MAX,
    files: 1_024,
    values: 2_000_000,
    schemas: 300_000,
    diagnostics: 500,
};

/// What makes connectors for the API.
///
/// # Errors
/// The configuration's hosts or its rules for requests are wrong; the text names the option.
pub(crate) fn connectors(config: &Config) -> Result<Connectors, String> {
    let reach = Reach {
        hosts: config.connectors.allow_hosts.clone(),
        files: FileReach::None,
        allow_host: "an admin can add {host} to `connectors.allow_hosts`",
        allow_files: "",
    };
    let documents = connect::documents::Documents::new(reach, BOUNDS, config.functions.http.limits()?)
        .map_err(|why| format!("connectors.allow_hosts: {why}"))?;
    let samples = shipped::samples().into_iter().map(|(name, text)| SampleText { name, text });
    Ok(Connectors::new(Arc::new(Fetched(documents)), samples.collect()))
}

struct Fetched(connect::documents::Documents);

#[async_trait]
impl Documents for Fetched {
    async fn read(
        &self,
        given: Given,
        progress: &(dyn Fn(f64, String) + Send + Sync),
    ) -> Result<Outcome, Diagnostic> {
        let from = match given {
            Given::Url(url) => From::Url(url),
            Given::Text { name, text } => From::Text { name, text },
        };
        let told = |now: Progress| match now {
            Progress::Reading => progress(0.1, "reading the document".to_owned()),
            Progress::Fetching { done, of } => {
                let share = done as f64 / of.max(1) as f64;
                progress(0.2 + 0.8 * share, format!("reading files it refers to: {done} of {of}"));
            }
        };
        self.0.read(from, &told).await
    }
}
