//! The dashboard, embedded. Without it the binary serves a page that says how to build it.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

const MISSING: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Homeostat</title>\
    <style>body{font:16px/1.6 system-ui;max-width:42rem;margin:4rem auto;padding:0 1rem}</style>\
    <h1>Homeostat is running</h1><p>This binary was built without the dashboard. Build it and the binary with \
    <code>cargo xtask build</code> (needs Node 20 or newer), or run <code>cargo xtask demo</code>.</p>\
    <p>The API is there all the same: <a href=/docs>documentation</a>, <code>homeostat status</code>.</p>";

/// Everything that is no API.
pub(crate) fn router() -> Router {
    Router::new().fallback(serve)
}

async fn serve(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let name = if is_file(path, request.headers()) { path } else { "index.html" };
    let accepts =
        request.headers().get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    match find(name, accepts) {
        Some((file, encoding)) => respond(name, file, encoding, known),
        None if name == "index.html" => {
            ([(header::CONTENT_SECURITY_POLICY, api::security::OWN_PAGE_POLICY)], Html(MISSING))
                .into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Whether a file is asked for, and not a screen. A missing script must fail as such, not as a page that happens to be
/// HTML; but names of workflows in the address of a screen hold dots too, and who opens one asks for HTML.
fn is_file(path: &str, headers: &HeaderMap) -> bool {
    if path.starts_with("assets/") || Dist::get(path).is_some() {
        return true;
    }
    let wants = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    path.rsplit('/').next().is_some_and(|name| name.contains('.')) && !wants.contains("text/html")
}

/// The smallest form that the client takes; files were compressed when the dashboard was built.
fn find(name: &str, accepts: &str) -> Option<(EmbeddedFile, Option<&'static str>)> {
    for (encoding, suffix) in [("br", "br"), ("gzip", "gz")] {
        if accepts.contains(encoding)
            && let Some(file) = Dist::get(&format!("{name}.{suffix}"))
        {
            return Some((file, Some(encoding)));
        }
    }
    Dist::get(name).map(|file| (file, None))
}

fn respond(name: &str, file: EmbeddedFile, encoding: Option<&'static str>, known: Option<&str>) -> Response {
    let hash: String = file.metadata.sha256_hash()[..12].iter().map(|b| format!("{b:02x}")).collect();
    let etag = format!("\"{hash}\"");
    if known == Some(etag.as_str()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let kind = mime_of(name);
    let cache = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = Response::new(Body::from(file.data.into_owned()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn mime_of(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "json" | "webmanifest" => "application/json",
        "png" => "image/png",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_with_a_dot_in_its_address_is_no_file_and_a_missing_script_is_no_screen() {
        let html = HeaderMap::from_iter([(
            header::ACCEPT,
            HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8"),
        )]);
        let any = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("*/*"))]);
        assert!(!is_file("automation/workflows/shop.sync-catalog", &html));
        assert!(!is_file("automation/runs", &any));
        assert!(!is_file("", &any));
        for headers in [&html, &any] {
            assert!(is_file("assets/index-gone.js", headers));
        }
        assert!(is_file("gone.js", &any));
    }
}
