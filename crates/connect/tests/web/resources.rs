//! Texts that documents take from elsewhere: from servers, and from the one folder for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connect::functions::{ExternalResources, FRESH, Limits, Web};
use ports::{FailureKind, Resources, Retry};
use serde_json::json;

use super::peer::{peer, reply};

fn resources(folder: Option<&std::path::Path>) -> ExternalResources {
    fresh_for(FRESH, folder)
}

fn fresh_for(fresh: Duration, folder: Option<&std::path::Path>) -> ExternalResources {
    let _ = rustls::crypto::ring::default_provider().install_default();
    ExternalResources::new(Arc::new(Web::new(Limits::default()).unwrap()), folder.map(Into::into), fresh)
}

#[tokio::test]
async fn a_text_is_asked_for_once_and_by_each_who_proves_something_else() {
    let server = peer(|seen, _| match seen.header("authorization") {
        "Bearer hidden-token" => reply(200, &[], "secret: text"),
        "" => reply(200, &[], "open: text"),
        _ => reply(403, &[], ""),
    })
    .await;
    let uri = format!("{}/function.yaml", server.url);
    let resources = resources(None);
    let token = |token: &str| json!({"bearer": {"token": token}});
    for _ in 0..2 {
        assert_eq!(resources.text(&uri, None).await.unwrap(), "open: text");
        assert_eq!(resources.text(&uri, Some(&token("hidden-token"))).await.unwrap(), "secret: text");
        let failure = resources.text(&uri, Some(&token("hidden-wrong"))).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (FailureKind::Authorization, Retry::Permanent));
        assert!(!failure.message.contains("hidden"), "{failure}");
    }
    // Refusals are not kept: what was wrong may be mended.
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn what_was_read_last_is_used_while_its_server_is_down_and_not_when_it_is_gone() {
    let (down, gone) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (is_down, is_gone) = (Arc::clone(&down), Arc::clone(&gone));
    let server = peer(move |_, _| match (is_down.load(Ordering::SeqCst), is_gone.load(Ordering::SeqCst)) {
        (_, true) => reply(404, &[], ""),
        (true, _) => reply(503, &[], ""),
        _ => reply(200, &[], "first"),
    })
    .await;
    let uri = format!("{}/x", server.url);
    let resources = fresh_for(Duration::ZERO, None);
    down.store(true, Ordering::SeqCst);
    let failure = resources.text(&uri, None).await.unwrap_err();
    assert_ne!(failure.retry, Retry::Permanent, "{failure}");
    down.store(false, Ordering::SeqCst);
    assert_eq!(resources.text(&uri, None).await.unwrap(), "first");
    down.store(true, Ordering::SeqCst);
    assert_eq!(resources.text(&uri, None).await.unwrap(), "first");
    gone.store(true, Ordering::SeqCst);
    assert_eq!(resources.text(&uri, None).await.unwrap_err().status, 404);
}

#[tokio::test]
async fn what_is_too_large_or_no_text_is_refused() {
    let server = peer(|seen, _| match seen.path.as_str() {
        "/large" => reply(200, &[], vec![b' '; 5 << 20]),
        _ => reply(200, &[], vec![0xff, 0xfe]),
    })
    .await;
    let resources = resources(None);
    for (path, word) in [("large", "4194304"), ("binary", "UTF-8")] {
        let failure = resources.text(&format!("{}/{path}", server.url), None).await.unwrap_err();
        assert!(failure.message.contains(word), "{failure}");
    }
    for uri in ["ftp://x.example/y", "nonsense", "http://169.254.169.254/latest/meta-data"] {
        assert_eq!(resources.text(uri, None).await.unwrap_err().retry, Retry::Permanent, "{uri}");
    }
}

#[tokio::test]
async fn files_are_those_of_the_folder_and_no_others() {
    let world = tempfile::tempdir().unwrap();
    let folder = world.path().join("resources");
    std::fs::create_dir_all(folder.join("app")).unwrap();
    std::fs::write(folder.join("app/greet.proto"), "syntax = \"proto3\";").unwrap();
    std::fs::write(folder.join("large"), vec![b' '; 5 << 20]).unwrap();
    std::fs::write(world.path().join("outside"), "hidden").unwrap();
    std::os::unix::fs::symlink(world.path().join("outside"), folder.join("link")).unwrap();
    let resources = resources(Some(&folder));
    for uri in ["file://app/greet.proto", "file:///app/greet.proto", "file:app/greet.proto"] {
        assert_eq!(resources.text(uri, None).await.unwrap(), "syntax = \"proto3\";");
    }
    for (uri, word) in [
        ("file://../outside", "outside of `functions.resources_dir`"),
        ("file:///link", "outside of `functions.resources_dir`"),
        ("file:///app", "no file"),
        ("file:///large", "more than 4194304 bytes"),
        ("file:///none", "No such file"),
    ] {
        let failure = resources.text(uri, None).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (FailureKind::Configuration, Retry::Permanent));
        assert!(failure.message.contains(word) && !failure.message.contains("hidden"), "{uri}: {failure}");
    }
    let failure = super::resources::resources(None).text("file:///app/greet.proto", None).await.unwrap_err();
    assert!(failure.message.contains("`functions.resources_dir`"), "{failure}");
}
