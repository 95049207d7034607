//! `call: http`: what is sent, what comes back, and what a failure says.

use ports::{FailureKind, Retry};
use serde_json::{Value, json};

use super::peer::{KEY, call, function, limits, peer, replied, reply, would};

#[tokio::test]
async fn an_answer_is_given_as_content_as_response_or_raw() {
    let pets = peer(|_, _| replied(200, &json!({"id": 1, "name": "milou"}))).await;
    let http = function(limits());
    let with =
        |output: &str| json!({"method": "get", "endpoint": format!("{}/pet/1", pets.url), "output": output});
    assert_eq!(call(&http, with("content")).await, Ok(json!({"id": 1, "name": "milou"})));
    assert_eq!(call(&http, with("raw")).await, Ok(json!("eyJpZCI6MSwibmFtZSI6Im1pbG91In0=")));
    let response = call(&http, with("response")).await.unwrap();
    assert_eq!(response["request"]["method"], "get");
    assert_eq!(response["request"]["uri"], format!("{}/pet/1", pets.url));
    assert!(response["request"]["headers"].is_object());
    assert_eq!(response["statusCode"], 200);
    assert_eq!(response["headers"]["content-type"], "application/json");
    assert_eq!(response["content"]["name"], "milou");
    // Without `output` it is the content.
    let plain = json!({"method": "GET", "endpoint": {"uri": format!("{}/pet/1", pets.url)}});
    assert_eq!(call(&http, plain).await, Ok(json!({"id": 1, "name": "milou"})));
}

#[tokio::test]
async fn query_headers_and_body_arrive() {
    let echo = peer(|_, _| reply(204, &[], "")).await;
    let with = json!({
        "method": "post",
        "endpoint": format!("{}/x?fixed=1", echo.url),
        "query": {"q": "a b&c", "list": [1, true], "none": null},
        "headers": {"X-One": 1, "x-many": ["a", "b"]},
        "body": {"a": [1, "é"]},
    });
    assert_eq!(call(&function(limits()), with).await, Ok(Value::Null));
    let seen = echo.seen().remove(0);
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.path, "/x?fixed=1&q=a+b%26c&list=1&list=true");
    assert_eq!(seen.header("x-one"), "1");
    assert_eq!(seen.headers.get_all("x-many").iter().count(), 2);
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(seen.body, "{\"a\":[1,\"é\"]}");
    assert!(seen.header("user-agent").starts_with("homeostat/"));
}

#[tokio::test]
async fn a_form_is_sent_as_a_form() {
    let echo = peer(|_, _| reply(200, &[], "")).await;
    let http = function(limits());
    for kind in ["application/x-www-form-urlencoded", "multipart/form-data"] {
        let with = json!({"method": "post", "endpoint": echo.url, "headers": {"content-type": kind}, "body": {"a": "b c"}});
        call(&http, with).await.unwrap();
    }
    let seen = echo.seen();
    assert_eq!(seen[0].body, "a=b+c");
    assert!(seen[1].header("content-type").starts_with("multipart/form-data; boundary="));
    assert!(seen[1].body.contains("name=\"a\"\r\n\r\nb c\r\n"), "{}", seen[1].body);
}

#[tokio::test]
async fn what_changes_something_carries_its_key() {
    let echo = peer(|_, _| reply(200, &[], "")).await;
    let http = function(limits());
    for (method, headers) in [
        ("post", json!({})),
        ("delete", json!({})),
        ("get", json!({})),
        ("put", json!({"Idempotency-Key": "own"})),
    ] {
        call(&http, json!({"method": method, "endpoint": echo.url, "headers": headers})).await.unwrap();
    }
    let keys: Vec<_> = echo.seen().iter().map(|seen| seen.header("idempotency-key").to_owned()).collect();
    assert_eq!(keys, [KEY, KEY, "", "own"]);
}

#[tokio::test]
async fn a_bad_status_is_the_standard_error() {
    let peer = peer(|seen, _| {
        let status = seen.path[1..4].parse().unwrap();
        reply(
            status,
            &[("content-type", "application/problem+json"), ("retry-after", "7")],
            r#"{"detail": "because"}"#,
        )
    })
    .await;
    let http = function(limits());
    for (status, kind, retry) in [
        (400, FailureKind::Communication, Retry::Permanent),
        (401, FailureKind::Authentication, Retry::Permanent),
        (403, FailureKind::Authorization, Retry::Permanent),
        (503, FailureKind::Communication, Retry::Exhausted),
        (302, FailureKind::Communication, Retry::Permanent),
    ] {
        let with = json!({"method": "get", "endpoint": format!("{}/{status}?key=hidden", peer.url)});
        let failure = call(&http, with).await.unwrap_err();
        assert_eq!((failure.kind, failure.status, failure.retry), (kind, status, retry), "{failure}");
        assert!(failure.message.contains("because") && failure.message.contains("wait 7 s"), "{failure}");
        assert!(!failure.message.contains("hidden"), "{failure}");
    }
    // Each was asked once: when to ask again is for the workflow to say.
    assert_eq!(peer.seen().len(), 5);
}

#[tokio::test]
async fn redirects_are_followed_only_when_asked_for() {
    let peer = peer(|seen, _| match seen.path.as_str() {
        "/end" => replied(200, &json!({"method": seen.method, "body": seen.body})),
        "/loop" => reply(302, &[("location", "/loop")], ""),
        "/nowhere" => reply(304, &[], ""),
        "/sly" => reply(302, &[("location", "file:///etc/passwd")], ""),
        "/login" => reply(302, &[("location", "http://user:pass@127.0.0.1/")], ""),
        path => reply(path[1..].parse().unwrap(), &[("location", "end")], ""),
    })
    .await;
    let http = function(limits());
    let with = |path: &str, redirect: bool| json!({"method": "post", "endpoint": format!("{}{path}", peer.url), "body": "x", "redirect": redirect});
    let failure = call(&http, with("/302", false)).await.unwrap_err();
    assert_eq!(failure.status, 302);
    assert!(failure.message.contains("/end") && failure.message.contains("redirect: true"), "{failure}");
    for (status, method, body) in
        [(301, "GET", ""), (302, "GET", ""), (303, "GET", ""), (307, "POST", "x"), (308, "POST", "x")]
    {
        let output = call(&http, with(&format!("/{status}"), true)).await;
        assert_eq!(output, Ok(json!({"method": method, "body": body})), "{status}");
    }
    assert_eq!(call(&http, with("/nowhere", true)).await, Ok(Value::Null));
    for (path, part) in
        [("/loop", "more than 10 times"), ("/sly", "no plain http"), ("/login", "no plain http")]
    {
        let failure = call(&http, with(path, true)).await.unwrap_err();
        assert!(failure.message.contains(part), "{failure}");
    }
    assert_eq!(peer.seen().iter().filter(|seen| seen.path == "/loop").count(), 11);
}

#[tokio::test]
async fn another_origin_learns_no_credential() {
    let other = peer(|_, _| reply(200, &[], "")).await;
    let target = format!("{}/stolen", other.url);
    let first = peer(move |_, _| reply(307, &[("location", &target)], "")).await;
    let with = json!({
        "method": "post",
        "endpoint": {"uri": first.url, "authentication": {"basic": {"username": "u", "password": "s3cret!"}}},
        "headers": {"X-Api-Key": "s3cret!", "Cookie": "s3cret!", "Accept": "text/plain"},
        "body": "x",
        "redirect": true,
    });
    call(&function(limits()), with).await.unwrap();
    assert!(first.seen()[0].header("authorization").starts_with("Basic "));
    let stolen = other.seen().remove(0);
    assert_eq!((stolen.path.as_str(), stolen.header("accept")), ("/stolen", "text/plain"));
    assert!(!format!("{:?}", stolen.headers).contains("s3cret!"), "{:?}", stolen.headers);
    assert_eq!(stolen.header("authorization"), "");
}

#[tokio::test]
async fn a_peer_that_echoes_credentials_does_not_get_them_shown() {
    let echo = peer(|seen, _| {
        let status = if seen.path == "/bad" { 400 } else { 200 };
        replied(status, &json!({"message": format!("you said {}", seen.header("authorization"))}))
    })
    .await;
    let http = function(limits());
    let with = |path: &str, output: &str| {
        json!({
            "method": "get",
            "output": output,
            "endpoint": {"uri": format!("{}{path}", echo.url), "authentication": {"bearer": {"token": "s3cret!"}}},
        })
    };
    let output = call(&http, with("/", "content")).await.unwrap();
    assert_eq!(output, json!({"message": "you said Bearer [secret]"}));
    let response = call(&http, with("/", "response")).await.unwrap();
    assert_eq!(response["request"]["headers"]["authorization"], "[secret]");
    let failure = call(&http, with("/bad", "content")).await.unwrap_err();
    assert!(failure.message.contains("you said Bearer [secret]"), "{failure}");
    assert_eq!(echo.seen()[0].header("authorization"), "Bearer s3cret!");
}

#[tokio::test]
async fn a_wrong_call_says_what_is_wrong() {
    let http = function(limits());
    for (with, part) in [
        (json!([]), "with must be an object"),
        (json!({"endpoint": "http://x"}), "with.method is missing"),
        (json!({"method": "get"}), "with.endpoint is missing"),
        (json!({"method": "get", "endpoint": 5}), "with.endpoint must be a URI"),
        (json!({"method": "get", "endpoint": "pets"}), "no URL"),
        (json!({"method": "get", "endpoint": "ftp://x/"}), "http:// or https://"),
        (json!({"method": "get", "endpoint": "http://x/{petId}"}), "no value for {petId}"),
        (json!({"method": "get", "endpoint": "http://u:hidden@x/"}), "put them into `authentication`"),
        (json!({"method": "get", "endpoint": {"uri": "http://x", "auth": {}}}), "no \"auth\""),
        (json!({"method": "g e t", "endpoint": "http://x"}), "with.method must be"),
        (json!({"method": "connect", "endpoint": "http://x"}), "with.method must be"),
        (json!({"method": "get", "endpoint": "http://x", "output": "all"}), "content, response or raw"),
        (json!({"method": "get", "endpoint": "http://x", "redirect": "yes"}), "true or false"),
        (json!({"method": "get", "endpoint": "http://x", "query": {"a": {}}}), "with.query.a must be"),
        (json!({"method": "get", "endpoint": "http://x", "headers": {"a": "x\r\nb: c"}}), "line breaks"),
        (json!({"method": "get", "endpoint": "http://x", "headers": {"Host": "y"}}), "set by Homeostat"),
        (json!({"method": "get", "endpoint": "http://x", "headers": {"a b": "c"}}), "no name of a header"),
        (json!({"method": "get", "endpoint": "http://x", "timeout": 5}), "it takes method"),
        (
            json!({"method": "get", "endpoint": {"uri": "http://x", "authentication": {"bearer": {"token": "hidden"}}}, "headers": {"authorization": "hidden"}}),
            "take one of them out",
        ),
    ] {
        for failure in
            [call(&http, with.clone()).await.unwrap_err(), would(&http, with.clone()).await.unwrap_err()]
        {
            assert_eq!(
                (failure.kind, failure.retry),
                (FailureKind::Configuration, Retry::Permanent),
                "{with}"
            );
            assert!(failure.message.contains(part), "{with}: {failure}");
            assert!(!failure.message.contains("hidden"), "{with}: {failure}");
        }
    }
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_sent_and_sends_nothing() {
    let peer = peer(|_, _| reply(200, &[], "")).await;
    let http = function(limits());
    let token = model::secret::placeholder("5f0c", "gh", &["token"]);
    let with = json!({
        "method": "post",
        "endpoint": {"uri": format!("{}/x/{token}", peer.url), "authentication": {"oauth2": {"use": token}}},
        "query": {"a": 1, "api_key": "s3cret!"},
        "body": {"a": 1},
        "redirect": true,
    });
    assert_eq!(
        would(&http, with).await.unwrap(),
        format!(
            "send POST {}/x/$secrets.gh.token?a=1&api_key=[secret] with the headers content-type, idempotency-key and \
             7 bytes of application/json, proving who asks by oauth2, following redirects",
            peer.url
        )
    );
    assert!(peer.seen().is_empty());
}
