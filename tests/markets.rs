//! Events and markets over HTTP: versions, parts of lists, and what traders do.

use overround_api::Role;
use overround_app::Clock;
use overround_domain::markets::{SourceMarket, SourceStatus};
use overround_domain::time::Timestamp;
use overround_testkit::{Caller, Reply, TestDb, TestServer, match_odds};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

async fn server(db: &TestDb) -> TestServer {
    TestServer::start(db, Clock::manual(NOON)).await
}

fn market() -> SourceMarket {
    match_odds("e", "m", &[(3, 1), (3, 2)])
}

async fn read_holding(caller: &Caller, path: &str, etag: &str) -> Reply {
    Caller::send(caller.request(Method::GET, path).header("If-None-Match", etag)).await
}

#[tokio::test]
async fn a_market_shows_what_is_on_sale() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let published = server.publish(&market()).await;
    server.app().clock().set(NOON.plus_millis(1500));
    let player = server.caller("alice", &[Role::Player]);
    let reply = player.get(&format!("/v1/markets/{}", published.market_id)).await;
    insta::assert_json_snapshot!(reply.expect(200), {
        ".id" => "[market]", ".event_id" => "[event]", ".outcomes[].id" => "[outcome]",
    }, @r#"
    {
      "age_ms": 1500,
      "as_of": "2026-11-23T12:00:00.000Z",
      "bet_delay_ms": 0,
      "confirmed_at": "2026-11-23T12:00:00.000Z",
      "event_id": "[event]",
      "id": "[market]",
      "in_play": false,
      "kind": "ODDS",
      "market_type": "MATCH_ODDS",
      "name": "Match Odds",
      "number_of_winners": 1,
      "outcomes": [
        {
          "decimal": "2.88",
          "id": "[outcome]",
          "name": "a",
          "price": {
            "den": 25,
            "num": 72
          },
          "status": "ACTIVE"
        },
        {
          "decimal": "1.44",
          "id": "[outcome]",
          "name": "b",
          "price": {
            "den": 25,
            "num": 36
          },
          "status": "ACTIVE"
        }
      ],
      "stale": false,
      "status": "OPEN",
      "status_version": 1,
      "version": 1
    }
    "#);
    assert_eq!(reply.header("etag"), Some("W/\"1\""));
    assert_eq!(reply.header("cache-control"), Some("private, no-cache"));
    let list = player.get("/v1/markets").await.expect(200);
    assert_eq!(list["items"], json!([reply.json()]), "the list shows the same");
}

#[tokio::test]
async fn a_reader_who_holds_the_version_is_told_so() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let published = server.publish(&market()).await;
    let path = format!("/v1/markets/{}", published.market_id);
    let player = server.caller("alice", &[Role::Player]);
    for held in ["W/\"1\"", "\"1\"", "*", "\"7\", W/\"1\""] {
        let reply = read_holding(&player, &path, held).await;
        assert_eq!(
            (reply.status, reply.text.as_str(), reply.header("etag")),
            (304, "", Some("W/\"1\"")),
            "{held}"
        );
    }
    for held in ["W/\"2\"", "1", "\"W/1\"", "", "W/\"1-stale\""] {
        assert_eq!(read_holding(&player, &path, held).await.status, 200, "{held}");
    }
    server.publish(&match_odds("e", "m", &[(2, 1), (2, 1)])).await;
    let changed = read_holding(&player, &path, "W/\"1\"").await;
    assert_eq!((changed.expect(200)["version"].as_i64(), changed.header("etag")), (Some(2), Some("W/\"2\"")));
}

#[tokio::test]
async fn a_reader_is_never_given_an_older_version_than_seen() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let published = server.publish(&market()).await;
    let path = format!("/v1/markets/{}", published.market_id);
    let player = server.caller("alice", &[Role::Player]);
    player.get(&format!("{path}?min_version=1")).await.expect(200);
    player.get(&format!("{path}?min_version=2")).await.problem(409, "VERSION_NOT_REACHED");
    server.publish(&match_odds("e", "m", &[(2, 1), (2, 1)])).await;
    assert_eq!(player.get(&format!("{path}?min_version=2")).await.expect(200)["version"], 2);
    for bad in ["0", "-1", "1.0", "x", "", "9007199254740992"] {
        let body = player.get(&format!("{path}?min_version={bad}")).await.problem(400, "INVALID_QUERY");
        assert_eq!(body["errors"][0]["parameter"], "min_version", "{bad}");
    }
}

#[tokio::test]
async fn prices_that_nobody_confirms_are_shown_as_stale() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let published = server.publish(&market()).await;
    let path = format!("/v1/markets/{}", published.market_id);
    let player = server.caller("alice", &[Role::Player]);
    assert_eq!(player.get(&path).await.expect(200)["stale"], false);
    server.app().clock().set(NOON.plus_millis(60_000));
    let stale = read_holding(&player, &path, "W/\"1\"").await;
    assert_eq!(stale.expect(200)["stale"], true, "who holds it fresh is told that it is not");
    assert_eq!(stale.header("etag"), Some("W/\"1-stale\""));
    assert_eq!(read_holding(&player, &path, "W/\"1-stale\"").await.status, 304);
    server.publish(&market()).await;
    assert_eq!(player.get(&path).await.expect(200)["stale"], false, "confirmed again");
}

#[tokio::test]
async fn markets_and_events_are_listed_part_by_part() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let mut newest_first: Vec<String> = Vec::new();
    for number in 0..5 {
        let source = match_odds(&format!("e{}", number % 2), &format!("m{number}"), &[(2, 1), (2, 1)]);
        newest_first.insert(0, server.publish(&source).await.market_id.to_string());
    }
    server
        .publish(&SourceMarket {
            status: SourceStatus::Suspended,
            ..match_odds("e0", "m0", &[(2, 1), (2, 1)])
        })
        .await;
    let player = server.caller("alice", &[Role::Player]);
    for limit in [1, 2, 5, 50] {
        assert_eq!(ids(&player, "/v1/markets?", limit).await, newest_first, "in parts of {limit}");
    }
    assert_eq!(ids(&player, "/v1/markets?status=SUSPENDED&", 1).await, newest_first[4..]);
    let events = ids(&player, "/v1/events?", 1).await;
    assert_eq!(events.len(), 2);
    let of_first = format!("/v1/markets?event_id={}&", events[1]);
    let wanted: Vec<String> = newest_first.iter().step_by(2).cloned().collect();
    assert_eq!(ids(&player, &of_first, 2).await, wanted);
    let event = player.get(&format!("/v1/events/{}", events[1])).await.expect(200);
    assert_eq!((&event["name"], &event["sport"]), (&json!("Event e0"), &json!("tennis")));
}

/// The ids of a list that is read part by part.
async fn ids(caller: &Caller, path: &str, limit: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    while found.len() < 100 {
        let part = caller.get(&format!("{path}limit={limit}{cursor}")).await.expect(200);
        found.extend(
            part["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match part["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    found
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let player = server.caller("alice", &[Role::Player]);
    for path in ["/v1/markets/mkt_1C4KqX7YvQe3Jm9TzR5bNd", "/v1/events/evt_1C4KqX7YvQe3Jm9TzR5bNd"] {
        player.get(path).await.problem(404, "NOT_FOUND");
    }
    let trader = server.caller("trader", &[Role::Trader]);
    let reason = json!({"reason": "for a test"});
    for act in ["suspend", "resume", "close"] {
        let path = format!("/v1/markets/mkt_1C4KqX7YvQe3Jm9TzR5bNd/{act}");
        trader.post(&path, act, &reason).await.problem(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn a_trader_suspends_resumes_and_closes() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let published = server.publish(&market()).await;
    let path = format!("/v1/markets/{}", published.market_id);
    let trader = server.caller("trader", &[Role::Trader]);
    let reason = json!({"reason": "injury on the court"});
    let suspended = trader.post(&format!("{path}/suspend"), "1", &reason).await;
    let wanted = json!({
        "market_id": published.market_id.to_string(), "status": "SUSPENDED", "version": 2, "status_version": 2,
    });
    assert_eq!(suspended.expect(200), wanted);
    let again = trader.post(&format!("{path}/suspend"), "1", &reason).await;
    assert_eq!((again.status, &again.text, again.is_replay()), (200, &suspended.text, true));
    let other = json!({"reason": "another one"});
    trader.post(&format!("{path}/suspend"), "1", &other).await.problem(422, "IDEMPOTENCY_MISMATCH");
    // The feed still says open, and does not resume it.
    server.publish(&market()).await;
    assert_eq!(trader.get(&path).await.expect(200)["status"], "SUSPENDED");
    assert_eq!(trader.post(&format!("{path}/resume"), "2", &reason).await.expect(200)["status"], "OPEN");
    assert_eq!(trader.post(&format!("{path}/close"), "3", &reason).await.expect(200)["status"], "CLOSED");
    trader.post(&format!("{path}/resume"), "4", &reason).await.problem(409, "ILLEGAL_TRANSITION");
    assert_eq!(trader.get(&path).await.expect(200)["status"], "CLOSED");
}

#[tokio::test]
async fn a_result_names_each_outcome_once() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let published = server.publish(&market()).await;
    let path = format!("/v1/markets/{}/settle", published.market_id);
    let trader = server.caller("trader", &[Role::Trader]);
    let ids: Vec<String> = published.snapshot.prices.keys().map(ToString::to_string).collect();
    let result = |outcomes: Value| json!({"reason": "official result", "outcomes": outcomes});
    let stranger = "out_1C4KqX7YvQe3Jm9TzR5bNd";
    let bad = [
        json!([]),
        json!([{"outcome_id": ids[0], "result": "WON"}]),
        json!([{"outcome_id": ids[0], "result": "WON"}, {"outcome_id": ids[0], "result": "LOST"}]),
        json!([{"outcome_id": ids[0], "result": "WON"}, {"outcome_id": stranger, "result": "LOST"}]),
    ];
    for outcomes in bad {
        let body = trader.post(&path, "1", &result(outcomes.clone())).await.problem(400, "INVALID_BODY");
        let pointer = body["errors"][0]["pointer"].as_str().unwrap();
        assert!(pointer.starts_with("/outcomes"), "{outcomes}: {body}");
    }
    let good =
        result(json!([{"outcome_id": ids[0], "result": "WON"}, {"outcome_id": ids[1], "result": "LOST"}]));
    let settled = trader.post(&path, "1", &good).await;
    assert_eq!(settled.expect(200)["status"], "SETTLED");
    let again = trader.post(&path, "1", &good).await;
    assert_eq!((again.status, &again.text, again.is_replay()), (200, &settled.text, true));
    let one = trader.get(&format!("/v1/markets/{}", published.market_id)).await.expect(200);
    let listed = trader.get("/v1/markets").await.expect(200);
    for market in [&one, &listed["items"][0]] {
        let results: BTreeMap<&str, &Value> = (market["outcomes"].as_array().unwrap().iter())
            .map(|outcome| (outcome["id"].as_str().unwrap(), &outcome["result"]))
            .collect();
        assert_eq!(results, BTreeMap::from([(&*ids[0], &json!("WON")), (&*ids[1], &json!("LOST"))]));
    }
    trader.post(&path, "2", &good).await.problem(409, "ILLEGAL_TRANSITION");
}
