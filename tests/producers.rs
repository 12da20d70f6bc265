//! Live producers: one that falls silent has its own markets suspended, and no others; it comes back by a recovery;
//! one process speaks for it, and a process that died is found out.

use overround_api::Role as Caller;
use overround_app::{App, Clock, Error, PRODUCER_STATE, PRODUCER_TAKEN, Published, Settings, Speaker};
use overround_domain::ids::MarketId;
use overround_domain::markets::{MarketStatus, ProducerState, SourceMarket};
use overround_domain::time::Timestamp;
use overround_live::Live;
use overround_store::{Role, Store, doctor};
use overround_testkit::{TestDb, TestServer, match_odds, redis_url, until};
use serde_json::json;
use sqlx::PgPool;
use std::collections::BTreeSet;

const T0: Timestamp = Timestamp::from_millis(1_795_435_200_000);
/// So long that nobody is silent while a test runs.
const PATIENT_MS: i64 = 3_600_000;

/// A house of two processes.
struct House {
    db: TestDb,
    admin: PgPool,
    one: App,
    other: App,
}

impl House {
    async fn new() -> Self {
        let (db, redis) = (TestDb::create().await, redis_url().await);
        let clock = Clock::manual(T0);
        let (one, other) = (process(&db, &redis, &clock).await, process(&db, &redis, &clock).await);
        Self { admin: db.admin().await, db, one, other }
    }

    /// A producer that `one` speaks for, and that is up.
    async fn up(&self, producer: &str) -> Speaker {
        let speaker = self.one.speak_for(source_of(producer), producer, PATIENT_MS).await.unwrap();
        self.recover(&speaker).await;
        speaker
    }

    async fn recover(&self, speaker: &Speaker) {
        for state in [ProducerState::Recovering, ProducerState::Up] {
            self.one.turn_producer(speaker, state, "a test").await.unwrap();
        }
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.admin).await.unwrap()
    }

    /// Status and version by the market's row, and the fences of all cells, which must agree.
    async fn stands(&self, market: MarketId) -> (String, i64) {
        let rows: Vec<(String, i64, bool)> = sqlx::query_as(
            "SELECT DISTINCT m.status::text, m.version::bigint, (m.status, m.status_version) = (f.status, f.status_version) \
             FROM market.markets m JOIN market.fences f ON f.market_id = m.id WHERE m.id = $1",
        )
        .bind(market.uuid())
        .fetch_all(&self.admin)
        .await
        .unwrap();
        let [(status, version, true)] = rows.as_slice() else { panic!("the cells disagree: {rows:?}") };
        (status.clone(), *version)
    }

    /// Ends the house, whose books must be sound.
    async fn end(self) {
        let findings = doctor::examine(&self.db.pool(Role::App).await).await.unwrap();
        let broken: Vec<_> = findings.iter().filter(|finding| !finding.holds()).collect();
        assert!(broken.is_empty(), "{broken:?}");
        self.one.shutdown().await;
        self.other.shutdown().await;
    }
}

/// What a producer is one of, by its name.
fn source_of(producer: &str) -> &str {
    producer.split(':').next().unwrap()
}

async fn process(db: &TestDb, redis: &str, clock: &Clock) -> App {
    let store = Store::new(db.pool(Role::App).await);
    let settings = Settings { seed: Some(1), ..Settings::default() };
    let live = Live::connect(redis).unwrap();
    App::start(store, db.pool(Role::Keeper).await, live, clock.clone(), settings).await.unwrap()
}

async fn say(app: &App, speaker: &Speaker, market: &SourceMarket) -> Published {
    app.publish_as(speaker, T0, std::slice::from_ref(market)).await.unwrap().remove(0)
}

fn even(key: &str) -> SourceMarket {
    match_odds("e", key, &[(2, 1), (2, 1)])
}

fn open(version: i64) -> (String, i64) {
    ("OPEN".to_owned(), version)
}

fn suspended(version: i64) -> (String, i64) {
    ("SUSPENDED".to_owned(), version)
}

#[track_caller]
fn conflicts<T: std::fmt::Debug>(result: Result<T, Error>, wanted: &str) {
    assert!(matches!(&result, Err(Error::Conflict { code, .. }) if *code == wanted), "{result:?}");
}

#[tokio::test]
async fn silence_suspends_the_markets_of_that_producer_alone_and_a_recovery_brings_them_back() {
    let house = House::new().await;
    let (betfair, uof) = (house.up("betfair").await, house.up("uof:1").await);
    // More than a batch.
    let many: Vec<SourceMarket> = (0..60).map(|number| even(&format!("m{number}"))).collect();
    let published = house.one.publish_as(&betfair, T0, &many).await.unwrap();
    let others = say(&house.one, &uof, &even("m0")).await;
    house.one.turn_producer(&betfair, ProducerState::Down, "betfair is silent").await.unwrap();
    for market in &published {
        assert_eq!(house.stands(market.market_id).await, suspended(2));
    }
    assert_eq!(house.stands(others.market_id).await, open(1));
    let told = "SELECT count(*) FROM events.outbox WHERE type = 'odds.updated' \
                AND payload @> '{\"status\": \"SUSPENDED\", \"actor\": \"house\", \"reason\": \"betfair is silent\"}'";
    assert_eq!(house.count(told).await, 60);
    let turned = "SELECT count(*) FROM events.outbox WHERE type = 'producer.changed' \
                  AND payload @> '{\"producer\": \"betfair\", \"state\": \"DOWN\", \"reason\": \"betfair is silent\"}'";
    assert_eq!(house.count(turned).await, 1);

    // What it says before it has recovered is kept and not sold, also of markets that are new.
    let moved = match_odds("e", "m0", &[(3, 1), (3, 2)]);
    let kept = say(&house.one, &betfair, &moved).await;
    let fresh = say(&house.one, &betfair, &even("new")).await;
    assert_eq!((kept.status, fresh.status), (MarketStatus::Suspended, MarketStatus::Suspended));
    conflicts(house.one.turn_producer(&betfair, ProducerState::Up, "at once").await, PRODUCER_STATE);
    house.one.turn_producer(&betfair, ProducerState::Recovering, "it is alive").await.unwrap();
    assert_eq!(house.stands(kept.market_id).await, suspended(3));
    house.one.turn_producer(&betfair, ProducerState::Up, "all is here").await.unwrap();
    assert_eq!(house.stands(kept.market_id).await, open(4));
    assert_eq!(house.stands(fresh.market_id).await, open(2));
    assert_eq!(house.stands(published.last().unwrap().market_id).await, open(3));
    // Once more is nothing.
    house.one.turn_producer(&betfair, ProducerState::Up, "again").await.unwrap();
    assert_eq!(house.stands(kept.market_id).await, open(4));
    house.end().await;
}

#[tokio::test]
async fn markets_that_a_recovery_does_not_name_stay_off_sale_until_they_are_named() {
    let house = House::new().await;
    let speaker = house.up("betfair").await;
    let named = say(&house.one, &speaker, &even("named")).await;
    let gone = say(&house.one, &speaker, &even("gone")).await;
    house.one.turn_producer(&speaker, ProducerState::Down, "a cut").await.unwrap();
    house.one.turn_producer(&speaker, ProducerState::Recovering, "it is back").await.unwrap();
    let heard = BTreeSet::from(["named".to_owned()]);
    assert_eq!(house.one.withdraw_unheard(&speaker, &heard).await.unwrap(), 1);
    house.one.turn_producer(&speaker, ProducerState::Up, "all is here").await.unwrap();
    assert_eq!(house.stands(named.market_id).await, open(3));
    assert_eq!(house.stands(gone.market_id).await, suspended(2));
    // While it is up, too; and what it says again, word for word, is on sale again.
    assert_eq!(house.one.withdraw_unheard(&speaker, &BTreeSet::new()).await.unwrap(), 1);
    assert_eq!(house.stands(named.market_id).await, suspended(4));
    for (key, market, version) in [("named", &named, 5), ("gone", &gone, 3)] {
        say(&house.one, &speaker, &even(key)).await;
        assert_eq!(house.stands(market.market_id).await, open(version), "{key}");
    }
    house.end().await;
}

#[tokio::test]
async fn one_process_speaks_for_a_producer_and_another_only_when_it_is_silent() {
    let house = House::new().await;
    let first = house.up("betfair").await;
    let market = say(&house.one, &first, &even("m")).await;
    conflicts(house.other.speak_for("betfair", "betfair", PATIENT_MS).await, PRODUCER_TAKEN);
    house.one.turn_producer(&first, ProducerState::Down, "its feed ends").await.unwrap();
    let second = house.other.speak_for("betfair", "betfair", PATIENT_MS).await.unwrap();
    assert_eq!(second.epoch(), first.epoch() + 1);

    let late = match_odds("e", "m", &[(4, 1), (4, 3)]);
    conflicts(house.one.publish_as(&first, T0, std::slice::from_ref(&late)).await, PRODUCER_TAKEN);
    conflicts(house.one.turn_producer(&first, ProducerState::Recovering, "no").await, PRODUCER_TAKEN);
    conflicts(house.one.producer_seen(&first).await, PRODUCER_TAKEN);
    conflicts(house.one.withdraw_unheard(&first, &BTreeSet::new()).await, PRODUCER_TAKEN);
    assert_eq!(house.stands(market.market_id).await, suspended(2), "nothing of that counted");

    for state in [ProducerState::Recovering, ProducerState::Up] {
        house.other.turn_producer(&second, state, "a test").await.unwrap();
    }
    say(&house.other, &second, &late).await;
    assert_eq!(house.stands(market.market_id).await, open(4));
    house.end().await;
}

#[tokio::test]
async fn a_market_of_two_producers_is_handed_over_under_a_new_status_version_with_one_event() {
    let house = House::new().await;
    let (before, live) = (house.up("uof:3").await, house.up("uof:1").await);
    let market = say(&house.one, &before, &even("m")).await;
    let taken = say(&house.one, &live, &even("m")).await;
    assert_eq!(taken.market_id, market.market_id);
    assert_eq!(taken.snapshot.prices, market.snapshot.prices);
    assert_eq!(taken.snapshot.status_version, market.snapshot.status_version + 1);
    assert_eq!(house.stands(market.market_id).await, open(2));
    let told = "SELECT count(*) FROM events.outbox WHERE type = 'odds.updated' AND aggregate_version = 2";
    assert_eq!(house.count(told).await, 1);
    let whose = "SELECT count(*) FROM events.outbox WHERE type = 'odds.updated' AND aggregate_version = 2 \
                 AND payload @> '{\"handed_over\": {\"from\": \"uof:3\", \"to\": \"uof:1\"}}'";
    assert_eq!(house.count(whose).await, 1);
    say(&house.one, &live, &even("m")).await;
    assert_eq!(house.stands(market.market_id).await, open(2), "it has it already");

    // The one who had it says no more of it, and its silence is not the market's.
    house.one.turn_producer(&before, ProducerState::Down, "it is silent").await.unwrap();
    assert_eq!(house.stands(market.market_id).await, open(2));
    house.one.renew("uof:3", T0).await.unwrap();
    house.one.turn_producer(&live, ProducerState::Down, "it is silent, too").await.unwrap();
    assert_eq!(house.stands(market.market_id).await, suspended(3));
    house.recover(&before).await;
    assert_eq!(house.stands(market.market_id).await, suspended(3));
    // Who is up takes it from who is held: its own holds count, and not the other's.
    say(&house.one, &before, &even("m")).await;
    assert_eq!(house.stands(market.market_id).await, open(4));
    house.end().await;
}

#[tokio::test]
async fn one_process_hears_all_producers_of_a_source() {
    let house = House::new().await;
    let first = house.up("uof:1").await;
    conflicts(house.other.speak_for("uof", "uof:3", PATIENT_MS).await, PRODUCER_TAKEN);
    house.other.speak_for("betfair", "betfair", PATIENT_MS).await.unwrap();
    house.one.turn_producer(&first, ProducerState::Down, "it ends").await.unwrap();
    // Two processes take two of them while none is heard: the first that is heard has them all.
    let third = house.other.speak_for("uof", "uof:3", PATIENT_MS).await.unwrap();
    house.other.turn_producer(&third, ProducerState::Recovering, "it is alive").await.unwrap();
    conflicts(house.one.turn_producer(&first, ProducerState::Recovering, "too late").await, PRODUCER_TAKEN);
    conflicts(house.one.speak_for("uof", "uof:1", PATIENT_MS).await, PRODUCER_TAKEN);
    house.other.speak_for("uof", "uof:1", PATIENT_MS).await.unwrap();
    house.end().await;
}

#[tokio::test]
async fn a_process_that_died_is_found_out_by_another_and_what_it_says_later_is_not_sold() {
    let house = House::new().await;
    let alive = house.up("uof:3").await;
    let speaker = house.one.speak_for("uof", "uof:1", 1).await.unwrap();
    house.recover(&speaker).await;
    let market = say(&house.one, &speaker, &even("m")).await;
    until("it is found silent", async || house.other.declare_silent().await.unwrap() > 0).await;
    assert_eq!(house.stands(market.market_id).await.0, "SUSPENDED");
    assert_eq!(house.other.declare_silent().await.unwrap(), 0, "once");
    let states: Vec<_> = house.other.producers().await.unwrap();
    let states: Vec<_> = states.iter().map(|one| (one.name.as_str(), one.state)).collect();
    assert_eq!(states, [("uof:1", ProducerState::Down), ("uof:3", ProducerState::Up)]);
    assert_eq!(house.one.producer_seen(&alive).await.unwrap(), ProducerState::Up);

    // It was not dead after all, and hears so: only a recovery brings its markets back.
    assert_eq!(house.one.producer_seen(&speaker).await.unwrap(), ProducerState::Down);
    conflicts(house.one.turn_producer(&speaker, ProducerState::Up, "no").await, PRODUCER_STATE);
    let moved = say(&house.one, &speaker, &match_odds("e", "m", &[(4, 1), (4, 3)])).await;
    assert_eq!(moved.status, MarketStatus::Suspended);
    house.end().await;
}

#[tokio::test]
async fn traders_see_the_producers_and_why_their_markets_are_held() {
    let db = TestDb::create().await;
    let server = TestServer::start(&db, Clock::manual(T0)).await;
    let trader = server.caller("tom", &[Caller::Trader]);
    assert_eq!(trader.get("/v1/producers").await.expect(200), json!({"items": [], "next_cursor": null}));
    let app = server.app();
    let speaker = app.speak_for("uof", "uof:1", PATIENT_MS).await.unwrap();
    let shown = trader.get("/v1/producers").await.expect(200);
    assert_eq!(
        shown["items"],
        json!([{
            "name": "uof:1", "source": "uof", "state": "DOWN", "reason": "the producer uof:1 is not heard yet",
            "changed_at": "2026-11-23T12:00:00.000Z", "seen_at": null, "silence_ms_max": PATIENT_MS, "epoch": 1,
        }])
    );
    let held = trader.get("/v1/holds").await.expect(200);
    assert_eq!(held["items"][0]["scope"], "PRODUCER");
    assert_eq!(held["items"][0]["producer"], "uof:1");
    for state in [ProducerState::Recovering, ProducerState::Up] {
        app.turn_producer(&speaker, state, "a test").await.unwrap();
    }
    let shown = trader.get("/v1/producers").await.expect(200);
    assert_eq!(shown["items"][0]["state"], "UP");
    assert!(shown["items"][0]["seen_at"].is_string());
    assert_eq!(trader.get("/v1/holds").await.expect(200)["items"], json!([]));
    server.stop().await;
}
