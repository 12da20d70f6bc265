//! Settlement: what each bet is paid by the results of its markets, once, whoever pays.

use overround_api::Role;
use overround_app::{Clock, Published};
use overround_domain::markets::{OutcomeStatus, SourceStatus};
use overround_domain::time::Timestamp;
use overround_store::doctor;
use overround_testkit::{Caller, TestDb, TestServer, match_odds, until};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);
/// What a player's account holds at first.
const FUNDS: i64 = 100_000;
const STAKE: i64 = 1_000;

/// A server with one player.
struct House {
    db: TestDb,
    admin: PgPool,
    server: TestServer,
    player: Caller,
    account: String,
}

impl House {
    async fn new() -> Self {
        let db = TestDb::create().await;
        let server = TestServer::start(&db, Clock::manual(NOON)).await;
        let (player, account) = server.funded("alice", FUNDS).await;
        Self { admin: db.admin().await, db, server, player, account }
    }

    /// A market of an event of its own: outcomes a and b at 1.92 each.
    async fn market(&self, key: &str) -> Published {
        self.server.publish(&match_odds(key, key, &[(2, 1), (2, 1)])).await
    }

    /// Places a bet on the first outcome of each market; its id.
    async fn bet(&self, key: &str, markets: &[&Published]) -> String {
        let legs: Vec<Value> = markets.iter().map(|market| leg(market)).collect();
        let body = json!({"stake_cents": STAKE, "currency": "EUR", "legs": legs});
        let placed = self.player.post(&self.path(""), key, &body).await.expect(201);
        placed["id"].as_str().unwrap().to_owned()
    }

    fn path(&self, bet: &str) -> String {
        format!("/v1/accounts/{}/bets{bet}", self.account)
    }

    /// Records a result by hand, without paying anybody.
    async fn record(&self, market: &Published, first: &Value, second: &str) {
        let outcomes: Vec<String> = market.snapshot.prices.keys().map(ToString::to_string).collect();
        let mut one = first.clone();
        one["outcome_id"] = json!(outcomes[0]);
        let other = json!({"outcome_id": outcomes[1], "result": second});
        let body = json!({"reason": "official result", "outcomes": [one, other]});
        let trader = self.server.caller("trader", &[Role::Trader]);
        let path = format!("/v1/markets/{}/settle", market.market_id);
        assert_eq!(trader.post(&path, &market.source_key, &body).await.expect(200)["status"], "SETTLED");
    }

    async fn pay(&self, market: &Published) -> u64 {
        self.server.app().pay_market(market.market_id).await.unwrap().bets
    }

    /// Records a result and pays by it.
    async fn settle(&self, market: &Published, first: &str) {
        let second = if first == "WON" { "LOST" } else { "WON" };
        self.record(market, &json!({"result": first}), second).await;
        self.pay(market).await;
    }

    /// A bet's status, result and return.
    async fn stands(&self, bet: &str) -> (String, Option<String>, i64) {
        let bet = self.player.get(&self.path(&format!("/{bet}"))).await.expect(200);
        let text = |field: &str| bet[field].as_str().map(str::to_owned);
        (text("status").unwrap(), text("result"), bet["return_cents"].as_i64().unwrap())
    }

    async fn balance(&self) -> (i64, i64) {
        let account = self.player.get(&format!("/v1/accounts/{}", self.account)).await.expect(200);
        (account["balance_cents"].as_i64().unwrap(), account["held_cents"].as_i64().unwrap())
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

fn leg(market: &Published) -> Value {
    let snapshot = &market.snapshot;
    let (outcome, quote) = snapshot.prices.iter().next().unwrap();
    json!({
        "market_id": snapshot.market_id.to_string(), "outcome_id": outcome.to_string(),
        "price": {"num": quote.price.num(), "den": quote.price.den()}, "market_version": snapshot.version,
    })
}

fn settled(result: &str, return_cents: i64) -> (String, Option<String>, i64) {
    ("SETTLED".to_owned(), Some(result.to_owned()), return_cents)
}

fn open() -> (String, Option<String>, i64) {
    ("PENDING".to_owned(), None, 0)
}

#[tokio::test]
async fn each_result_pays_by_the_formula() {
    let house = House::new().await;
    // Stake 10.00 at 1.92.
    let cases = [
        (json!({"result": "WON"}), settled("WON", 1_920)),
        (json!({"result": "LOST"}), settled("LOST", 0)),
        (json!({"result": "PUSHED"}), settled("PUSHED", 1_000)),
        (json!({"result": "HALF_WON"}), settled("HALF_WON", 1_460)),
        (json!({"result": "HALF_LOST"}), settled("HALF_LOST", 500)),
        (json!({"result": "WON", "dead_heat": {"num": 1, "den": 2}}), settled("PARTIAL", 960)),
        (json!({"result": "WON", "dead_heat": {"num": 1, "den": 3}}), settled("PARTIAL", 640)),
        (json!({"result": "VOID"}), ("VOID".to_owned(), None, 1_000)),
    ];
    let (mut returned, mut staked) = (0, 0);
    for (number, (result, expected)) in cases.iter().enumerate() {
        let market = house.market(&format!("m{number}")).await;
        let bet = house.bet(&format!("b{number}"), &[&market]).await;
        assert_eq!(house.stands(&bet).await, open());
        house.record(&market, result, "LOST").await;
        assert_eq!(house.pay(&market).await, 1);
        assert_eq!(house.stands(&bet).await, *expected, "{result}");
        (returned, staked) = (returned + expected.2, staked + STAKE);
        assert_eq!(house.balance().await, (FUNDS - staked + returned, 0), "{result}");
    }
    house.is_sound().await;
}

#[tokio::test]
async fn a_parlay_s_legs_settle_one_by_one() {
    let house = House::new().await;
    let (one, two, three) = (house.market("1").await, house.market("2").await, house.market("3").await);
    let all = house.bet("all", &[&one, &two, &three]).await;
    let pair = house.bet("pair", &[&two, &three]).await;
    house.settle(&one, "WON").await;
    assert_eq!((house.stands(&all).await, house.stands(&pair).await), (open(), open()));
    house.settle(&two, "LOST").await;
    // Lost at the first lost leg, whatever the third comes to.
    assert_eq!(house.stands(&all).await, settled("LOST", 0));
    assert_eq!(house.stands(&pair).await, settled("LOST", 0));
    assert_eq!(house.balance().await, (FUNDS - 2 * STAKE, 0));
    house.settle(&three, "WON").await;
    assert_eq!(house.stands(&all).await, settled("LOST", 0));
    assert_eq!(house.count("SELECT count(*) FROM betting.settlements").await, 2, "each was paid once");
    assert_eq!(house.count("SELECT count(*) FROM betting.bet_legs WHERE status = 'OPEN'").await, 0);
    house.is_sound().await;
}

#[tokio::test]
async fn a_void_leg_counts_one_and_a_removed_runner_is_void() {
    let house = House::new().await;
    let source = match_odds("race", "race", &[(2, 1), (4, 1), (4, 1)]);
    let race = house.server.publish(&source).await;
    let other = house.market("other").await;
    let single = house.bet("single", &[&race]).await;
    let parlay = house.bet("parlay", &[&race, &other]).await;
    let backed = race.snapshot.prices.keys().next().unwrap().to_string();
    let backed: String = sqlx::query_scalar("SELECT source_key FROM market.outcomes WHERE id = $1")
        .bind(backed.parse::<overround_domain::ids::OutcomeId>().unwrap().uuid())
        .fetch_one(&house.admin)
        .await
        .unwrap();
    let mut fewer = source.clone();
    for outcome in fewer.outcomes.iter_mut().filter(|outcome| outcome.key == backed) {
        outcome.status = OutcomeStatus::Removed;
    }
    let now = house.server.publish(&fewer).await;
    assert_eq!(now.removed.len(), 1);
    house.pay(&race).await;
    assert_eq!(house.stands(&single).await, ("VOID".to_owned(), None, STAKE));
    assert_eq!(house.stands(&parlay).await, open());
    house.settle(&other, "WON").await;
    assert_eq!(house.stands(&parlay).await, settled("PARTIAL", 1_920));
    house.is_sound().await;
}

#[tokio::test]
async fn nobody_is_paid_twice_whoever_pays_and_however_often() {
    let house = House::new().await;
    let other = TestServer::start(&house.db, Clock::manual(NOON)).await;
    let market = house.market("m").await;
    for number in 0..40 {
        // The account's share of the lanes' queue and the window of equal bets both allow these.
        let stake_cents = STAKE + number;
        let body = json!({"stake_cents": stake_cents, "currency": "EUR", "legs": [leg(&market)]});
        house.player.post(&house.path(""), &number.to_string(), &body).await.expect(201);
    }
    house.record(&market, &json!({"result": "WON"}), "LOST").await;
    let pay = |app: &overround_app::App| {
        let (app, id) = (app.clone(), market.market_id);
        tokio::spawn(async move { app.pay_market(id).await.unwrap().bets })
    };
    let payers = [house.server.app(), other.app(), house.server.app(), other.app()].map(pay);
    let mut paid = 0;
    for payer in payers {
        paid += payer.await.unwrap();
    }
    assert_eq!(paid, 40, "each bet is paid by one of them");
    assert_eq!(house.pay(&market).await, 0);
    assert_eq!(house.count("SELECT count(*) FROM betting.settlements").await, 40);
    assert_eq!(house.count("SELECT count(*) FROM events.outbox WHERE type = 'bet.settled'").await, 40);
    let staked: i64 = (0..40).map(|number| STAKE + number).sum();
    let won: i64 = (0..40).map(|number| (STAKE + number) * 48 / 25).sum();
    assert_eq!(house.balance().await, (FUNDS - staked + won, 0));
    house.is_sound().await;
}

/// A result is recorded and its process dies before it pays: the next one's settler finds it.
#[tokio::test]
async fn what_a_crash_left_unpaid_is_paid_by_the_settler() {
    let house = House::new().await;
    let market = house.market("m").await;
    let bet = house.bet("b", &[&market]).await;
    let closed = overround_domain::markets::SourceMarket {
        status: SourceStatus::Closed,
        ..match_odds("other", "other", &[(2, 1), (2, 1)])
    };
    assert_eq!(house.server.publish(&closed).await.result, overround_app::Recorded::None);
    house.record(&market, &json!({"result": "WON"}), "LOST").await;
    assert_eq!(house.stands(&bet).await, open());
    let next = TestServer::start(&house.db, Clock::manual(NOON)).await;
    let stop = CancellationToken::new();
    let workers = overround_workers::run(next.app(), &stop);
    let settled_bets = "SELECT count(*) FROM betting.settlements";
    until("the bet is settled", async || house.count(settled_bets).await > 0).await;
    stop.cancel();
    workers.join_all().await;
    assert_eq!(house.stands(&bet).await, settled("WON", 1_920));
    house.is_sound().await;
}
