//! Limits on stakes over HTTP: set, told, counted for the next bet at every process, and let go.

use overround_api::{ApiSettings, Role};
use overround_app::{Clock, Published};
use overround_domain::markets::SourceMarket;
use overround_domain::time::Timestamp;
use overround_testkit::{Caller, Reply, TestDb, TestServer, match_odds, redis_url, test_settings};
use serde_json::{Value, json};

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

/// Even chances, open; the house's price is 1.92.
fn even(event: &str) -> SourceMarket {
    match_odds(event, event, &[(2, 1), (2, 1)])
}

pub(crate) fn bet(stake_cents: i64, fill: &str, markets: &[&Published]) -> Value {
    let leg = |market: &&Published| {
        let (outcome, quote) = market.snapshot.prices.iter().next().unwrap();
        json!({"market_id": market.market_id.to_string(), "outcome_id": outcome.to_string(),
            "price": {"num": quote.price.num(), "den": quote.price.den()}, "market_version": market.snapshot.version})
    };
    let legs: Vec<Value> = markets.iter().map(leg).collect();
    json!({"stake_cents": stake_cents, "currency": "EUR", "fill": fill, "confirm_duplicate": true, "legs": legs})
}

/// A house with a player and a trader.
struct House {
    server: TestServer,
    player: Caller,
    trader: Caller,
    account: String,
}

impl House {
    async fn new(db: &TestDb) -> Self {
        Self::of(TestServer::start(db, Clock::manual(NOON)).await).await
    }

    async fn of(server: TestServer) -> Self {
        let (player, account) = server.funded("alice", 100_000).await;
        let trader = server.caller("trader", &[Role::Trader]);
        Self { server, player, trader, account }
    }

    async fn place(&self, key: &str, body: &Value) -> Reply {
        self.player.post(&format!("/v1/accounts/{}/bets", self.account), key, body).await
    }

    /// The largest stake that the refusal of a far too large one says.
    async fn most(&self, key: &str, markets: &[&Published]) -> i64 {
        let refused = self.place(key, &bet(90_000, "NORMAL", markets)).await.problem(422, "ABOVE_MAX");
        refused["stake_cents_max"].as_i64().unwrap()
    }

    /// Limits a scope in EUR.
    async fn limit(&self, key: &str, scope: Value, limits: Value) -> Reply {
        let mut body = json!({"scope": scope, "currency": "EUR", "reason": "for a test"});
        body.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
        self.trader.post("/v1/limits", key, &body).await
    }

    async fn factor(&self, key: &str, sport: &str, factor_pct: i64) -> Reply {
        let body = json!({"sport": sport, "factor_pct": factor_pct, "reason": "for a test"});
        self.trader.post(&format!("/v1/accounts/{}/factors", self.account), key, &body).await
    }
}

#[tokio::test]
async fn a_limit_counts_for_the_next_bet_until_it_is_let_go() {
    let db = TestDb::create().await;
    let house = House::new(&db).await;
    let market = house.server.publish(&even("e")).await;
    house.place("before", &bet(90_000, "NORMAL", &[&market])).await.expect(201);
    let (player, account) = house.server.funded("bob", 100_000).await;
    let place = async |key: &str, cents: i64| {
        player.post(&format!("/v1/accounts/{account}/bets"), key, &bet(cents, "NORMAL", &[&market])).await
    };
    let scope = json!({"level": "MARKET", "market_id": market.market_id.to_string()});
    let set = house.limit("l", scope.clone(), json!({"liability_cents": 920})).await;
    let told = set.expect(200);
    assert_eq!((&told["liability_cents"], &told["volume_cents"]), (&json!(920), &Value::Null));
    assert_eq!((&told["scope"], &told["version"]), (&scope, &json!(1)));
    let again = house.limit("l", scope.clone(), json!({"liability_cents": 920})).await;
    assert_eq!((again.is_replay(), &again.text), (true, &set.text));
    house.limit("l", scope.clone(), json!({"liability_cents": 1})).await.problem(422, "IDEMPOTENCY_MISMATCH");
    // A win of 920 at 1.92 is a stake of 1000.
    let first = place("above", 1001).await;
    let refused = first.problem(422, "ABOVE_MAX");
    assert_eq!((&refused["stake_cents_max"], &refused["stake_cents_min"]), (&json!(1000), &json!(100)));
    place("at", 1000).await.expect(201);
    let listed = house.trader.get("/v1/limits").await.expect(200);
    assert_eq!(listed["items"], json!([told]));
    let release = json!({"scope": scope, "currency": "EUR", "reason": "it is over"});
    let released = house.trader.post("/v1/limits/release", "r", &release).await.expect(200);
    assert_eq!((&released["version"], &released["liability_cents"]), (&json!(2), &Value::Null));
    assert_eq!(house.trader.get("/v1/limits").await.expect(200)["items"], json!([]));
    let replayed = place("above", 1001).await;
    assert_eq!((replayed.is_replay(), &replayed.text), (true, &first.text), "what was refused stays so");
    place("now", 1001).await.expect(201);
    let told: Vec<(i64, Value)> = sqlx::query_as(
        "SELECT aggregate_version, payload FROM events.outbox WHERE type = 'limit.changed' ORDER BY aggregate_version",
    )
    .fetch_all(&db.admin().await)
    .await
    .unwrap();
    assert_eq!(told.iter().map(|(version, _)| *version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(told[0].1["market_id"], json!(market.market_id.uuid()));
    assert_eq!((&told[1].1["reason"], &told[1].1["liability_cents"]), (&json!("it is over"), &Value::Null));
}

#[tokio::test]
async fn the_strictest_of_all_levels_applies_by_the_factor_and_the_play() {
    let db = TestDb::create().await;
    let house = House::new(&db).await;
    let market = house.server.publish(&even("e")).await;
    let mut golf = even("g");
    golf.event.sport = "golf".to_owned();
    let golf = house.server.publish(&golf).await;
    house.limit("1", json!({"level": "DEFAULT"}), json!({"stake_cents": 8000})).await.expect(200);
    assert_eq!(house.most("1", &[&market]).await, 8000);
    let sport = |name: &str| json!({"level": "SPORT", "sport": name});
    house.limit("2", sport("tennis"), json!({"stake_cents": 6000})).await.expect(200);
    let of_type = json!({"level": "MARKET_TYPE", "market_type": "MATCH_ODDS"});
    house.limit("3", of_type, json!({"stake_cents": 7000})).await.expect(200);
    assert_eq!(house.most("2", &[&market]).await, 6000);
    assert_eq!(house.most("3", &[&golf]).await, 7000);
    assert_eq!(house.most("4", &[&golf, &market]).await, 6000);
    let factor = house.factor("f", "golf", 50).await.expect(200);
    assert_eq!((&factor["factor_pct"], &factor["version"]), (&json!(50), &json!(1)));
    assert_eq!(house.most("5", &[&golf]).await, 3500);
    assert_eq!(house.most("6", &[&market]).await, 6000, "in the other sport it has none");
    let factors = house.trader.get(&format!("/v1/accounts/{}/factors", house.account)).await.expect(200);
    assert_eq!(factors["items"], json!([factor]));
    // The market goes in play, and its event turns out to be of the other sport.
    let in_play = house.server.publish(&SourceMarket { in_play: true, ..even("e") }).await;
    assert_eq!(house.most("7", &[&in_play]).await, 3000);
    let mut moved = SourceMarket { in_play: true, ..even("e") };
    moved.event.sport = "golf".to_owned();
    let moved = house.server.publish(&moved).await;
    assert_eq!(house.most("8", &[&moved]).await, 1750);
    house.factor("f0", "golf", 0).await.expect(200);
    let none = house.place("9", &bet(100, "FILL_AND_KILL", &[&golf])).await.problem(422, "ABOVE_MAX");
    assert_eq!(none["stake_cents_max"], 0);
}

#[tokio::test]
async fn fill_and_kill_takes_what_may_be_and_says_so_again() {
    let db = TestDb::create().await;
    let house = House::new(&db).await;
    let market = house.server.publish(&even("e")).await;
    house.limit("l", json!({"level": "DEFAULT"}), json!({"stake_cents": 700})).await.expect(200);
    let taken = house.place("k", &bet(5000, "FILL_AND_KILL", &[&market])).await;
    let receipt = taken.expect(201);
    assert_eq!((&receipt["stake_cents"], &receipt["requested_stake_cents"]), (&json!(700), &json!(5000)));
    assert_eq!(receipt["potential_payout_cents"], 1344);
    let version: i64 = sqlx::query_scalar("SELECT version FROM betting.limits_version")
        .fetch_one(&db.admin().await)
        .await
        .unwrap();
    let again = house.place("k", &bet(5000, "FILL_AND_KILL", &[&market])).await;
    assert_eq!((again.is_replay(), &again.text), (true, &taken.text));
    let mismatch = house.place("k", &bet(5000, "NORMAL", &[&market])).await;
    mismatch.problem(422, "IDEMPOTENCY_MISMATCH");
    let whole = house.place("whole", &bet(650, "FILL_AND_KILL", &[&market])).await.expect(201);
    assert_eq!((&whole["stake_cents"], whole.get("requested_stake_cents")), (&json!(650), None));
    house.limit("l2", json!({"level": "DEFAULT"}), json!({"stake_cents": 99})).await.expect(200);
    let least = house.place("least", &bet(5000, "FILL_AND_KILL", &[&market])).await;
    assert_eq!(least.problem(422, "ABOVE_MAX")["stake_cents_max"], 0);
    let account = house.player.get(&format!("/v1/accounts/{}", house.account)).await.expect(200);
    assert_eq!(account["held_cents"], 1350);
    let frozen: Vec<Value> =
        sqlx::query_scalar("SELECT limit_decision FROM betting.bets ORDER BY stake_cents DESC")
            .fetch_all(&db.admin().await)
            .await
            .unwrap();
    let decision =
        |asked| json!({"limits_version": version, "stake_cents_max": 700, "requested_stake_cents": asked});
    assert_eq!(frozen, [decision(5000), decision(650)]);
}

#[tokio::test]
async fn what_one_process_limits_the_other_one_does() {
    let db = TestDb::create().await;
    let redis = redis_url().await;
    let start = async || {
        let (clock, api) = (Clock::manual(NOON), ApiSettings::default());
        TestServer::start_with(&db, &redis, clock, test_settings(), api).await
    };
    let here = House::of(start().await).await;
    let there = start().await;
    let market = here.server.publish(&even("e")).await;
    let (player, account) = there.funded("bob", 100_000).await;
    let bets = format!("/v1/accounts/{account}/bets");
    for (key, most) in [("1", 5000), ("2", 300), ("3", 4000)] {
        here.limit(key, json!({"level": "SPORT", "sport": "tennis"}), json!({"stake_cents": most}))
            .await
            .expect(200);
        let refused = player.post(&bets, key, &bet(90_000, "NORMAL", &[&market])).await;
        assert_eq!(refused.problem(422, "ABOVE_MAX")["stake_cents_max"], most);
    }
}

#[tokio::test]
async fn what_is_no_limit_is_refused_by_its_place() {
    let db = TestDb::create().await;
    let house = House::new(&db).await;
    let default = json!({"level": "DEFAULT"});
    let market = |id: &str| json!({"level": "MARKET", "market_id": id});
    let refusals = [
        (default.clone(), json!({}), ""),
        (default.clone(), json!({"stake_cents": -1}), "/stake_cents"),
        (default.clone(), json!({"stake_cents": null}), "/stake_cents"),
        (default, json!({"payout_cents": 5}), "/payout_cents"),
        (market("mkt_1C4KqX7YvQe3Jm9TzR5bNd"), json!({"stake_cents": 5}), "/scope/market_id"),
    ];
    for (number, (scope, limits, pointer)) in refusals.into_iter().enumerate() {
        let refused = house.limit(&format!("{number}"), scope, limits).await.problem(400, "INVALID_BODY");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    for scope in
        [json!({"level": "GALAXY"}), json!({"level": "SPORT"}), json!({"level": "DEFAULT", "sport": "x"})]
    {
        let refused = house.limit("scope", scope, json!({"stake_cents": 5})).await;
        refused.problem(400, "INVALID_BODY");
    }
    house.factor("f", "tennis", 501).await.problem(400, "INVALID_BODY");
    let body = json!({"sport": "tennis", "factor_pct": 10, "reason": "for a test"});
    let nobody = "/v1/accounts/acct_1C4KqX7YvQe3Jm9TzR5bNd/factors";
    house.trader.post(nobody, "n", &body).await.problem(404, "NOT_FOUND");
    house.player.get("/v1/limits").await.problem(403, "FORBIDDEN");
}
