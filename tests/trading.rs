//! What traders do beyond suspending one market: holds of an outcome, an event, a sport, of all; margins;
//! prices; reviews.

mod prices;
mod reviews;

use futures::future::join_all;
use overround_api::{ApiSettings, Role};
use overround_app::{App, Clock, Published, Settings};
use overround_domain::markets::{SourceMarket, SourceStatus};
use overround_domain::time::Timestamp;
use overround_store::doctor;
use overround_testkit::{Caller, Reply, TestDb, TestServer, match_odds, redis_url, test_settings};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::sync::atomic::{AtomicU32, Ordering};

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

/// A house with a trader and a player.
struct Desk {
    server: TestServer,
    db: TestDb,
    redis: String,
    admin: PgPool,
    trader: Caller,
    player: Caller,
    bets: String,
    keys: AtomicU32,
}

impl Desk {
    async fn new() -> Self {
        Self::with(test_settings()).await
    }

    async fn with(settings: Settings) -> Self {
        let (db, redis) = (TestDb::create().await, redis_url().await);
        let clock = Clock::manual(NOON);
        let server = TestServer::start_with(&db, &redis, clock, settings, ApiSettings::default()).await;
        let (player, account) = server.funded("alice", 100_000).await;
        let (admin, trader) = (db.admin().await, server.caller("tom", &[Role::Trader]));
        let bets = format!("/v1/accounts/{account}/bets");
        Self { server, db, redis, admin, trader, player, bets, keys: AtomicU32::new(0) }
    }

    fn key(&self) -> String {
        format!("k{}", self.keys.fetch_add(1, Ordering::Relaxed))
    }

    async fn publish(&self, market: &SourceMarket) -> Published {
        self.server.publish(market).await
    }

    /// A trader's act with a key of its own.
    async fn act(&self, path: &str) -> Reply {
        self.trader.post(path, &self.key(), &json!({"reason": "for a test"})).await
    }

    /// The market as players see it.
    async fn market(&self, of: &Published) -> Value {
        self.player.get(&format!("/v1/markets/{}", of.market_id)).await.expect(200)
    }

    async fn status(&self, of: &Published) -> String {
        self.market(of).await["status"].as_str().unwrap().to_owned()
    }

    /// A bet of its own stake on an outcome as it was published.
    async fn bet(&self, on: &Published, place: usize) -> Reply {
        let (outcome, quote) = on.snapshot.prices.iter().nth(place).unwrap();
        let stake = 100 + i64::from(self.keys.load(Ordering::Relaxed));
        let body = json!({"stake_cents": stake, "currency": "EUR", "legs": [{
            "market_id": on.market_id.to_string(), "outcome_id": outcome.to_string(),
            "price": {"num": quote.price.num(), "den": quote.price.den()},
            "market_version": on.snapshot.version,
        }]});
        self.player.post(&self.bets, &self.key(), &body).await
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.admin).await.unwrap()
    }

    /// Ends the test: what it did broke no invariant.
    async fn end(self) {
        let findings = doctor::examine(&self.db.pool(overround_store::Role::App).await).await.unwrap();
        assert_eq!(findings.iter().find(|finding| !finding.holds()), None);
    }
}

/// A process of a house.
async fn another(db: &TestDb, redis: &str) -> TestServer {
    let clock = Clock::manual(NOON);
    TestServer::start_with(db, redis, clock, test_settings(), ApiSettings::default()).await
}

fn even(event: &str, key: &str) -> SourceMarket {
    match_odds(event, key, &[(2, 1), (2, 1)])
}

fn of_sport(mut market: SourceMarket, sport: &str) -> SourceMarket {
    sport.clone_into(&mut market.event.sport);
    market
}

fn three() -> SourceMarket {
    match_odds("e", "m", &[(3, 1), (3, 1), (3, 1)])
}

fn outcome_path(of: &Published, place: usize, act: &str) -> String {
    let outcome = of.snapshot.prices.keys().nth(place).unwrap();
    format!("/v1/markets/{}/outcomes/{outcome}/{act}", of.market_id)
}

#[tokio::test]
async fn an_outcome_is_taken_off_sale_and_the_others_stay() {
    let desk = Desk::new().await;
    let market = desk.publish(&three()).await;
    let suspended = desk.act(&outcome_path(&market, 1, "suspend")).await.expect(200);
    assert_eq!((&suspended["status"], &suspended["status_version"]), (&json!("OPEN"), &json!(2)));
    let held = desk.market(&market).await;
    let outcomes = held["outcomes"].as_array().unwrap();
    let outcome = market.snapshot.prices.keys().nth(1).unwrap().to_string();
    for shown in outcomes {
        let is_held = shown["id"] == outcome.as_str();
        assert_eq!(shown.get("suspended"), is_held.then_some(&json!("TRADER")), "{shown}");
        assert_eq!(shown.get("price").is_some(), !is_held, "{shown}");
    }
    desk.bet(&market, 1).await.problem(422, "BETTING_SUSPENDED");
    desk.bet(&market, 0).await.expect(201);
    // The feed's prices go on for the others, and do not resume it.
    let moved = match_odds("e", "m", &[(5, 2), (3, 1), (4, 1)]);
    let published = desk.publish(&moved).await;
    assert_eq!((published.version, published.snapshot.prices.len()), (Some(3), 2));
    let resumed = desk.act(&outcome_path(&market, 1, "resume")).await.expect(200);
    assert_eq!((&resumed["version"], &resumed["status_version"]), (&json!(4), &json!(3)));
    let now = desk.publish(&moved).await;
    assert_eq!((now.version, now.snapshot.prices.len()), (None, 3), "at the price the feed said meanwhile");
    desk.bet(&now, 1).await.expect(201);
    desk.end().await;
}

#[tokio::test]
async fn an_outcome_is_one_of_its_market() {
    let desk = Desk::new().await;
    let (one, other) = (desk.publish(&even("e", "m1")).await, desk.publish(&even("e", "m2")).await);
    let foreign = other.snapshot.prices.keys().next().unwrap();
    for act in ["suspend", "resume"] {
        let path = |market: &str, outcome: &str| format!("/v1/markets/{market}/outcomes/{outcome}/{act}");
        let own = one.market_id.to_string();
        desk.act(&path(&own, &foreign.to_string())).await.problem(404, "NOT_FOUND");
        desk.act(&path(&own, "out_1C4KqX7YvQe3Jm9TzR5bNd")).await.problem(404, "NOT_FOUND");
        desk.act(&path("mkt_1C4KqX7YvQe3Jm9TzR5bNd", &foreign.to_string())).await.problem(404, "NOT_FOUND");
        desk.act(&path(&own, &own)).await.problem(400, "INVALID_PATH");
        let events = format!("/v1/events/evt_1C4KqX7YvQe3Jm9TzR5bNd/{act}");
        desk.act(&events).await.problem(404, "NOT_FOUND");
        for sport in ["Tennis", "horse%20racing", "%C3%A4", &"x".repeat(101)] {
            desk.act(&format!("/v1/sports/{sport}/{act}")).await.problem(400, "INVALID_PATH");
        }
    }
    for body in [json!({}), json!({"reason": ""}), json!({"reason": "x", "scope": "ALL"})] {
        desk.trader.post("/v1/trading/suspend", "bad", &body).await.problem(400, "INVALID_BODY");
    }
    desk.player.post("/v1/trading/suspend", "p", &json!({"reason": "x"})).await.problem(403, "FORBIDDEN");
    assert_eq!(desk.count("SELECT count(*) FROM market.holds").await, 0, "nothing was held");
    desk.act(&format!("/v1/markets/{}/close", one.market_id)).await.expect(200);
    desk.act(&outcome_path(&one, 0, "suspend")).await.problem(409, "ILLEGAL_TRANSITION");
    desk.end().await;
}

#[tokio::test]
async fn a_group_is_held_with_the_markets_that_come_later() {
    let desk = Desk::new().await;
    let event = desk.publish(&even("e", "m")).await.snapshot.event_id;
    for (group, later) in [
        (format!("/v1/events/{event}"), even("e", "later1")),
        ("/v1/sports/tennis".to_owned(), even("e2", "later2")),
        ("/v1/trading".to_owned(), of_sport(even("e3", "later3"), "golf")),
    ] {
        let market = desk.publish(&even("e", "m")).await;
        let elsewhere = desk.publish(&of_sport(even("x", "x"), "darts")).await;
        let suspended = desk.act(&format!("{group}/suspend")).await.expect(200);
        assert_eq!((&suspended["suspended"], &suspended["version"]), (&json!(true), &json!(1)), "{group}");
        desk.bet(&market, 0).await.problem(422, "BETTING_SUSPENDED");
        let elsewhere = desk.bet(&elsewhere, 0).await;
        assert_eq!(elsewhere.status, if group == "/v1/trading" { 422 } else { 201 }, "{group}");
        let later = desk.publish(&later).await;
        assert_eq!(desk.status(&later).await, "SUSPENDED", "{group}");
        desk.bet(&later, 0).await.problem(422, "BETTING_SUSPENDED");
        let again = desk.act(&format!("{group}/suspend")).await.expect(200);
        assert_eq!((&again["suspended"], &again["version"]), (&json!(true), &json!(2)), "{group}: as it was");
        let resumed = desk.act(&format!("{group}/resume")).await.expect(200);
        assert_eq!((&resumed["suspended"], &resumed["version"]), (&json!(false), &json!(3)), "{group}");
        for market in [&market, &later] {
            assert_eq!(desk.status(market).await, "OPEN", "{group}");
        }
    }
    desk.end().await;
}

#[tokio::test]
async fn an_event_that_comes_to_a_sport_which_is_held_is_held_too() {
    let desk = Desk::new().await;
    let (one, two) = (desk.publish(&even("e", "m1")).await, desk.publish(&even("e", "m2")).await);
    desk.act("/v1/sports/golf/suspend").await.expect(200);
    desk.publish(&of_sport(even("e", "m1"), "golf")).await;
    assert_eq!(desk.status(&one).await, "SUSPENDED", "by the message itself");
    desk.server.app().follow_holds().await.unwrap();
    assert_eq!(desk.status(&two).await, "SUSPENDED", "and so does what it did not name");
    desk.act("/v1/sports/golf/resume").await.expect(200);
    assert_eq!((desk.status(&one).await, desk.status(&two).await), ("OPEN".to_owned(), "OPEN".to_owned()));
    desk.end().await;
}

#[tokio::test]
async fn to_resume_one_suspension_leaves_all_others() {
    let desk = Desk::new().await;
    let market = desk.publish(&three()).await;
    let event = market.snapshot.event_id;
    let groups = [
        format!("/v1/markets/{}", market.market_id),
        format!("/v1/events/{event}"),
        "/v1/sports/tennis".to_owned(),
        "/v1/trading".to_owned(),
    ];
    desk.act(&outcome_path(&market, 0, "suspend")).await.expect(200);
    for group in &groups {
        desk.act(&format!("{group}/suspend")).await.expect(200);
    }
    // From the widest to the narrowest: each leaves what is narrower.
    for group in groups.iter().rev() {
        assert_eq!(desk.status(&market).await, "SUSPENDED", "before {group}");
        desk.act(&format!("{group}/resume")).await.expect(200);
    }
    assert_eq!(desk.status(&market).await, "OPEN");
    let now = desk.publish(&three()).await;
    assert_eq!(now.snapshot.prices.len(), 2, "the outcome is held by itself");
    desk.act(&outcome_path(&market, 0, "resume")).await.expect(200);
    assert_eq!(desk.publish(&three()).await.snapshot.prices.len(), 3);
    // What its producer keeps closed to bets, or calls over, no trader opens.
    desk.act("/v1/trading/suspend").await.expect(200);
    desk.publish(&SourceMarket { status: SourceStatus::Suspended, ..three() }).await;
    desk.act("/v1/trading/resume").await.expect(200);
    assert_eq!(desk.status(&market).await, "SUSPENDED");
    desk.end().await;
}

#[tokio::test]
async fn an_act_on_a_group_is_done_once_a_key_and_told_with_who_and_why() {
    let desk = Desk::new().await;
    let market = desk.publish(&even("e", "m")).await;
    let body = json!({"reason": "floodlights"});
    let first = desk.trader.post("/v1/sports/tennis/suspend", "one", &body).await;
    desk.act("/v1/sports/tennis/resume").await.expect(200);
    let again = desk.trader.post("/v1/sports/tennis/suspend", "one", &body).await;
    assert_eq!((again.status, &again.text, again.is_replay()), (200, &first.text, true));
    assert_eq!(desk.status(&market).await, "OPEN", "and nothing is done again");
    for (path, body) in
        [("/v1/sports/golf/suspend", &body), ("/v1/sports/tennis/suspend", &json!({"reason": "x"}))]
    {
        desk.trader.post(path, "one", body).await.problem(422, "IDEMPOTENCY_MISMATCH");
    }
    let told = "SELECT count(*) FROM events.outbox WHERE type = 'hold.changed' AND aggregate_version = 1 \
                AND payload @> '{\"scope\": \"SPORT\", \"sport\": \"tennis\", \"kind\": \"SUSPENDED\", \"reason\": \"floodlights\"}' \
                AND payload ->> 'actor' LIKE 'usr_%' AND trace_id IS NOT NULL";
    assert_eq!(desk.count(told).await, 1);
    let followed = "SELECT count(*) FROM events.outbox WHERE type = 'odds.updated' AND aggregate_version = 2 \
                    AND payload @> '{\"act\": \"suspend_group\", \"status\": \"SUSPENDED\", \"reason\": \"floodlights\"}'";
    assert_eq!(desk.count(followed).await, 1);
    desk.end().await;
}

#[tokio::test]
async fn what_is_held_is_listed_with_who_and_why() {
    let desk = Desk::new().await;
    let (market, over) = (desk.publish(&three()).await, desk.publish(&even("e", "over")).await);
    let event = market.snapshot.event_id;
    let own = format!("/v1/markets/{}/suspend", market.market_id);
    let acts = [
        outcome_path(&market, 0, "suspend"),
        own.clone(),
        format!("/v1/events/{event}/suspend"),
        "/v1/sports/tennis/suspend".to_owned(),
        "/v1/trading/suspend".to_owned(),
        format!("/v1/markets/{}/close", over.market_id),
    ];
    for (minute, path) in acts.iter().enumerate() {
        desk.server.app().clock().set(NOON.plus_millis(i64::try_from(minute).unwrap() * 60_000));
        desk.act(path).await.expect(200);
    }
    let mut scopes = Vec::new();
    let mut cursor = String::new();
    while scopes.len() < 10 {
        let part = desk.trader.get(&format!("/v1/holds?limit=2{cursor}")).await.expect(200);
        scopes.extend(part["items"].as_array().unwrap().iter().map(|hold| hold["scope"].clone()));
        let Some(next) = part["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(
        scopes,
        ["ALL", "SPORT", "EVENT", "MARKET", "OUTCOME"],
        "newest first, and none of what is over"
    );
    for path in acts.iter().take(5).rev().filter(|path| **path != own) {
        desk.act(&path.replace("/suspend", "/resume")).await.expect(200);
    }
    let left = desk.trader.get("/v1/holds").await.expect(200);
    let wanted = json!({
        "scope": "MARKET", "market_id": market.market_id.to_string(), "kind": "SUSPENDED",
        "actor": desk.server.user_id("tom").to_string(), "reason": "for a test",
        "changed_at": "2026-11-23T12:01:00.000Z",
    });
    assert_eq!(left, json!({"items": [wanted], "next_cursor": null}));
    desk.player.get("/v1/holds").await.problem(403, "FORBIDDEN");
    desk.end().await;
}

#[tokio::test]
async fn many_markets_follow_in_batches() {
    let desk = Desk::new().await;
    let sources: Vec<SourceMarket> =
        (0..120).map(|n| even(&format!("e{}", n % 7), &format!("m{n}"))).collect();
    desk.server.app().publish("test", NOON, &sources).await.unwrap();
    let open = "SELECT count(*) FROM market.markets WHERE status = 'OPEN'";
    assert_eq!(desk.count(open).await, 120);
    desk.act("/v1/trading/suspend").await.expect(200);
    assert_eq!(desk.count(open).await, 0);
    assert_eq!(desk.count("SELECT count(*) FROM market.fences WHERE status = 'OPEN'").await, 0);
    desk.act("/v1/trading/resume").await.expect(200);
    assert_eq!(desk.count(open).await, 120);
    assert_eq!(desk.count("SELECT count(*) FROM market.markets WHERE version <> 3").await, 0, "two each");
    desk.end().await;
}

#[tokio::test]
async fn what_a_crash_left_pending_is_followed_by_any_process_once() {
    let desk = Desk::new().await;
    let market = desk.publish(&even("e", "m")).await;
    desk.act("/v1/trading/suspend").await.expect(200);
    desk.act("/v1/trading/resume").await.expect(200);
    // As a process leaves it that ends right after it committed the hold.
    let crash = "UPDATE market.holds SET kind = 'SUSPENDED', pending = true";
    sqlx::raw_sql(crash).execute(&desk.admin).await.unwrap();
    assert_eq!(desk.status(&market).await, "OPEN");
    let new = desk.publish(&even("e", "new")).await;
    assert_eq!(desk.status(&new).await, "SUSPENDED", "new messages are decided by the hold at once");
    let second = another(&desk.db, &desk.redis).await;
    for app in [second.app(), desk.server.app()] {
        app.follow_holds().await.unwrap();
        assert_eq!(desk.count("SELECT count(*) FROM market.holds WHERE pending").await, 0);
        assert_eq!(desk.count("SELECT version FROM market.markets WHERE source_key = 'm'").await, 4, "once");
    }
    desk.bet(&market, 0).await.problem(422, "BETTING_SUSPENDED");
    // A request that is sent again completes what its first try had begun.
    let body = json!({"reason": "again"});
    desk.trader.post("/v1/trading/resume", "r", &body).await.expect(200);
    sqlx::raw_sql("UPDATE market.holds SET kind = 'SUSPENDED', pending = true")
        .execute(&desk.admin)
        .await
        .unwrap();
    assert!(desk.trader.post("/v1/trading/resume", "r", &body).await.is_replay());
    assert_eq!(desk.status(&market).await, "SUSPENDED");
    desk.end().await;
}

/// Publishes markets that come, open and shut and move until it has said all of them.
async fn feed(app: App, feeder: u32) {
    for n in 0..40_u32 {
        let mut source =
            match_odds(&format!("e{feeder}"), &format!("m{feeder}-{}", n / 4), &[(2 + n % 3, 1), (2, 1)]);
        source.status = if n % 2 == 0 { SourceStatus::Suspended } else { SourceStatus::Open };
        app.publish("test", NOON.plus_millis(i64::from(n)), &[source]).await.unwrap();
    }
}

#[tokio::test]
async fn no_market_is_on_sale_after_the_answer_while_messages_arrive_at_two_processes() {
    let desk = Desk::new().await;
    let second = another(&desk.db, &desk.redis).await;
    let trader = second.caller("tom", &[Role::Trader]);
    let apps = [desk.server.app().clone(), second.app().clone()];
    let feeders: Vec<_> = (0..4).map(|n| tokio::spawn(feed(apps[n as usize % 2].clone(), n))).collect();
    let open = "SELECT count(*) FROM market.fences f JOIN market.markets m ON m.id = f.market_id \
                WHERE f.status = 'OPEN' OR m.status = 'OPEN'";
    let reason = json!({"reason": "for a test"});
    let mut rounds = 0;
    while feeders.iter().any(|feeder| !feeder.is_finished()) {
        let (path, key) = (["/v1/sports/tennis", "/v1/trading"][rounds % 2], format!("s{rounds}"));
        trader.post(&format!("{path}/suspend"), &key, &reason).await.expect(200);
        for _ in 0..3 {
            assert_eq!(desk.count(open).await, 0, "round {rounds}");
            tokio::task::yield_now().await;
        }
        trader.post(&format!("{path}/resume"), &format!("r{rounds}"), &reason).await.expect(200);
        rounds += 1;
    }
    for fed in join_all(feeders).await {
        fed.unwrap();
    }
    let shut = "SELECT count(*) FROM market.markets WHERE status <> 'OPEN' AND source_status = 'OPEN'";
    assert_eq!(desk.count(shut).await, 0, "all that may be on sale is, after {rounds} rounds");
    second.stop().await;
    desk.end().await;
}
