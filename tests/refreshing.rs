//! Markets whose snapshots run out: loaded from their origin by one process at a time, and read meanwhile.

use overround_api::{ApiSettings, Rates, Role};
use overround_app::{Clock, Settings};
use overround_domain::ids::MarketId;
use overround_domain::markets::{PriceProvider, ProviderError, SourceMarket, SourceStatus, Telling, Told};
use overround_domain::time::Timestamp;
use overround_live::{Lifetime, Live, Now, SnapshotWrite, Word, Write};
use overround_testkit::{Caller, TestDb, TestServer, match_odds, redis_url, test_settings, until};
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A provider that says what it is told to, each time it is let.
#[derive(Debug)]
struct Provider {
    says: Mutex<Option<SourceMarket>>,
    asked: AtomicUsize,
    /// How many were asked for at one time, at most.
    at_once: (AtomicUsize, AtomicUsize),
    gate: Semaphore,
}

impl Provider {
    fn new(says: Option<SourceMarket>) -> Arc<Self> {
        let (says, gate) = (Mutex::new(says), Semaphore::new(0));
        Arc::new(Self { says, asked: AtomicUsize::default(), at_once: Default::default(), gate })
    }

    fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn was_asked(&self, times: usize) {
        until("the provider is asked", async || self.asked() >= times).await;
    }

    async fn tell(&self) -> Result<Option<Told>, ProviderError> {
        let market = self.says.lock().unwrap().clone();
        self.asked.fetch_add(1, Ordering::SeqCst);
        let at_once = self.at_once.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.at_once.1.fetch_max(at_once, Ordering::SeqCst);
        let _let = self.gate.acquire().await.unwrap();
        self.at_once.0.fetch_sub(1, Ordering::SeqCst);
        match market {
            Some(market) => Ok(Some(Told { market, age_ms: 0 })),
            None => Err(ProviderError::Away("it is closed".to_owned())),
        }
    }
}

impl PriceProvider for Provider {
    fn producer(&self) -> &str {
        "test"
    }

    fn told<'a>(&'a self, _: &'a str) -> Telling<'a> {
        Box::pin(self.tell())
    }
}

/// Two processes over one database and one Redis, on the servers' clocks, with one provider.
struct House {
    first: TestServer,
    second: TestServer,
    market: MarketId,
    redis: String,
    _db: TestDb,
}

impl House {
    async fn new(provider: Option<Arc<Provider>>) -> Self {
        let (db, redis) = (TestDb::create().await, redis_url().await);
        let start = || {
            let provider = provider.clone().map(|provider| provider as Arc<dyn PriceProvider>);
            let settings = Settings { provider, ..test_settings() };
            // They read until they see what they wait for.
            let api = ApiSettings { rates: Rates::NONE, ..ApiSettings::default() };
            TestServer::start_with(&db, &redis, Clock::system(), settings, api)
        };
        let (first, second) = (start().await, start().await);
        let market = first.publish(&even()).await.market_id;
        Self { first, second, market, redis, _db: db }
    }

    async fn raw(&self) -> MultiplexedConnection {
        redis::Client::open(self.redis.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    fn key(&self, of: &str) -> String {
        format!("markets:{{{}}}{of}", self.market)
    }

    /// The snapshot's time is over.
    async fn expire(&self) {
        let gone: i64 = redis::cmd("DEL").arg(self.key("")).query_async(&mut self.raw().await).await.unwrap();
        assert_eq!(gone, 1, "there was one");
    }

    /// Makes the snapshot stale, for a minute.
    async fn age(&self) {
        let live = Live::connect(&self.redis).unwrap();
        let held = live.read(&[self.market], Now::Server).await.unwrap().remove(&self.market).unwrap();
        let lifetime = Lifetime { fresh_ms: 60_000, stale_ms: 60_000 };
        let at = held.confirmed_at.unwrap().plus_millis(1);
        let word = Word::Confirmed { at, ago_ms: 60_500, lifetime };
        let write = SnapshotWrite { snapshot: &held.snapshot, word, lease: None };
        assert_eq!(live.write_one(write, Now::Server).await.unwrap(), Write::Applied);
    }

    fn reader(&self, server: &TestServer) -> Reader {
        let caller = server.caller("ann", &[Role::Player]);
        Reader { caller, path: format!("/v1/markets/{}", self.market) }
    }
}

#[derive(Clone)]
struct Reader {
    caller: Caller,
    path: String,
}

impl Reader {
    async fn read(&self) -> Value {
        self.caller.get(&self.path).await.expect(200).clone()
    }

    /// Reads until it sees prices that may be sold.
    async fn sees_fresh(&self) -> Value {
        let mut seen = Value::Null;
        until("the market is fresh", async || {
            seen = self.read().await;
            seen["stale"] == false
        })
        .await;
        seen
    }
}

fn even() -> SourceMarket {
    match_odds("e", "m", &[(2, 1), (2, 1)])
}

fn uneven() -> SourceMarket {
    match_odds("e", "m", &[(3, 1), (3, 2)])
}

fn price_of(board: &Value) -> &Value {
    &board["outcomes"][0]["price"]
}

#[tokio::test]
async fn a_market_that_ran_out_is_loaded_once_for_all_readers_of_all_processes() {
    let provider = Provider::new(Some(uneven()));
    let house = House::new(Some(Arc::clone(&provider))).await;
    house.expire().await;
    let mut readers = JoinSet::new();
    for _ in 0..100 {
        for server in [&house.first, &house.second] {
            let reader = house.reader(server);
            readers.spawn(async move { reader.read().await });
        }
    }
    provider.was_asked(1).await;
    provider.open();
    while let Some(seen) = readers.join_next().await {
        let seen = seen.unwrap();
        assert_eq!(
            (&seen["version"], &seen["stale"]),
            (&json!(2), &json!(false)),
            "what the origin says now"
        );
    }
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn stale_prices_are_answered_at_once_and_loaded_behind() {
    let provider = Provider::new(Some(even()));
    let house = House::new(Some(Arc::clone(&provider))).await;
    house.age().await;
    let reader = house.reader(&house.second);
    let stale = reader.read().await;
    assert_eq!(
        (&stale["version"], &stale["stale"]),
        (&json!(1), &json!(true)),
        "the provider is not waited for"
    );
    assert!(stale["age_ms"].as_i64().unwrap() >= 60_500);
    provider.was_asked(1).await;
    provider.open();
    let fresh = reader.sees_fresh().await;
    assert_eq!(
        (&fresh["version"], price_of(&fresh)),
        (&json!(1), price_of(&stale)),
        "the same prices, confirmed"
    );
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn a_bet_that_meets_no_prices_has_them_loaded_for_the_next() {
    let provider = Provider::new(Some(even()));
    provider.open();
    let house = House::new(Some(Arc::clone(&provider))).await;
    let (player, account) = house.second.funded("ann", 10_000).await;
    let board = house.reader(&house.first).read().await;
    house.expire().await;
    let leg = json!({
        "market_id": house.market.to_string(), "outcome_id": board["outcomes"][0]["id"],
        "market_version": board["version"], "price": price_of(&board), "leg_type": "STRAIGHT",
    });
    let (bet, bets) = (
        json!({"stake_cents": 100, "currency": "EUR", "legs": [leg]}),
        format!("/v1/accounts/{account}/bets"),
    );
    player.post(&bets, "refused", &bet).await.problem(422, "BETTING_SUSPENDED");
    let mut tries = 0;
    until("the bet is accepted", async || {
        tries += 1;
        player.post(&bets, &format!("try-{tries}"), &bet).await.status == 201
    })
    .await;
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn who_loses_the_lease_while_loading_shows_nothing() {
    let provider = Provider::new(Some(uneven()));
    let house = House::new(Some(Arc::clone(&provider))).await;
    house.age().await;
    house.reader(&house.second).read().await;
    provider.was_asked(1).await;
    let mut raw = house.raw().await;
    let taken: Option<String> =
        redis::cmd("SET").arg(house.key(":lease")).arg("another").query_async(&mut raw).await.unwrap();
    assert_eq!(taken.as_deref(), Some("OK"));
    let newer = house.first.publish(&match_odds("e", "m", &[(4, 1), (4, 3)])).await;
    provider.open();
    // What it was told becomes a version all the same, and is not shown: it is older than it seems.
    let stored = house.reader(&house.first);
    until("the provider's word is a row", async || {
        stored.caller.get(&format!("{}?min_version=3", stored.path)).await.status == 200
    })
    .await;
    let live = Live::connect(&house.redis).unwrap();
    let held = live.read(&[house.market], Now::Server).await.unwrap().remove(&house.market).unwrap();
    assert_eq!(*held.snapshot, newer.snapshot);
}

#[tokio::test]
async fn whoever_hears_the_producer_needs_no_other_origin() {
    let provider = Provider::new(None);
    let house = House::new(Some(Arc::clone(&provider))).await;
    let heard = Timestamp::from(chrono::Utc::now());
    assert_eq!(house.first.app().renew("test", heard).await.unwrap(), 1);
    house.expire().await;
    let board = house.reader(&house.first).read().await;
    assert_eq!((&board["version"], &board["stale"]), (&json!(1), &json!(false)));
    assert_eq!(
        board["confirmed_at"].as_str().unwrap()[..19],
        heard.to_string()[..19],
        "its last sign of life"
    );
    assert_eq!(provider.asked(), 0);
}

#[tokio::test]
async fn what_no_origin_confirms_is_shown_and_not_sold() {
    for provider in [None, Some(Provider::new(None))] {
        provider.iter().for_each(|provider| provider.open());
        let house = House::new(provider).await;
        house.expire().await;
        let board = house.reader(&house.second).read().await;
        assert_eq!((&board["version"], &board["stale"]), (&json!(1), &json!(true)));
        assert_eq!((&board["age_ms"], &board["confirmed_at"]), (&Value::Null, &Value::Null));
        assert_eq!(house.first.app().renew("test", chrono::Utc::now().into()).await.unwrap(), 1);
        house.reader(&house.second).sees_fresh().await;
    }
}

#[tokio::test]
async fn a_loader_that_died_holds_up_nobody_for_long() {
    let provider = Provider::new(Some(even()));
    provider.open();
    let house = House::new(Some(Arc::clone(&provider))).await;
    house.expire().await;
    let mut raw = house.raw().await;
    let _: () =
        redis::cmd("SET").arg(house.key(":lease")).arg("the dead").query_async(&mut raw).await.unwrap();
    let board = house.reader(&house.first).read().await;
    assert_eq!((&board["version"], &board["stale"]), (&json!(1), &json!(true)), "its last row");
    let _: () = redis::cmd("DEL").arg(house.key(":lease")).query_async(&mut raw).await.unwrap();
    house.reader(&house.first).sees_fresh().await;
    assert_eq!(provider.at_once.1.load(Ordering::SeqCst), 1, "one at a time");
}

#[tokio::test]
async fn another_process_hears_of_a_version_and_never_answers_an_older_one() {
    let house = House::new(None).await;
    let reader = house.reader(&house.second);
    reader.read().await;
    for version in 2..30 {
        let source = if version % 2 == 0 { uneven() } else { even() };
        assert_eq!(house.first.publish(&source).await.version, Some(version));
        let seen =
            reader.caller.get(&format!("{}?min_version={version}", reader.path)).await.expect(200).clone();
        assert_eq!(seen["version"], version, "who names what was seen gets it at once");
    }
    let own = house.reader(&house.first);
    let stopped = SourceMarket { status: SourceStatus::Suspended, ..even() };
    for version in 30..40 {
        let source = if version % 2 == 0 { &stopped } else { &even() };
        assert_eq!(house.first.publish(source).await.version, Some(version));
        assert_eq!(own.read().await["version"], version, "what a process wrote it knows at once");
    }
    assert_eq!(house.first.publish(&uneven()).await.version, Some(40));
    until("the other process knows", async || reader.read().await["version"] == 40).await;
}
