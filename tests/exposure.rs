//! Exposure: the figures follow the bets, are counted once whoever counts, and come back when they are lost.

use overround_api::{ApiSettings, Role};
use overround_app::{Clock, Published};
use overround_domain::betting::Exposure;
use overround_domain::ids::MarketId;
use overround_domain::money::Currency;
use overround_domain::time::Timestamp;
use overround_live::{ExposureWrite, Live};
use overround_store::{Role as DbRole, doctor};
use overround_testkit::{
    Caller, TestDb, TestServer, match_odds, redis_url, test_settings, until_log_is_past,
};
use serde_json::{Value, json};
use sqlx::PgPool;

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

/// A house with a player and a trader.
struct House {
    server: TestServer,
    player: Caller,
    trader: Caller,
    bets: String,
    redis: String,
    admin: PgPool,
}

impl House {
    async fn new(db: &TestDb) -> Self {
        let redis = redis_url().await;
        let server = start(db, &redis).await;
        let (player, account) = server.funded("alice", 100_000).await;
        let trader = server.caller("trader", &[Role::Trader]);
        Self {
            server,
            player,
            trader,
            bets: format!("/v1/accounts/{account}/bets"),
            redis,
            admin: db.admin().await,
        }
    }

    /// An open market of even chances, at 1.92.
    async fn market(&self, key: &str) -> Published {
        self.server.publish(&match_odds(key, key, &[(2, 1), (2, 1)])).await
    }

    /// Places a bet on the outcomes of those places, and returns its potential payout.
    async fn bet(&self, key: &str, stake_cents: i64, legs: &[(&Published, usize)]) -> i64 {
        let leg = |(market, place): &(&Published, usize)| {
            let (outcome, quote) = market.snapshot.prices.iter().nth(*place).unwrap();
            json!({"market_id": market.market_id.to_string(), "outcome_id": outcome.to_string(),
                "price": {"num": quote.price.num(), "den": quote.price.den()},
                "market_version": market.snapshot.version})
        };
        let legs: Vec<Value> = legs.iter().map(leg).collect();
        let body = json!({"stake_cents": stake_cents, "currency": "EUR", "legs": legs});
        let receipt = self.player.post(&self.bets, key, &body).await.expect(201);
        receipt["potential_payout_cents"].as_i64().unwrap()
    }

    /// Counts all bets so far at once.
    async fn follow(&self) {
        until_log_is_past(&self.admin).await;
        self.server.app().follow_bets().await.unwrap();
    }

    async fn exposure(&self, market: &Published) -> Value {
        self.trader.get(&format!("/v1/markets/{}/exposure", market.market_id)).await.expect(200)
    }

    /// Settles a market: the outcome of a place wins.
    async fn settle(&self, market: &Published, winner: usize) {
        let result = |(place, outcome): (usize, &_)| json!({"outcome_id": format!("{outcome}"), "result": if place == winner { "WON" } else { "LOST" }});
        let outcomes: Vec<Value> = market.snapshot.prices.keys().enumerate().map(result).collect();
        let path = format!("/v1/markets/{}/settle", market.market_id);
        let key = market.market_id.to_string();
        self.trader.post(&path, &key, &json!({"outcomes": outcomes, "reason": "x"})).await.expect(200);
        self.server.app().pay_market(market.market_id).await.unwrap();
    }

    fn live(&self) -> Live {
        Live::connect(&self.redis).unwrap()
    }
}

async fn start(db: &TestDb, redis: &str) -> TestServer {
    TestServer::start_with(db, redis, Clock::manual(NOON), test_settings(), ApiSettings::default()).await
}

async fn assert_sound(db: &TestDb) {
    let findings = doctor::examine(&db.pool(DbRole::App).await).await.unwrap();
    assert_eq!(findings.iter().find(|finding| !finding.holds()), None);
}

async fn flush(redis: &str) {
    let mut connection =
        redis::Client::open(redis).unwrap().get_multiplexed_async_connection().await.unwrap();
    let _: String = redis::cmd("FLUSHDB").query_async(&mut connection).await.unwrap();
}

#[tokio::test]
async fn the_figures_follow_the_bets_until_they_close() {
    let db = TestDb::create().await;
    let house = House::new(&db).await;
    let (one, other) = (house.market("one").await, house.market("other").await);
    assert_eq!(house.exposure(&one).await["currencies"], json!([]));
    let single = house.bet("1", 1000, &[(&one, 0)]).await;
    let against = house.bet("2", 400, &[(&one, 1)]).await;
    let parlay = house.bet("3", 500, &[(&one, 0), (&other, 1)]).await;
    house.follow().await;
    let outcome = |place: usize| one.snapshot.prices.keys().nth(place).unwrap().to_string();
    let expected = json!([{
        "currency": "EUR", "stakes_cents": 1400, "worst_cents": single - 1400,
        "outcomes": [
            {"outcome_id": outcome(0), "stakes_cents": 1000, "payouts_cents": single,
                "exposure_cents": single - 1400, "multiples_cents": parlay},
            {"outcome_id": outcome(1), "stakes_cents": 400, "payouts_cents": against,
                "exposure_cents": against - 1400, "multiples_cents": 0},
        ],
    }]);
    let found = house.exposure(&one).await;
    assert_eq!((&found["currencies"], &found["version"]), (&expected, &json!(1)));
    let elsewhere = house.exposure(&other).await;
    assert_eq!(elsewhere["currencies"][0]["stakes_cents"], 0, "a parlay is never netted");
    assert_eq!(elsewhere["currencies"][0]["outcomes"][0]["multiples_cents"], parlay);
    house.follow().await;
    assert_eq!(house.exposure(&one).await, found, "nothing new, nothing changed");
    assert_sound(&db).await;
    // The parlay's leg has won, and it waits for its other one.
    house.settle(&one, 0).await;
    house.follow().await;
    let rest = house.exposure(&one).await;
    assert_eq!(rest["currencies"][0]["outcomes"].as_array().unwrap().len(), 1);
    assert_eq!(rest["currencies"][0]["worst_cents"], 0);
    assert_sound(&db).await;
    house.settle(&other, 0).await;
    house.follow().await;
    for market in [&one, &other] {
        assert_eq!(house.exposure(market).await["currencies"], json!([]));
    }
    assert_sound(&db).await;
}

#[tokio::test]
async fn bets_are_counted_once_whoever_counts_them_and_when() {
    let db = TestDb::create().await;
    let house = House::new(&db).await;
    let second = start(&db, &house.redis).await;
    let market = house.market("m").await;
    let counting = async |app: &overround_app::App| {
        for _ in 0..20 {
            app.follow_bets().await.unwrap();
        }
    };
    let betting = async {
        let mut payouts = 0;
        for number in 0..40 {
            payouts += house.bet(&format!("{number}"), 100 + number, &[(&market, 0)]).await;
        }
        payouts
    };
    let (payouts, (), ()) = tokio::join!(betting, counting(house.server.app()), counting(second.app()));
    house.follow().await;
    let found = house.exposure(&market).await;
    assert_eq!(found["currencies"][0]["outcomes"][0]["payouts_cents"], payouts);
    assert_sound(&db).await;
}

#[tokio::test]
async fn what_redis_lost_comes_back_and_what_is_older_does_not() {
    let db = TestDb::create().await;
    let house = House::new(&db).await;
    let (one, other) = (house.market("one").await, house.market("other").await);
    house.bet("1", 1000, &[(&one, 0)]).await;
    house.follow().await;
    house.bet("2", 1000, &[(&one, 1)]).await;
    house.bet("3", 700, &[(&other, 0)]).await;
    house.follow().await;
    let live = house.live();
    let held = live.exposure(one.market_id).await.unwrap().unwrap();
    assert_eq!(held.0, 2);
    let older = ExposureWrite { market_id: one.market_id, version: 1, exposure: &Exposure::default() };
    live.set_exposures(&[older]).await.unwrap();
    assert_eq!(live.exposure(one.market_id).await.unwrap(), Some(held.clone()), "it stays at what is newer");
    let found = house.exposure(&one).await;
    flush(&house.redis).await;
    assert_eq!(live.exposure(one.market_id).await.unwrap(), None);
    assert_eq!(house.exposure(&one).await, found, "who asks for it gets it all the same");
    assert_eq!(live.exposure(one.market_id).await.unwrap(), Some(held.clone()), "and brings it back");
    flush(&house.redis).await;
    house.server.app().show_all_exposures().await.unwrap();
    assert_eq!(live.exposure(one.market_id).await.unwrap(), Some(held));
    let (version, figures) = live.exposure(other.market_id).await.unwrap().unwrap();
    assert_eq!((version, figures.0[&Currency::EUR].len()), (1, 1));
    let nobody = MarketId::from_uuid(uuid::Uuid::from_u128(7));
    house.trader.get(&format!("/v1/markets/{nobody}/exposure")).await.problem(404, "NOT_FOUND");
    house.player.get(&format!("/v1/markets/{}/exposure", one.market_id)).await.problem(403, "FORBIDDEN");
}
