//! OAuth 2 and OpenID Connect: tokens are fetched, kept, refreshed, and refused.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ports::{FailureKind, Retry};
use serde_json::{Value, json};

use super::peer::{Peer, Seen, function, get_as, limits, peer, replied, reply};

/// An API that takes only tokens that begin so.
async fn api(good: &'static str) -> Peer {
    peer(move |seen, _| {
        let taken =
            seen.header("authorization").strip_prefix("Bearer ").is_some_and(|token| token.starts_with(good));
        replied(if taken { 200 } else { 401 }, &json!(seen.header("authorization")))
    })
    .await
}

/// An authority whose token endpoint answers so.
async fn authority(answer: impl Fn(&Seen, usize) -> Response + Send + Sync + 'static) -> Peer {
    peer(answer).await
}

fn oauth2(authority: &Peer, more: Value) -> Value {
    let mut policy = json!({
        "authority": format!("{}/realms/x", authority.url),
        "grant": "client_credentials",
        "client": {"id": "me", "secret": "s3cret!"},
    });
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "oauth2": policy })
}

#[tokio::test]
async fn one_token_serves_many_calls_at_once() {
    let api = api("token-").await;
    let tokens = authority(|_, n| {
        replied(
            200,
            &json!({"access_token": format!("token-{n}"), "token_type": "bearer", "expires_in": 3600}),
        )
    })
    .await;
    let http = function(limits());
    let policy = oauth2(&tokens, json!({"scopes": ["a", "b"], "audiences": ["x"]}));
    let calls = (0..8).map(|_| get_as(&http, &api.url, &policy));
    for output in futures_util::future::join_all(calls).await {
        // The API tells what it was sent; the answer does not.
        assert_eq!(output, Ok(json!("Bearer [secret]")));
    }
    let asked = tokens.seen();
    assert_eq!(asked.len(), 1, "one token was enough");
    assert_eq!(asked[0].path, "/realms/x/oauth2/token");
    assert_eq!(asked[0].header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(
        asked[0].body,
        "grant_type=client_credentials&scope=a+b&audience=x&client_id=me&client_secret=s3cret%21"
    );
    assert!(api.seen().iter().all(|seen| seen.header("authorization") == "Bearer token-0"));
}

#[tokio::test]
async fn a_token_that_ran_out_is_refreshed() {
    let api = api("t-").await;
    let tokens = authority(|seen, n| {
        if seen.body.contains("refresh_token=spent") {
            return replied(400, &json!({"error": "invalid_grant"}));
        }
        // The second answer brings a refresh token that will not be taken.
        let refresh = if n == 1 { "spent" } else { "r-1" };
        replied(200, &json!({"access_token": format!("t-{n}"), "expires_in": 0, "refresh_token": refresh}))
    })
    .await;
    let http = function(limits());
    let policy = oauth2(&tokens, json!({"endpoints": {"token": "/auth/token"}}));
    for _ in 0..3 {
        get_as(&http, &api.url, &policy).await.unwrap();
    }
    let grants: Vec<_> =
        tokens.seen().iter().map(|seen| seen.body.split("&client_id").next().unwrap().to_owned()).collect();
    assert_eq!(
        grants,
        [
            "grant_type=client_credentials",
            "grant_type=refresh_token&refresh_token=r-1",
            "grant_type=refresh_token&refresh_token=spent",
            "grant_type=client_credentials",
        ]
    );
    assert_eq!(tokens.seen()[0].path, "/realms/x/auth/token");
    let used: Vec<_> = api.seen().iter().map(|seen| seen.header("authorization").to_owned()).collect();
    assert_eq!(used, ["Bearer t-0", "Bearer t-1", "Bearer t-3"]);
}

#[tokio::test]
async fn a_kept_token_that_is_refused_is_replaced_once() {
    let api = peer(|seen, before| {
        let revoked = before > 0 && seen.header("authorization") == "Bearer t-0";
        reply(if revoked || seen.path == "/never" { 401 } else { 200 }, &[], "")
    })
    .await;
    let tokens =
        authority(|_, n| replied(200, &json!({"access_token": format!("t-{n}"), "expires_in": 3600}))).await;
    let http = function(limits());
    let policy = oauth2(&tokens, json!({}));
    get_as(&http, &api.url, &policy).await.unwrap();
    get_as(&http, &api.url, &policy).await.unwrap();
    assert_eq!(tokens.seen().len(), 2);
    let failure = get_as(&http, &format!("{}/never", api.url), &policy).await.unwrap_err();
    assert_eq!((failure.kind, failure.status), (FailureKind::Authentication, 401));
    assert_eq!((tokens.seen().len(), api.seen().len()), (3, 5));
}

#[tokio::test]
async fn an_authority_that_gives_no_token_says_why_and_no_secret_is_told() {
    let api = api("t").await;
    let tokens = authority(|seen, _| match seen.path.as_str() {
        "/realms/x/declined" => {
            let why = format!("bad {}", seen.body);
            replied(401, &json!({"error": "invalid_client", "error_description": why}))
        }
        "/realms/x/down" => reply(503, &[], "busy"),
        "/realms/x/mac" => replied(200, &json!({"access_token": "t", "token_type": "mac"})),
        "/realms/x/empty" => replied(200, &json!({})),
        "/realms/x/endless" => reply(200, &[], vec![b' '; 1 << 20]),
        _ => reply(302, &[("location", "http://127.0.0.1:1/")], ""),
    })
    .await;
    let http = function(limits());
    for (path, kind, retry, part) in [
        ("declined", FailureKind::Authentication, Retry::Permanent, "invalid_client bad"),
        ("down", FailureKind::Communication, Retry::Temporary, "status 503 busy"),
        ("mac", FailureKind::Authentication, Retry::Permanent, "of type \"mac\""),
        ("empty", FailureKind::Authentication, Retry::Permanent, "no access_token"),
        ("endless", FailureKind::Communication, Retry::Temporary, "larger than"),
        ("moved", FailureKind::Authentication, Retry::Permanent, "status 302"),
    ] {
        let policy = oauth2(
            &tokens,
            json!({"endpoints": {"token": path}, "grant": "password", "username": "u", "password": "pass-word"}),
        );
        let failure = get_as(&http, &api.url, &policy).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (kind, retry), "{path}: {failure}");
        assert!(failure.message.contains(part), "{path}: {failure}");
        assert!(
            !failure.message.contains("pass-word") && !failure.message.contains("s3cret"),
            "{path}: {failure}"
        );
    }
    assert!(api.seen().is_empty(), "nothing is asked without a token");
    let gone = json!({"oauth2": {"authority": "http://127.0.0.1:1", "grant": "client_credentials", "client": {"id": "me"}}});
    let failure = get_as(&http, &api.url, &gone).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (FailureKind::Communication, Retry::Temporary));
    assert!(failure.message.contains("no token from") && failure.message.contains("refused"), "{failure}");
}

fn jwt(claims: &Value) -> String {
    format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[tokio::test]
async fn the_issuer_of_a_token_is_held_against_the_list() {
    let api = api("").await;
    let tokens = authority(|seen, _| match seen.path.as_str() {
        "/realms/x/good" => replied(200, &json!({"access_token": jwt(&json!({"iss": "https://good"}))})),
        "/realms/x/bad" => replied(200, &json!({"access_token": jwt(&json!({"iss": "https://bad"}))})),
        "/realms/x/ask" => {
            assert!(seen.body.starts_with("token=opaque&"), "{}", seen.body);
            replied(200, &json!({"active": true, "iss": "https://good"}))
        }
        "/realms/x/dead" => replied(200, &json!({"active": false, "iss": "https://good"})),
        _ => replied(200, &json!({"access_token": "opaque"})),
    })
    .await;
    let http = function(limits());
    for (endpoints, part) in [
        (json!({"token": "good"}), None),
        (json!({"token": "bad"}), Some("https://bad")),
        (json!({"token": "opaque", "introspection": "ask"}), None),
        (json!({"token": "opaque", "introspection": "dead"}), Some("does not tell its issuer")),
    ] {
        let policy = oauth2(&tokens, json!({"endpoints": endpoints, "issuers": ["https://good"]}));
        match (get_as(&http, &api.url, &policy).await, part) {
            (Ok(_), None) => {}
            (Err(failure), Some(part)) => assert!(failure.message.contains(part), "{failure}"),
            (other, _) => panic!("{endpoints}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn openid_endpoints_are_discovered_once() {
    let api = api("t").await;
    let tokens = authority(|seen, _| {
        let base = format!("http://{}", seen.header("host"));
        match seen.path.as_str() {
            "/good/.well-known/openid-configuration" => replied(
                200,
                &json!({"issuer": format!("{base}/good"), "token_endpoint": format!("{base}/token")}),
            ),
            "/sly/.well-known/openid-configuration" => {
                replied(200, &json!({"issuer": "https://other", "token_endpoint": format!("{base}/token")}))
            }
            "/token" => replied(200, &json!({"access_token": "t", "expires_in": 0})),
            _ => reply(404, &[], ""),
        }
    })
    .await;
    let http = function(limits());
    let oidc = |authority: &str, issuers: Value| {
        json!({"oidc": {
            "authority": format!("{}{authority}", tokens.url), "grant": "client_credentials", "issuers": issuers,
            "client": {"id": "me", "secret": "s3cret!", "authentication": "client_secret_basic"},
        }})
    };
    for authority in ["/good", "/good/", "/good/.well-known/openid-configuration"] {
        get_as(&http, &api.url, &oidc(authority, json!([]))).await.unwrap();
    }
    let paths: Vec<_> = tokens.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/good/.well-known/openid-configuration", "/token", "/token", "/token"]);
    assert!(tokens.seen()[1].header("authorization").starts_with("Basic "));
    for (authority, part) in
        [("/sly", "of the issuer \"https://other\""), ("/none", "no OpenID configuration (status 404)")]
    {
        let failure = get_as(&http, &api.url, &oidc(authority, json!([]))).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Authentication);
        assert!(failure.message.contains(part), "{failure}");
    }
}
