//! Hard caps over HTTP: what all bets together take of them, exactly, at several processes, and what they give back.

#[path = "caps/day.rs"]
mod day;

use crate::lanes::Bettor;
use crate::limits::bet;
use futures::future::join_all;
use overround_api::{ApiSettings, Role};
use overround_app::{Clock, Published};
use overround_domain::time::Timestamp;
use overround_store::doctor;
use overround_testkit::{Caller, TestDb, TestServer, match_odds, redis_url, test_settings};
use serde_json::{Value, json};
use sqlx::PgPool;

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

fn of_market(market: &Published) -> Value {
    json!({"level": "MARKET", "market_id": market.market_id.to_string()})
}

fn first(market: &Published) -> String {
    market.snapshot.prices.keys().next().unwrap().to_string()
}

fn of_both(one: &Published, other: &Published) -> Value {
    json!({"level": "COMBINATION", "outcome_ids": [first(one), first(other)]})
}

struct House {
    db: TestDb,
    admin: PgPool,
    server: TestServer,
    trader: Caller,
}

impl House {
    async fn new() -> Self {
        let db = TestDb::create().await;
        let server = TestServer::start(&db, Clock::manual(NOON)).await;
        Self::of(db, server).await
    }

    async fn of(db: TestDb, server: TestServer) -> Self {
        let trader = server.caller("trader", &[Role::Trader]);
        Self { admin: db.admin().await, db, server, trader }
    }

    async fn market(&self, key: &str) -> Published {
        self.server.publish(&match_odds(key, key, &[(2, 1), (2, 1)])).await
    }

    async fn cap(&self, key: &str, scope: &Value, measure: &str, amount_cents: i64) -> Value {
        let body = json!({"scope": scope, "currency": "EUR", "measure": measure, "amount_cents": amount_cents,
            "reason": "for a test"});
        self.trader.post("/v1/caps", key, &body).await.expect(200)
    }

    /// What is taken of each cap in force, newest first.
    async fn used(&self) -> Vec<i64> {
        let listed = self.trader.get("/v1/caps").await.expect(200);
        listed["items"].as_array().unwrap().iter().map(|cap| cap["used_cents"].as_i64().unwrap()).collect()
    }

    /// Records which outcome won, and pays by it.
    async fn settle(&self, market: &Published, first_result: &str) {
        let other = if first_result == "WON" { "LOST" } else { "WON" };
        let result =
            |(outcome, result): (_, &str)| json!({"outcome_id": format!("{outcome}"), "result": result});
        let outcomes: Vec<Value> =
            market.snapshot.prices.keys().zip([first_result, other]).map(result).collect();
        let body = json!({"reason": "official result", "outcomes": outcomes});
        let path = format!("/v1/markets/{}/settle", market.market_id);
        self.trader.post(&path, &market.source_key, &body).await.expect(200);
        self.server.app().pay_market(market.market_id).await.unwrap();
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.admin).await.unwrap()
    }

    async fn is_sound(&self) {
        let findings = doctor::examine(&self.db.pool(overround_store::Role::App).await).await.unwrap();
        let broken: Vec<_> = findings.iter().filter(|finding| !finding.holds()).collect();
        assert!(broken.is_empty(), "{broken:?}");
    }
}

#[tokio::test]
async fn a_cap_takes_bets_of_all_players_up_to_itself_and_says_what_is_left() {
    let house = House::new().await;
    let market = house.market("m").await;
    let ann = Bettor::with(&house.server, "ann", 100_000).await;
    let bob = Bettor::with(&house.server, "bob", 100_000).await;
    ann.bet("before", &bet(50_000, "NORMAL", &[&market])).await.expect(201);
    let told = house.cap("c", &of_market(&market), "LIABILITY", 9_200).await;
    assert_eq!(
        (&told["amount_cents"], &told["used_cents"], &told["version"]),
        (&json!(9_200), &json!(0), &json!(1))
    );
    assert_eq!(told["scope"], of_market(&market));
    assert_eq!(house.cap("c", &of_market(&market), "LIABILITY", 9_200).await, told, "a replay");
    // 10001 at 1.92 return 19201, a win of 9200: more than any cell's part.
    let above = ann.bet("above", &bet(10_002, "NORMAL", &[&market])).await;
    assert_eq!(above.problem(422, "ABOVE_MAX")["stake_cents_max"], 10_001);
    ann.bet("ann", &bet(6_000, "NORMAL", &[&market])).await.expect(201);
    assert_eq!(house.used().await, [5_520]);
    let above = bob.bet("above", &bet(4_002, "NORMAL", &[&market])).await;
    assert_eq!(above.problem(422, "ABOVE_MAX")["stake_cents_max"], 4_001);
    let filled = bob.bet("bob", &bet(9_000, "FILL_AND_KILL", &[&market])).await.expect(201);
    assert_eq!((&filled["stake_cents"], &filled["requested_stake_cents"]), (&json!(4_001), &json!(9_000)));
    let none = ann.bet("none", &bet(100, "FILL_AND_KILL", &[&market])).await.problem(422, "ABOVE_MAX");
    assert_eq!(none["stake_cents_max"], 0);
    let other = house.market("other").await;
    ann.bet("other", &bet(20_000, "NORMAL", &[&other])).await.expect(201);
    house.is_sound().await;
    house.settle(&market, "WON").await;
    assert_eq!(house.used().await, [0], "closed bets gave all of it back");
    house.is_sound().await;
    let told: Vec<(i64, Value)> =
        sqlx::query_as("SELECT aggregate_version, payload FROM events.outbox WHERE type = 'cap.changed'")
            .fetch_all(&house.admin)
            .await
            .unwrap();
    assert_eq!((told.len(), told[0].0, &told[0].1["amount_cents"]), (1, 1, &json!(9_200)));
}

#[tokio::test]
async fn a_combination_is_the_same_in_any_order_and_stakes_are_never_given_back() {
    let house = House::new().await;
    let (one, other) = (house.market("1").await, house.market("2").await);
    let ann = Bettor::with(&house.server, "ann", 100_000).await;
    let scope = of_both(&other, &one);
    let told = house.cap("c", &scope, "STAKES", 1_000).await;
    assert_eq!(house.cap("c2", &of_both(&one, &other), "STAKES", 1_500).await["version"], 2);
    house.cap("o", &json!({"level": "OUTCOME", "outcome_id": first(&one)}), "LIABILITY", 10_000).await;
    assert_eq!(told["scope"]["outcome_ids"].as_array().unwrap().len(), 2);
    ann.bet("1", &bet(700, "NORMAL", &[&one, &other])).await.expect(201);
    let refused = ann.bet("2", &bet(801, "NORMAL", &[&other, &one])).await.problem(422, "COMBINATION_MAX");
    assert_eq!(refused["stake_cents_max"], 800);
    ann.bet("3", &bet(5_000, "NORMAL", &[&other])).await.expect(201);
    // The parlay wins 1880 at 3.6864, and the single on the capped outcome 4600.
    ann.bet("4", &bet(5_000, "NORMAL", &[&one])).await.expect(201);
    assert_eq!(house.used().await, [1_880 + 4_600, 700]);
    house.is_sound().await;
    house.settle(&one, "LOST").await;
    assert_eq!(house.used().await, [0, 700]);
    let release = json!({"scope": scope, "currency": "EUR", "measure": "STAKES", "reason": "it is over"});
    let released = house.trader.post("/v1/caps/release", "r", &release).await.expect(200);
    assert_eq!((&released["amount_cents"], &released["version"]), (&Value::Null, &json!(3)));
    assert_eq!(house.used().await, [0]);
    assert_eq!(
        house.cap("c3", &scope, "STAKES", 5_000).await["used_cents"],
        700,
        "what was staked was staked"
    );
    house.is_sound().await;
}

#[tokio::test]
async fn a_cap_below_what_is_taken_takes_no_bet_before_it_holds_again() {
    let house = House::new().await;
    let (market, other) = (house.market("m").await, house.market("o").await);
    let ann = Bettor::with(&house.server, "ann", 100_000).await;
    let bob = Bettor::with(&house.server, "bob", 100_000).await;
    house.cap("c", &of_market(&market), "LIABILITY", 50_000).await;
    // 920 by the single, and 2686 by each parlay.
    ann.bet("1", &bet(1_000, "NORMAL", &[&market])).await.expect(201);
    ann.bet("2", &bet(1_000, "NORMAL", &[&market, &other])).await.expect(201);
    bob.bet("3", &bet(1_000, "NORMAL", &[&market, &other])).await.expect(201);
    assert_eq!(house.cap("c2", &of_market(&market), "LIABILITY", 1_840).await["used_cents"], 920 + 2 * 2_686);
    for bettor in [&ann, &bob] {
        let refused = bettor.bet("n", &bet(100, "NORMAL", &[&market])).await.problem(422, "ABOVE_MAX");
        assert_eq!(refused["stake_cents_max"], 0);
    }
    house.settle(&other, "LOST").await;
    assert_eq!(house.used().await, [920]);
    house.is_sound().await;
    let most = bob.bet("most", &bet(5_000, "NORMAL", &[&market])).await.problem(422, "ABOVE_MAX");
    assert_eq!(most["stake_cents_max"], 1_001, "what closed bets gave back is anybody's");
    bob.bet("last", &bet(1_000, "NORMAL", &[&market])).await.expect(201);
    assert_eq!(house.used().await, [1_840]);
    house.is_sound().await;
}

#[tokio::test]
async fn a_cap_on_an_event_or_a_sport_counts_all_their_markets() {
    let house = House::new().await;
    let event = |market: &Published| market.snapshot.event_id.to_string();
    let one = house.server.publish(&match_odds("e", "1", &[(2, 1), (2, 1)])).await;
    let two = house.server.publish(&match_odds("e", "2", &[(2, 1), (2, 1)])).await;
    assert_eq!(event(&one), event(&two));
    let mut golf = match_odds("g", "3", &[(2, 1), (2, 1)]);
    golf.event.sport = "golf".to_owned();
    let golf = house.server.publish(&golf).await;
    let ann = Bettor::with(&house.server, "ann", 100_000).await;
    let bob = Bettor::with(&house.server, "bob", 100_000).await;
    house.cap("e", &json!({"level": "EVENT", "event_id": event(&one)}), "STAKES", 5_000).await;
    house.cap("s", &json!({"level": "SPORT", "sport": "golf"}), "LIABILITY", 9_200).await;
    ann.bet("1", &bet(3_000, "NORMAL", &[&one])).await.expect(201);
    let refused = bob.bet("2", &bet(2_001, "NORMAL", &[&two])).await.problem(422, "ABOVE_EVENT_MAX");
    assert_eq!(refused["stake_cents_max"], 2_000);
    // A parlay of 1000 at 3.6864 wins 2686, and counts for both.
    bob.bet("3", &bet(1_000, "NORMAL", &[&golf, &two])).await.expect(201);
    assert_eq!(house.used().await, [2_686, 4_000]);
    let filled = ann.bet("4", &bet(9_000, "FILL_AND_KILL", &[&golf])).await.expect(201);
    assert_eq!(filled["stake_cents"], 7_081);
    let refused = ann.bet("5", &bet(200, "NORMAL", &[&golf, &one])).await;
    assert_eq!(refused.problem(422, "ABOVE_EVENT_MAX")["stake_cents_max"], 0);
    house.is_sound().await;
    house.settle(&golf, "LOST").await;
    assert_eq!(house.used().await, [0, 4_000]);
    house.is_sound().await;
}

const PLAYERS: usize = 20;
const LIABILITY: i64 = 20_011;
const STAKES: i64 = 15_007;
const COMBINED: i64 = 3_001;

/// Bets of one player, on what several of them share.
async fn play(bettor: Bettor, number: usize, one: Published, other: Published) -> usize {
    let kinds: [&[&Published]; 3] = [&[&one], &[&other], &[&other, &one]];
    let mut taken = 0;
    for (at, markets) in (0..9_usize).zip(kinds.into_iter().cycle()) {
        let fill = if (number + at).is_multiple_of(3) { "FILL_AND_KILL" } else { "NORMAL" };
        let stake = i64::try_from(137 + 41 * number + 293 * at).unwrap();
        let reply = bettor.bet(&format!("{at}"), &bet(stake, fill, markets)).await;
        assert!([201, 422].contains(&reply.status), "{}", reply.text);
        taken += usize::from(reply.status == 201);
    }
    taken
}

#[tokio::test]
async fn many_bets_at_once_in_all_cells_at_two_processes_never_exceed_a_cap_and_can_take_all_of_it() {
    let db = TestDb::create().await;
    let redis = redis_url().await;
    let start = async || {
        let (clock, api) = (Clock::manual(NOON), ApiSettings::default());
        TestServer::start_with(&db, &redis, clock, test_settings(), api).await
    };
    let (here, there) = (start().await, start().await);
    let house = House::of(db, here).await;
    let (one, other) = (house.market("1").await, house.market("2").await);
    house.cap("l", &of_market(&one), "LIABILITY", LIABILITY).await;
    house.cap("s", &of_market(&other), "STAKES", STAKES).await;
    house.cap("b", &of_both(&one, &other), "LIABILITY", COMBINED).await;
    let mut playing = Vec::new();
    for number in 0..PLAYERS {
        let server = if number.is_multiple_of(2) { &house.server } else { &there };
        let bettor = Bettor::with(server, &format!("player{number}"), 1_000_000).await;
        playing.push(tokio::spawn(play(bettor, number, one.clone(), other.clone())));
    }
    let taken: usize = join_all(playing).await.into_iter().map(Result::unwrap).sum();
    assert!(taken > PLAYERS, "{taken}");
    house.is_sound().await;
    // What is left is anybody's, wherever it is.
    let last = Bettor::with(&there, "last", 1_000_000).await;
    for (number, (markets, code)) in
        [([&one].as_slice(), "ABOVE_MAX"), (&[&other], "ABOVE_MAX"), (&[&one, &other], "COMBINATION_MAX")]
            .into_iter()
            .enumerate()
    {
        let filled = last.bet(&format!("{number}"), &bet(90_000, "FILL_AND_KILL", markets)).await;
        let rest = last.bet(&format!("{number}-more"), &bet(90_000, "FILL_AND_KILL", markets)).await;
        assert!([201, 422].contains(&filled.status), "{}", filled.text);
        // A parlay may meet the caps of its markets first.
        let refused = if number < 2 { rest.problem(422, code) } else { rest.expect(422) };
        assert_eq!(refused["stake_cents_max"], 0, "less than the least stake is left");
    }
    let liability = house
        .count(
            "SELECT sum(b.potential_payout_cents - b.stake_cents)::bigint FROM betting.bets b \
             JOIN betting.bet_legs l ON l.bet_id = b.id JOIN market.markets m ON m.id = l.market_id AND m.source_key = '1'",
        )
        .await;
    let stakes = house
        .count(
            "SELECT sum(b.stake_cents)::bigint FROM betting.bets b JOIN betting.bet_legs l ON l.bet_id = b.id \
             JOIN market.markets m ON m.id = l.market_id AND m.source_key = '2'",
        )
        .await;
    let combined = house
        .count(
            "SELECT sum(potential_payout_cents - stake_cents)::bigint FROM betting.bets WHERE kind = 'PARLAY'",
        )
        .await;
    // The least stake is 100, and wins 92 at 1.92.
    assert!((LIABILITY - 91..=LIABILITY).contains(&liability), "{liability} of {LIABILITY}");
    assert!((STAKES - 99..=STAKES).contains(&stakes), "{stakes} of {STAKES}");
    assert!((1..=COMBINED).contains(&combined), "{combined} of {COMBINED}");
    assert_eq!(house.used().await, [combined, stakes, liability]);
    house.is_sound().await;
    house.settle(&one, "LOST").await;
    assert_eq!(house.used().await, [0, stakes, 0]);
    house.is_sound().await;
}

const MARKETS: usize = 8;

#[tokio::test]
async fn while_bets_close_a_cap_is_given_back_and_never_exceeded() {
    const CAP: i64 = 9_001;
    let house = House::new().await;
    let mut markets = Vec::new();
    for number in 0..MARKETS {
        markets.push(house.market(&format!("m{number}")).await);
    }
    house.cap("s", &json!({"level": "SPORT", "sport": "tennis"}), "LIABILITY", CAP).await;
    let mut bettors = Vec::new();
    for number in 0..PLAYERS {
        bettors.push(Bettor::with(&house.server, &format!("player{number}"), 1_000_000).await);
    }
    let mut accepted = 0;
    for (number, market) in markets.iter().enumerate() {
        let body = bet(1_100, "FILL_AND_KILL", &[market]);
        let placing = join_all(bettors.iter().map(async |bettor| {
            let mut accepted = 0;
            for again in 0..3 {
                let reply = bettor.bet(&format!("{number}-{again}"), &body).await;
                assert!([201, 422].contains(&reply.status), "{}", reply.text);
                accepted += usize::from(reply.status == 201);
            }
            accepted
        }));
        // The market before this one is settled while bets on this one come in.
        let settling = async {
            if let Some(before) = number.checked_sub(1) {
                house.settle(&markets[before], if number.is_multiple_of(2) { "WON" } else { "LOST" }).await;
            }
        };
        let looking = async {
            let used = house.used().await;
            assert!((0..=CAP).contains(&used[0]), "{used:?}");
            house.is_sound().await;
        };
        let (placed, (), ()) = tokio::join!(placing, settling, looking);
        accepted += placed.into_iter().sum::<usize>();
        // Whatever came of the race, what was given back can be taken.
        bettors[0].bet(&format!("{number}-rest"), &bet(90_000, "FILL_AND_KILL", &[market])).await;
        let used = house.used().await;
        assert!((CAP - 91..=CAP).contains(&used[0]), "{used:?}");
        house.is_sound().await;
    }
    assert!(accepted >= MARKETS, "{accepted}");
    house.settle(&markets[MARKETS - 1], "LOST").await;
    assert_eq!(house.used().await, [0]);
    house.is_sound().await;
}

#[tokio::test]
async fn what_is_no_cap_is_refused_by_its_place() {
    let house = House::new().await;
    let market = house.market("m").await;
    let unknown = "out_1C4KqX7YvQe3Jm9TzR5bNd";
    let body = |scope: Value, measure: &str, amount: Value| json!({"scope": scope, "currency": "EUR", "measure": measure, "amount_cents": amount, "reason": "for a test"});
    let combination = |outcomes: &[&str]| json!({"level": "COMBINATION", "outcome_ids": outcomes});
    let known = first(&market);
    for (number, (body, pointer)) in [
        (body(of_market(&market), "LIABILITY", json!(-1)), "/amount_cents"),
        (body(of_market(&market), "LIABILITY", Value::Null), "/amount_cents"),
        (body(of_market(&market), "PROFIT", json!(1)), "/measure"),
        (
            body(json!({"level": "MARKET", "market_id": "mkt_1C4KqX7YvQe3Jm9TzR5bNd"}), "STAKES", json!(1)),
            "/scope/market_id",
        ),
        (
            body(json!({"level": "EVENT", "event_id": "evt_1C4KqX7YvQe3Jm9TzR5bNd"}), "STAKES", json!(1)),
            "/scope/event_id",
        ),
        (body(json!({"level": "OUTCOME", "outcome_id": unknown}), "STAKES", json!(1)), "/scope/outcome_id"),
        (body(combination(&[&known, unknown]), "STAKES", json!(1)), "/scope/outcome_ids"),
    ]
    .into_iter()
    .enumerate()
    {
        let refused = house.trader.post("/v1/caps", &format!("{number}"), &body).await;
        let refused = refused.problem(400, "INVALID_BODY");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    for scope in [
        combination(&[&known]),
        combination(&[&known, &known]),
        json!({"level": "SPORT"}),
        json!({"level": "GALAXY"}),
    ] {
        house
            .trader
            .post("/v1/caps", "s", &body(scope, "STAKES", json!(1)))
            .await
            .problem(400, "INVALID_BODY");
    }
    let player = house.server.caller("ann", &[Role::Player]);
    player.get("/v1/caps").await.problem(403, "FORBIDDEN");
    assert_eq!(house.count("SELECT count(*) FROM betting.caps").await, 0);
}
