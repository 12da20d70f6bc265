//! The document, and what every route has in common: problems, traces, health, metrics, the end.

use overround_api::{Access, ApiSettings, ROUTES, Role, openapi};
use overround_app::Clock;
use overround_domain::betting::RefusalCode;
use overround_domain::time::Timestamp;
use overround_testkit::{Caller, TestDb, TestServer, redis_url, test_settings};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

async fn server(db: &TestDb) -> TestServer {
    TestServer::start(db, Clock::manual(NOON)).await
}

fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

/// Each operation of the document: method, path, operation.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    found
}

fn examples(operation: &Value, status: &str) -> Vec<String> {
    let pointer = format!("/responses/{status}/content/application~1problem+json/examples");
    operation
        .pointer(&pointer)
        .and_then(Value::as_object)
        .map(|all| all.keys().cloned().collect())
        .unwrap_or_default()
}

#[test]
fn the_document_and_the_table_of_routes_have_the_same_routes() {
    let documented: BTreeSet<(String, String)> =
        operations(&document()).into_iter().map(|(method, path, _)| (method, path)).collect();
    let of_the_page = |path: &str| path.starts_with("/docs") || path == "/openapi.json";
    let ruled: BTreeSet<(String, String)> = ROUTES
        .iter()
        .filter(|rule| !of_the_page(rule.path))
        .map(|rule| (rule.method.to_owned(), rule.path.to_owned()))
        .collect();
    assert_eq!(documented, ruled);
}

#[test]
fn every_operation_says_all_that_it_answers() {
    for (method, path, operation) in operations(&document()) {
        let statuses: BTreeSet<&str> =
            operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
        let rule = ROUTES.iter().find(|rule| rule.path == path && rule.method == method).unwrap();
        let mut wanted: BTreeSet<&str> = BTreeSet::new();
        if rule.access.takes_token() {
            wanted.extend(["400", "401", "403", "500", "503"]);
            assert_eq!(operation["security"], json!([{"bearer": []}]), "{method} {path}");
        }
        if rule.access == Access::Secret {
            wanted.extend(["400", "401", "500", "503"]);
            assert_eq!(operation["security"], json!([{"feed": []}]), "{method} {path}");
        }
        if path.contains('{') {
            wanted.extend(["400", "404"]);
        }
        if method == "POST" {
            wanted.extend(["400", "408", "413", "415", "422"]);
            let names: Vec<&str> = operation["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| p["name"].as_str().unwrap())
                .collect();
            let key = if rule.access == Access::Secret { "Feed-Nonce" } else { "Idempotency-Key" };
            assert!(names.contains(&key), "{method} {path}");
            assert!(operation["requestBody"]["required"].as_bool().unwrap(), "{method} {path}");
        }
        assert!(statuses.is_superset(&wanted), "{method} {path}: {statuses:?} lacks some of {wanted:?}");
        let succeeds = |status: &&str| status.starts_with('2') || *status == "101";
        assert!(statuses.iter().any(succeeds), "{method} {path}");
        assert!(operation["summary"].is_string() && operation["operationId"].is_string(), "{method} {path}");
    }
}

#[test]
fn placing_a_bet_names_every_refusal() {
    let document = document();
    let place = &document["paths"]["/v1/accounts/{account_id}/bets"]["post"];
    let named: BTreeSet<String> = ["404", "422"].iter().flat_map(|status| examples(place, status)).collect();
    let wanted: BTreeSet<String> = RefusalCode::OF_BETS.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(wanted.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn the_document_is_openapi_3_1_without_loose_ends() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let text = document.to_string();
    let mut rest = text.as_str();
    let mut seen = 0;
    while let Some(at) = rest.find("\"#/components/") {
        let from = &rest[at + 2..];
        let pointer = from.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "nothing is at #{pointer}");
        rest = from;
        seen += 1;
    }
    assert!(seen > 100, "{seen} references");
}

#[test]
fn bodies_that_are_sent_take_no_other_fields() {
    let document = document();
    for name in [
        "OpenAccount",
        "MoveMoney",
        "Adjust",
        "ReversePosting",
        "FreezeAccount",
        "PlaceBet",
        "LegRequest",
        "ActOnMarket",
        "SettleMarket",
        "SetMargin",
        "SetPrices",
        "OutcomePrice",
        "ReleasePrices",
        "OutcomeResult",
        "Price",
    ] {
        let schema = &document["components"]["schemas"][name];
        assert_eq!(schema["additionalProperties"], false, "{name}: {schema}");
    }
}

#[tokio::test]
async fn the_document_and_its_page_are_served() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let anybody = server.anybody();
    assert_eq!(anybody.get("/openapi.json").await.expect(200), document());
    for path in ["/docs", "/docs/", "/docs/swagger-ui.css"] {
        assert_eq!(anybody.get(path).await.status, 200, "{path}");
    }
    assert!(anybody.get("/docs/swagger-initializer.js").await.text.contains("/openapi.json"));
    anybody.get("/docs/nothing.js").await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_problem_has_one_form() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let (player, account) = server.funded("alice", 0).await;
    let body = json!({"stake_cents": 5.5});
    let reply = player.post(&format!("/v1/accounts/{account}/bets"), "k", &body).await;
    insta::assert_json_snapshot!(reply.problem(400, "INVALID_BODY"), {
        ".trace_id" => "[trace]", ".instance" => "[path]",
    }, @r#"
    {
      "code": "INVALID_BODY",
      "detail": "/stake_cents: invalid type: floating point `5.5`, expected i64",
      "errors": [
        {
          "detail": "invalid type: floating point `5.5`, expected i64",
          "pointer": "/stake_cents"
        }
      ],
      "instance": "[path]",
      "status": 400,
      "title": "Invalid body",
      "trace_id": "[trace]",
      "type": "urn:overround:problem:INVALID_BODY"
    }
    "#);
    assert_eq!(reply.json()["instance"], format!("/v1/accounts/{account}/bets"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn what_the_router_itself_refuses_is_a_problem_too() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let player = server.caller("alice", &[Role::Player]);
    for path in ["/", "/v1", "/v1/accounts/", "/v2/accounts", "/v1/%00"] {
        player.get(path).await.problem(404, "NOT_FOUND");
    }
    let methods = [
        (Method::DELETE, "/v1/accounts", "POST, GET, HEAD"),
        (Method::OPTIONS, "/v1/markets", "GET, HEAD"),
        (Method::PUT, "/v1/accounts/acct_1C4KqX7YvQe3Jm9TzR5bNd/credits", "POST"),
        (Method::POST, "/health/live", "GET, HEAD"),
    ];
    for (method, path, allow) in methods {
        let reply = Caller::send(player.request(method, path)).await;
        reply.problem(405, "METHOD_NOT_ALLOWED");
        assert_eq!(reply.header("allow"), Some(allow), "{path}");
    }
    let head = Caller::send(player.request(Method::HEAD, "/v1/markets")).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn a_body_must_be_json_and_not_too_long() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let player = server.caller("alice", &[Role::Player]);
    let request = |kind: &str, body: String| {
        let request = player.request(Method::POST, "/v1/accounts").header("Idempotency-Key", "k");
        request.header("Content-Type", kind).body(body)
    };
    let eur = r#"{"currency":"EUR"}"#.to_owned();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"] {
        Caller::send(request(kind, eur.clone())).await.problem(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let long = format!("{}{eur}", " ".repeat(server.settings().body_bytes_max));
    Caller::send(request("application/json", long)).await.problem(413, "BODY_TOO_LARGE");
    let full = format!("{eur}{}", " ".repeat(server.settings().body_bytes_max - eur.len()));
    Caller::send(request("application/json; charset=utf-8", full)).await.expect(201);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let db = TestDb::create().await;
    let api = ApiSettings { request_timeout_ms: 200, ..ApiSettings::default() };
    let server =
        TestServer::start_with(&db, &redis_url().await, Clock::manual(NOON), test_settings(), api).await;
    let token = server.token("alice", &[Role::Player]);
    let address = server.base_url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: k\r\n\
         Content-Type: application/json\r\nContent-Length: 18\r\n\r\n{{\"curr"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_trace_is_taken_over_or_made() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let anybody = server.anybody();
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traced = anybody
        .request(Method::GET, "/v1/markets")
        .header("traceparent", format!("00-{id}-00f067aa0ba902b7-01"));
    let reply = Caller::send(traced).await;
    assert_eq!(reply.problem(401, "UNAUTHENTICATED")["trace_id"], id);
    assert_eq!(reply.header("trace-id"), Some(id));
    let broken = anybody.request(Method::GET, "/v1/markets").header("traceparent", "00-xyz");
    let made = Caller::send(broken).await;
    let own = made.header("trace-id").unwrap();
    assert!(own.len() == 32 && own != id && own.bytes().all(|b| b.is_ascii_hexdigit()), "{own}");
}

#[tokio::test]
async fn readiness_names_the_part_that_is_away() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let anybody = server.anybody();
    assert_eq!(anybody.get("/health/live").await.expect(200), json!({"status": "live"}));
    let ready = json!({"status": "ready", "parts": ["postgres", "redis"]});
    assert_eq!(anybody.get("/health/ready").await.expect(200), ready);
}

#[tokio::test]
async fn without_redis_the_house_says_so_and_lives() {
    let db = TestDb::create().await;
    // Nothing listens on the port that was just given back.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("redis://{closed}");
    let api = ApiSettings::default();
    let server = TestServer::start_with(&db, &url, Clock::manual(NOON), test_settings(), api).await;
    let anybody = server.anybody();
    anybody.get("/health/live").await.expect(200);
    let reply = anybody.get("/health/ready").await;
    assert_eq!(reply.problem(503, "UNAVAILABLE")["unavailable"], json!(["redis"]));
    assert_eq!(reply.header("retry-after"), Some("1"));
    // What needs no Redis goes on.
    let (player, account) = server.funded("alice", 1000).await;
    assert_eq!(player.get(&format!("/v1/accounts/{account}")).await.expect(200)["balance_cents"], 1000);
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let (player, account) = server.funded("alice", 0).await;
    player.get(&format!("/v1/accounts/{account}")).await.expect(200);
    player.get("/nothing/here").await.problem(404, "NOT_FOUND");
    let metrics = server.anybody().get("/metrics").await.text;
    let wanted = [
        r#"http_requests_total{method="GET",route="/v1/accounts/{account_id}",status="200"}"#,
        r#"http_requests_total{method="GET",route="unmatched",status="404"}"#,
        r#"http_request_duration_seconds_bucket{method="POST",route="/v1/accounts",le="#,
    ];
    for line in wanted {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert!(!metrics.contains(&account), "no id makes a series");
}

#[tokio::test]
async fn the_end_finishes_what_was_taken() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let (player, account) = server.funded("alice", 0).await;
    let finance = server.caller("finance", &[Role::Finance]);
    let path = format!("/v1/accounts/{account}/credits");
    let body = json!({"amount_cents": 5, "currency": "EUR", "reason": "for a test"});
    let mut stream = TcpStream::connect(server.base_url().strip_prefix("http://").unwrap()).await.unwrap();
    let text = body.to_string();
    let token = server.token("finance", &[Role::Finance]);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: last\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A request that was answered after it on another connection: the first one's head was read.
    finance.post(&path, "before", &body).await.expect(201);
    player.get(&format!("/v1/accounts/{account}")).await.expect(200);
    let base_url = server.base_url().to_owned();
    let (_, answer) = tokio::join!(server.stop(), async {
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    });
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let refused = reqwest::Client::builder().no_proxy().build().unwrap().get(base_url).send().await;
    assert!(refused.is_err(), "it takes no more connections");
}
