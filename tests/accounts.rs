//! Accounts, entries, credits and debits over HTTP.

use overround_api::Role;
use overround_app::Clock;
use overround_domain::time::Timestamp;
use overround_testkit::{Caller, Reply, TestDb, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

async fn server(db: &TestDb) -> TestServer {
    TestServer::start(db, Clock::manual(NOON)).await
}

fn move_of(cents: i64) -> Value {
    json!({"amount_cents": cents, "currency": "EUR", "reason": "for a test"})
}

async fn set_status(db: &TestDb, status: &str) {
    let statement = sqlx::query("UPDATE wallet.accounts SET status = $1 WHERE kind = 'PLAYER'").bind(status);
    statement.execute(&db.admin().await).await.unwrap();
}

#[tokio::test]
async fn an_account_is_opened_empty_for_the_caller() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let player = server.caller("alice", &[Role::Player]);
    let opened = player.post("/v1/accounts", "k1", &json!({"currency": "EUR"})).await.expect(201);
    let wanted = json!({
        "id": opened["id"],
        "user_id": server.user_id("alice").to_string(),
        "currency": "EUR",
        "balance_cents": 0,
        "held_cents": 0,
        "status": "ACTIVE",
        "account_seq": 0,
        "created_at": "2026-11-23T12:00:00.000Z",
    });
    assert_eq!(opened, wanted);
    let id = opened["id"].as_str().unwrap();
    assert_eq!(player.get(&format!("/v1/accounts/{id}")).await.expect(200), wanted);
    let list = player.get("/v1/accounts").await.expect(200);
    assert_eq!(list, json!({"items": [wanted], "next_cursor": null}));
}

#[tokio::test]
async fn opening_again_is_a_replay_or_a_conflict() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let player = server.caller("alice", &[Role::Player]);
    let first = player.post("/v1/accounts", "k1", &json!({"currency": "EUR"})).await;
    first.expect(201);
    assert!(!first.is_replay());
    let again = player.post_text("/v1/accounts", "k1", " { \"currency\" : \"EUR\" } ").await;
    assert_eq!((again.status, &again.text, again.is_replay()), (201, &first.text, true));
    player.post("/v1/accounts", "k2", &json!({"currency": "EUR"})).await.problem(409, "ACCOUNT_EXISTS");
    player.post("/v1/accounts", "k1", &json!({"currency": "GBP"})).await.problem(422, "IDEMPOTENCY_MISMATCH");
    player.post("/v1/accounts", "k3", &json!({"currency": "GBP"})).await.expect(201);
    // Another caller's keys are another caller's.
    server
        .caller("bob", &[Role::Player])
        .post("/v1/accounts", "k1", &json!({"currency": "GBP"}))
        .await
        .expect(201);
    assert_eq!(player.get("/v1/accounts").await.expect(200)["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_conflict_is_kept_under_its_key() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let player = server.caller("alice", &[Role::Player]);
    let (euros, pounds) = (json!({"currency": "EUR"}), json!({"currency": "GBP"}));
    player.post("/v1/accounts", "k1", &euros).await.expect(201);
    let first = player.post("/v1/accounts", "k2", &euros).await.problem(409, "ACCOUNT_EXISTS");
    let again = player.post("/v1/accounts", "k2", &euros).await.problem(409, "ACCOUNT_EXISTS");
    assert_eq!(first["detail"], again["detail"]);
    player.post("/v1/accounts", "k2", &pounds).await.problem(422, "IDEMPOTENCY_MISMATCH");
    // Also when the account that it contradicted is no reason any more.
    sqlx::query("UPDATE wallet.accounts SET currency = 'CHF'").execute(&db.admin().await).await.unwrap();
    player.post("/v1/accounts", "k2", &euros).await.problem(409, "ACCOUNT_EXISTS");
    player.post("/v1/accounts", "k3", &euros).await.expect(201);
    player.post("/v1/accounts", "k4", &pounds).await.expect(201);
}

#[tokio::test]
async fn one_account_is_opened_however_many_keys_ask_at_once() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let player = server.caller("alice", &[Role::Player]);
    let asks: Vec<_> = (0..12)
        .map(|number| {
            let player = player.clone();
            let key = format!("k{}", number % 6);
            tokio::spawn(async move { player.post("/v1/accounts", &key, &json!({"currency": "EUR"})).await })
        })
        .collect();
    let mut opened = 0;
    for ask in asks {
        let reply = ask.await.unwrap();
        match reply.status {
            201 => opened += 1,
            _ => drop(reply.problem(409, "ACCOUNT_EXISTS")),
        }
    }
    assert_eq!(opened, 2, "one key, asked with twice");
    assert_eq!(player.get("/v1/accounts").await.expect(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn credits_and_debits_move_the_balance_and_stand_in_the_ledger() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let (player, id) = server.funded("alice", 0).await;
    let finance = server.caller("finance", &[Role::Finance]);
    let credit = finance.post(&format!("/v1/accounts/{id}/credits"), "c", &move_of(5000)).await.expect(201);
    assert_eq!(credit["amount_cents"], 5000);
    assert_eq!(credit["balance_after_cents"], 5000);
    assert_eq!(credit["ref_type"], "DEPOSIT");
    let debit = finance.post(&format!("/v1/accounts/{id}/debits"), "d", &move_of(1200)).await.expect(201);
    assert_eq!((&debit["amount_cents"], &debit["balance_after_cents"]), (&json!(-1200), &json!(3800)));
    let entries = player.get(&format!("/v1/accounts/{id}/entries")).await.expect(200);
    let wanted = json!([
        {"type": "DEBIT", "ref_type": "WITHDRAWAL", "amount_cents": -1200, "balance_after_cents": 3800, "account_seq": 2},
        {"type": "CREDIT", "ref_type": "DEPOSIT", "amount_cents": 5000, "balance_after_cents": 5000, "account_seq": 1},
    ]);
    for (entry, wanted) in entries["items"].as_array().unwrap().iter().zip(wanted.as_array().unwrap()) {
        for (field, value) in wanted.as_object().unwrap() {
            assert_eq!(&entry[field], value, "{field} of {entry}");
        }
        assert_eq!(entry["ref_id"], entry["posting_id"], "it stands for itself");
    }
    assert_eq!(entries["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_rules_that_refuse_a_movement_say_so() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let (_, id) = server.funded("alice", 320).await;
    let finance = server.caller("finance", &[Role::Finance]);
    let (credits, debits) = (format!("/v1/accounts/{id}/credits"), format!("/v1/accounts/{id}/debits"));
    let short = finance.post(&debits, "1", &move_of(321)).await.problem(422, "INSUFFICIENT_FUNDS");
    assert_eq!(short["available_cents"], 320);
    let pounds = json!({"amount_cents": 5, "currency": "GBP", "reason": "for a test"});
    finance.post(&debits, "2", &pounds).await.problem(422, "CURRENCY_MISMATCH");
    finance.post(&credits, "2", &pounds).await.problem(422, "IDEMPOTENCY_MISMATCH");
    finance.post(&credits, "3", &pounds).await.problem(422, "CURRENCY_MISMATCH");
    set_status(&db, "FROZEN").await;
    finance.post(&debits, "4", &move_of(5)).await.problem(422, "ACCOUNT_FROZEN");
    finance.post(&credits, "5", &move_of(5)).await.problem(422, "ACCOUNT_FROZEN");
    set_status(&db, "CLOSED").await;
    finance.post(&debits, "6", &move_of(5)).await.problem(422, "ACCOUNT_CLOSED");
    finance.post(&credits, "7", &move_of(5)).await.problem(422, "ACCOUNT_CLOSED");
}

#[tokio::test]
async fn a_refusal_is_kept_with_its_first_words() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let (_, id) = server.funded("alice", 320).await;
    let finance = server.caller("finance", &[Role::Finance]);
    let debits = format!("/v1/accounts/{id}/debits");
    let first = finance.post(&debits, "key", &move_of(400)).await;
    first.problem(422, "INSUFFICIENT_FUNDS");
    finance.post(&format!("/v1/accounts/{id}/credits"), "more", &move_of(1000)).await.expect(201);
    let again = finance.post(&debits, "key", &move_of(400)).await;
    assert_eq!((again.status, &again.text, again.is_replay()), (422, &first.text, true));
    assert_ne!(first.header("trace-id"), again.header("trace-id"), "each request has its own trace");
    assert_eq!(first.header("trace-id"), first.json()["trace_id"].as_str());
    finance.post(&debits, "other key", &move_of(400)).await.problem(400, "IDEMPOTENCY_KEY_INVALID");
    finance.post(&debits, "other-key", &move_of(400)).await.expect(201);
}

#[tokio::test]
async fn one_key_is_one_execution_however_many_ask_at_once() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let (player, id) = server.funded("alice", 0).await;
    let path = format!("/v1/accounts/{id}/credits");
    let finance = server.caller("finance", &[Role::Finance]);
    let asks: Vec<_> = (0..16)
        .map(|_| {
            let (finance, path) = (finance.clone(), path.clone());
            tokio::spawn(async move { finance.post(&path, "once", &move_of(700)).await })
        })
        .collect();
    let mut replies: Vec<Reply> = Vec::new();
    for ask in asks {
        replies.push(ask.await.unwrap());
    }
    assert!(replies.iter().all(|reply| reply.status == 201 && reply.text == replies[0].text));
    assert_eq!(replies.iter().filter(|reply| !reply.is_replay()).count(), 1, "one was the first");
    assert_eq!(player.get(&format!("/v1/accounts/{id}")).await.expect(200)["balance_cents"], 700);
}

/// Reads a list part by part.
async fn walk(caller: &Caller, path: &str, limit: usize) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let part = caller.get(&format!("{path}?limit={limit}{cursor}")).await.expect(200);
        let rows = part["items"].as_array().unwrap().clone();
        assert!(rows.len() <= limit, "a part is no longer than asked");
        items.extend(rows);
        match part["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
        assert!(items.len() < 1000, "the list has no end");
    }
}

#[tokio::test]
async fn entries_are_read_part_by_part_without_gap_or_repetition() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let (player, id) = server.funded("alice", 0).await;
    let finance = server.caller("finance", &[Role::Finance]);
    for number in 1..=7 {
        let key = number.to_string();
        finance.post(&format!("/v1/accounts/{id}/credits"), &key, &move_of(number)).await.expect(201);
        // Some entries share their instant, so that the id must tell them apart.
        if number % 3 == 0 {
            server.app().clock().set(NOON.plus_millis(number));
        }
    }
    let path = format!("/v1/accounts/{id}/entries");
    for limit in [1, 2, 3, 7, 8, 200] {
        let amounts: Vec<i64> = walk(&player, &path, limit)
            .await
            .iter()
            .map(|entry| entry["amount_cents"].as_i64().unwrap())
            .collect();
        assert_eq!(amounts, [7, 6, 5, 4, 3, 2, 1], "in parts of {limit}");
    }
}

#[tokio::test]
async fn a_cursor_that_the_list_did_not_give_out_is_refused() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let (player, id) = server.funded("alice", 100).await;
    let finance = server.caller("finance", &[Role::Finance]);
    finance.post(&format!("/v1/accounts/{id}/credits"), "2", &move_of(5)).await.expect(201);
    let path = format!("/v1/accounts/{id}/entries");
    let part = player.get(&format!("{path}?limit=1")).await.expect(200);
    let cursor = part["next_cursor"].as_str().unwrap();
    player.get(&format!("{path}?cursor={cursor}")).await.expect(200);
    let others = [
        format!("{path}?cursor={}", &cursor[1..]),
        format!("{path}?cursor=B{}", &cursor[1..]),
        format!("{path}?cursor="),
        format!("/v1/accounts/{id}/bets?cursor={cursor}"),
    ];
    for other in others {
        let body = player.get(&other).await.problem(400, "INVALID_CURSOR");
        assert_eq!(body["errors"][0]["parameter"], "cursor", "{other}");
    }
}

#[tokio::test]
async fn bad_parameters_are_refused_by_name() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let (player, id) = server.funded("alice", 0).await;
    let table = [
        ("entries?limit=0", "limit"),
        ("entries?limit=201", "limit"),
        ("entries?limit=-1", "limit"),
        ("entries?limit=%2B5", "limit"),
        ("entries?limit=ten", "limit"),
        ("entries?limit=", "limit"),
        ("entries?limit=5&limit=5", "limit"),
        ("entries?page=2", "page"),
        ("bets?status=OPEN", "status"),
        ("bets?status=pending", "status"),
    ];
    for (rest, name) in table {
        let body = player.get(&format!("/v1/accounts/{id}/{rest}")).await.problem(400, "INVALID_QUERY");
        assert_eq!(body["errors"][0]["parameter"], name, "{rest}: {body}");
    }
}

#[tokio::test]
async fn an_id_of_another_kind_is_refused_by_name() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let (player, id) = server.funded("alice", 0).await;
    let digits = id.strip_prefix("acct_").unwrap();
    let table = [
        (format!("/v1/accounts/bet_{digits}"), "account_id", "acct_"),
        (format!("/v1/accounts/{digits}"), "account_id", "acct_"),
        ("/v1/accounts/acct_short".to_owned(), "account_id", "base 58"),
        ("/v1/accounts/%FF".to_owned(), "account_id", "UTF-8"),
        (format!("/v1/accounts/{id}/bets/mkt_{digits}"), "bet_id", "bet_"),
        (format!("/v1/markets/bet_{digits}"), "market_id", "mkt_"),
        (format!("/v1/events/bet_{digits}"), "event_id", "evt_"),
    ];
    for (path, name, says) in table {
        let body = player.get(&path).await.problem(400, "INVALID_PATH");
        let error = &body["errors"][0];
        assert_eq!(error["parameter"], name, "{path}: {body}");
        assert!(error["detail"].as_str().unwrap().contains(says), "{path}: {body}");
    }
    // One spelling an id: percent-encoding is undone before.
    player.get(&format!("/v1/accounts/%61cct_{digits}")).await.expect(200);
}

#[tokio::test]
async fn bad_bodies_are_refused_by_field() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let (_, id) = server.funded("alice", 100).await;
    let finance = server.caller("finance", &[Role::Finance]);
    let table = [
        ("", ""),
        ("null", ""),
        ("[]", ""),
        ("\u{feff}{}", ""),
        (r#"{"amount_cents":5,"currency":"EUR","reason":"x"} {}"#, ""),
        (r#"{"currency":"EUR","reason":"x"}"#, "/amount_cents"),
        (r#"{"amount_cents":0,"currency":"EUR","reason":"x"}"#, "/amount_cents"),
        (r#"{"amount_cents":-5,"currency":"EUR","reason":"x"}"#, "/amount_cents"),
        (r#"{"amount_cents":5.0,"currency":"EUR","reason":"x"}"#, "/amount_cents"),
        (r#"{"amount_cents":1e3,"currency":"EUR","reason":"x"}"#, "/amount_cents"),
        (r#"{"amount_cents":"5","currency":"EUR","reason":"x"}"#, "/amount_cents"),
        (r#"{"amount_cents":9223372036854775808,"currency":"EUR","reason":"x"}"#, "/amount_cents"),
        (r#"{"amount_cents":5,"currency":"euro","reason":"x"}"#, "/currency"),
        (r#"{"amount_cents":5,"currency":"EUR"}"#, "/reason"),
        (r#"{"amount_cents":5,"currency":"EUR","reason":""}"#, "/reason"),
        (r#"{"amount_cents":5,"currency":"EUR","reason":"a\u0000b"}"#, "/reason"),
        (r#"{"amount_cents":5,"currency":"EUR","reason":"x","note":"y"}"#, "/note"),
        (r#"{"amount_cents":5,"amount_cents":6,"currency":"EUR","reason":"x"}"#, "/amount_cents"),
    ];
    for (text, pointer) in table {
        let reply = finance.post_text(&format!("/v1/accounts/{id}/credits"), "key", text).await;
        let body = reply.problem(400, "INVALID_BODY");
        assert_eq!(body["errors"][0]["pointer"], pointer, "{text}: {body}");
    }
    let deep = "[".repeat(5000);
    finance.post_text(&format!("/v1/accounts/{id}/credits"), "key", deep).await.problem(400, "INVALID_BODY");
    // None of it was kept: the key is still free.
    finance.post(&format!("/v1/accounts/{id}/credits"), "key", &move_of(5)).await.expect(201);
}

#[tokio::test]
async fn a_write_takes_one_good_key() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let player = server.caller("alice", &[Role::Player]);
    let request = || player.request(Method::POST, "/v1/accounts").json(&json!({"currency": "EUR"}));
    Caller::send(request()).await.problem(400, "IDEMPOTENCY_KEY_REQUIRED");
    let twice = request().header("Idempotency-Key", "a").header("Idempotency-Key", "b");
    Caller::send(twice).await.problem(400, "IDEMPOTENCY_KEY_INVALID");
    for key in ["", "two words", "tab\there", &"x".repeat(256)] {
        let body = Caller::send(request().header("Idempotency-Key", key))
            .await
            .problem(400, "IDEMPOTENCY_KEY_INVALID");
        assert_eq!(body["errors"][0]["parameter"], "Idempotency-Key");
    }
    let bytes = reqwest::header::HeaderValue::from_bytes(b"caf\xc3\xa9").unwrap();
    Caller::send(request().header("Idempotency-Key", bytes)).await.problem(400, "IDEMPOTENCY_KEY_INVALID");
    Caller::send(request().header("Idempotency-Key", "!".repeat(255))).await.expect(201);
}
