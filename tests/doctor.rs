//! `overround doctor`: every invariant is reported when the data breaks it, and no other with it; and what
//! the application itself writes breaks none.
//!
//! What breaks the data runs as a superuser with triggers and foreign keys off, as no role of
//! Overround can.

#[path = "doctor/breakages.rs"]
mod breakages;
#[path = "doctor/capped.rs"]
mod capped;
#[path = "doctor/untold.rs"]
mod untold;
#[path = "doctor/upgraded.rs"]
mod upgraded;

use breakages::BREAKAGES;
use capped::CAPPED;
use overround_api::{ApiSettings, Role as Caller};
use overround_app::{Clock, Published, Settings};
use overround_domain::betting::Rules;
use overround_domain::markets::{OutcomeStatus, SourceMarket};
use overround_domain::money::Cents;
use overround_domain::time::Timestamp;
use overround_store::doctor::{self, Finding};
use overround_store::{Role, partitions};
use overround_testkit::{TestDb, TestServer, match_odds, redis_url, test_settings};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::collections::{BTreeMap, BTreeSet};
use untold::UNTOLD;

/// 2026-11-23T12:00:00Z, the book's first moment.
const START: Timestamp = Timestamp::from_millis(1_795_435_200_000);

const CLEAN_BOOK: &str = include_str!("doctor/clean_book.sql");

const CHECKED: [&str; 14] =
    ["L1", "L2", "L3", "L4", "L5", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "M1", "E1"];

/// The tables that breakages touch.
const TABLES: [&str; 24] = [
    "wallet.accounts",
    "wallet.ledger_entries",
    "wallet.idempotency",
    "wallet.reversals",
    "wallet.freezes",
    "wallet.actor_idempotency",
    "market.events",
    "market.markets",
    "market.fences",
    "market.holds",
    "market.price_versions",
    "market.producers",
    "market.results",
    "betting.bets",
    "betting.bet_legs",
    "betting.settlements",
    "betting.limits",
    "betting.account_factors",
    "betting.caps",
    "betting.allowances",
    "betting.day_payouts",
    "betting.exposure",
    "events.checkpoints",
    "events.outbox",
];

async fn run(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql.clone()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{error}: {}", sql.chars().take(300).collect::<String>()));
}

/// A database with the clean book, and a superuser's connection to it.
async fn clean_book() -> (TestDb, PgConnection) {
    let db = TestDb::create().await;
    partitions::ensure(&db.pool(Role::Keeper).await, START).await.unwrap();
    let mut admin = PgConnection::connect(db.url()).await.unwrap();
    run(&mut admin, CLEAN_BOOK.to_owned()).await;
    (db, admin)
}

fn broken(findings: &[Finding]) -> Vec<(&str, i64)> {
    findings
        .iter()
        .filter(|finding| !finding.holds())
        .map(|finding| (finding.id, finding.violations))
        .collect()
}

#[tokio::test]
async fn a_clean_book_breaks_nothing() {
    let (db, _admin) = clean_book().await;
    let findings = doctor::examine(&db.pool(Role::App).await).await.unwrap();
    let examined: Vec<(&str, i64)> = findings.iter().map(|finding| (finding.id, finding.examined)).collect();
    assert_eq!(findings.iter().find(|finding| !finding.holds()), None);
    assert_eq!(
        examined,
        [
            ("L1", 18),
            ("L2", 8),
            ("L3", 6),
            ("L4", 42),
            ("L5", 1),
            ("B1", 14),
            ("B2", 6),
            ("B3", 6),
            ("B4", 7),
            ("B5", 0),
            ("B6", 0),
            ("B7", 0),
            ("M1", 37),
            ("E1", 34),
        ]
    );
    assert!(findings.iter().all(|finding| !finding.statement.is_empty()));
}

#[tokio::test]
async fn an_empty_database_breaks_nothing() {
    let db = TestDb::create().await;
    let findings = doctor::examine(&db.pool(Role::App).await).await.unwrap();
    assert_eq!(findings.iter().map(|finding| finding.id).collect::<Vec<_>>(), CHECKED);
    assert_eq!(broken(&findings), []);
}

#[tokio::test]
async fn each_breakage_is_reported_as_its_invariant_and_no_other() {
    let (db, mut admin) = clean_book().await;
    let app = db.pool(Role::App).await;
    run(&mut admin, "SET session_replication_role = replica; CREATE SCHEMA kept".to_owned()).await;
    for table in TABLES {
        run(&mut admin, format!("CREATE TABLE kept.{} AS TABLE {table}", table.replace('.', "_"))).await;
    }
    for (name, id, violations, sql) in BREAKAGES.iter().chain(CAPPED).chain(UNTOLD) {
        run(&mut admin, (*sql).to_owned()).await;
        let findings = doctor::examine(&app).await.unwrap();
        assert_eq!(broken(&findings), [(*id, *violations)], "{name}: {findings:#?}");
        let finding = findings.iter().find(|finding| finding.id == *id).unwrap();
        assert!(
            !finding.samples.is_empty() && finding.samples.iter().all(|sample| !sample.is_empty()),
            "{name}"
        );
        for table in TABLES {
            run(
                &mut admin,
                format!("DELETE FROM {table}; INSERT INTO {table} TABLE kept.{}", table.replace('.', "_")),
            )
            .await;
        }
    }
    let tried: BTreeSet<&str> =
        BREAKAGES.iter().chain(CAPPED).chain(UNTOLD).map(|(_, id, _, _)| *id).collect();
    assert_eq!(tried, CHECKED.into_iter().collect());
}

#[tokio::test]
async fn samples_are_few_however_much_is_broken() {
    let (db, mut admin) = clean_book().await;
    run(
        &mut admin,
        "SET session_replication_role = replica; \
         UPDATE wallet.ledger_entries SET balance_after = balance_after + account_seq"
            .to_owned(),
    )
    .await;
    let findings = doctor::examine(&db.pool(Role::App).await).await.unwrap();
    let finding = findings.iter().find(|finding| finding.id == "L4").unwrap();
    assert_eq!((finding.violations, finding.samples.len()), (42, 5));
}

/// The running application, with one player.
struct House {
    server: TestServer,
    player: overround_testkit::Caller,
    account: String,
}

impl House {
    async fn new(db: &TestDb) -> Self {
        // The house bounds what a day's bets may return, so that there is something to look at.
        let settings = test_settings();
        let rules = Rules { payout_day_max: Some(Cents::new(100_000_000)), ..settings.rules.clone() };
        let (settings, clock) = (Settings { rules, ..settings }, Clock::manual(START));
        let redis = redis_url().await;
        let server = TestServer::start_with(db, &redis, clock, settings, ApiSettings::default()).await;
        let (player, account) = server.funded("alice", 50_000).await;
        Self { server, player, account }
    }

    /// Moves the clock a little, so that no two things happen at one instant and prices stay on sale.
    fn later(&self) {
        let clock = self.server.app().clock();
        clock.set(clock.now().plus_millis(100));
    }

    async fn publish(&self, market: &SourceMarket) -> Published {
        self.later();
        self.server.publish(market).await
    }

    /// Places a bet on the outcomes of those places, at their prices and versions.
    async fn bet(&self, key: &str, stake_cents: i64, legs: &[(&Published, usize)]) -> u16 {
        let legs: Vec<Value> = legs
            .iter()
            .map(|(market, place)| {
                let (outcome, quote) = market.snapshot.prices.iter().nth(*place).unwrap();
                json!({"market_id": market.market_id.to_string(), "outcome_id": outcome.to_string(),
                    "price": {"num": quote.price.num(), "den": quote.price.den()},
                    "market_version": market.snapshot.version})
            })
            .collect();
        let body = json!({"stake_cents": stake_cents, "currency": "EUR", "legs": legs});
        self.player.post(&format!("/v1/accounts/{}/bets", self.account), key, &body).await.status
    }

    async fn money(&self, what: &str, key: &str, amount_cents: i64, currency: &str) -> u16 {
        let finance = self.server.caller("finance", &[Caller::Finance]);
        let body = json!({"amount_cents": amount_cents, "currency": currency, "reason": "for a test"});
        finance.post(&format!("/v1/accounts/{}/{what}", self.account), key, &body).await.status
    }

    /// Adjusts the balance, and takes it and a deposit back.
    async fn by_hand(&self) {
        let finance = self.server.caller("finance", &[Caller::Finance]);
        assert_eq!(self.money("adjustments", "a", -700, "EUR").await, 201);
        assert_eq!(self.money("adjustments", "a", -700, "EUR").await, 201, "a replay");
        assert_eq!(self.money("adjustments", "b", 40, "EUR").await, 201);
        assert_eq!(self.money("adjustments", "c", -9_000_000, "EUR").await, 422);
        assert_eq!(self.money("credits", "reverse", 80, "EUR").await, 201);
        let entries =
            self.player.get(&format!("/v1/accounts/{}/entries?limit=3", self.account)).await.expect(200);
        for (number, entry) in entries["items"].as_array().unwrap().iter().enumerate() {
            let posting = entry["posting_id"].as_str().unwrap();
            let path = format!("/v1/accounts/{}/postings/{posting}/reversals", self.account);
            let body = json!({"reason": "for a test"});
            for (key, status) in [("r", 201), ("r", 201), ("again", 409)] {
                assert_eq!(finance.post(&path, &format!("{key}{number}"), &body).await.status, status);
            }
        }
    }

    /// Opens a bonus beside the account, grants money and makes cash of it.
    async fn wallets(&self) {
        let finance = self.server.caller("finance", &[Caller::Finance]);
        let path = format!("/v1/accounts/{}", self.account);
        let bonus =
            finance.post(&format!("{path}/wallets"), "w", &json!({"kind": "BONUS"})).await.expect(201);
        let bonus = bonus["id"].as_str().unwrap();
        let grant = json!({"amount_cents": 90, "currency": "EUR", "reason": "for a test"});
        finance.post(&format!("/v1/accounts/{bonus}/adjustments"), "g", &grant).await.expect(201);
        let ways = [(bonus, &self.account, 40, 201), (bonus, &self.account, 51, 422)];
        for (number, (from, to, cents, status)) in ways.into_iter().enumerate() {
            let body = json!({"to_account_id": to, "amount_cents": cents, "currency": "EUR", "reason": "for a test"});
            let answer =
                finance.post(&format!("/v1/accounts/{from}/transfers"), &format!("t{number}"), &body).await;
            assert_eq!(answer.status, status);
        }
    }

    /// Freezes the account and lets it go; in between nothing moves.
    async fn freezes(&self) {
        let support = self.server.caller("support", &[Caller::Support]);
        for (key, act, status) in [("f", "freeze", 200), ("f", "freeze", 200), ("u", "unfreeze", 200)] {
            let body = json!({"freeze": "BOTH", "reason": "for a test"});
            let path = format!("/v1/accounts/{}/{act}", self.account);
            assert_eq!(support.post(&path, key, &body).await.status, status);
            let frozen = if act == "freeze" { 422 } else { 201 };
            assert_eq!(
                self.money("credits", &format!("while {act}").replace(' ', "-"), 5, "EUR").await,
                frozen
            );
        }
    }

    async fn trade(&self, act: &str, key: &str, market: &Published, more: Value) -> u16 {
        self.later();
        let trader = self.server.caller("trader", &[Caller::Trader]);
        let mut body = json!({"reason": "for a test"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        trader.post(&format!("/v1/markets/{}/{act}", market.market_id), key, &body).await.status
    }

    /// Records that the outcome of a place won, and pays the market's bets.
    async fn settle(&self, key: &str, market: &Published, winner: usize) {
        let result = |(place, outcome): (usize, &_)| json!({"outcome_id": format!("{outcome}"), "result": if place == winner { "WON" } else { "LOST" }});
        let outcomes: Vec<Value> = market.snapshot.prices.keys().enumerate().map(result).collect();
        assert_eq!(self.trade("settle", key, market, json!({"outcomes": outcomes})).await, 200);
        self.pay(market).await;
    }

    async fn pay(&self, market: &Published) {
        self.later();
        self.server.app().pay_market(market.market_id).await.unwrap();
    }

    async fn accounts_and_money(&self) {
        let open = async |key, currency| {
            self.player.post("/v1/accounts", key, &json!({"currency": currency})).await.status
        };
        assert_eq!(open("open", "EUR").await, 201, "a replay");
        assert_eq!(open("again", "EUR").await, 409);
        assert_eq!(open("pounds", "GBP").await, 201);
        assert_eq!(self.money("debits", "d", 1_200, "EUR").await, 201);
        assert_eq!(self.money("debits", "d", 1_200, "EUR").await, 201, "a replay");
        assert_eq!(self.money("debits", "more", 9_000_000, "EUR").await, 422);
        assert_eq!(self.money("credits", "c", 300, "EUR").await, 201);
        assert_eq!(self.money("credits", "pounds", 300, "GBP").await, 422);
        self.server.funded("bob", 0).await;
    }

    /// Bets that win, lose and close at their first lost leg, on prices that move and markets that a
    /// trader suspends; the market stays open whose bet it is that stays open.
    async fn bets_and_trading(&self) {
        let (first, second, open) = (
            self.publish(&match_odds("e1", "m1", &[(2, 1), (2, 1)])).await,
            self.publish(&match_odds("e2", "m2", &[(3, 1), (3, 2)])).await,
            self.publish(&match_odds("e3", "m3", &[(5, 2), (5, 3)])).await,
        );
        assert_eq!(self.bet("1", 500, &[(&first, 0)]).await, 201);
        assert_eq!(self.bet("1", 500, &[(&first, 0)]).await, 201, "a replay");
        assert_eq!(self.bet("2", 600, &[(&first, 1)]).await, 201);
        assert_eq!(self.bet("3", 700, &[(&first, 0), (&second, 0), (&open, 0)]).await, 201);
        assert_eq!(self.bet("4", 800, &[(&first, 0), (&second, 1)]).await, 201);
        assert_eq!(self.bet("5", 900, &[(&open, 1)]).await, 201);
        assert_eq!(self.bet("6", 9_000_000, &[(&first, 0)]).await, 422);
        let moved = self.publish(&match_odds("e1", "m1", &[(3, 2), (3, 1)])).await;
        assert_eq!(self.bet("7", 150, &[(&first, 0)]).await, 422, "the price fell");
        assert_eq!(self.bet("8", 150, &[(&moved, 0)]).await, 201);
        assert_eq!(self.trade("suspend", "s", &first, json!({})).await, 200);
        assert_eq!(self.bet("9", 250, &[(&moved, 0)]).await, 422, "suspended");
        assert_eq!(self.trade("suspend", "s2", &first, json!({})).await, 200, "as it was");
        assert_eq!(self.trade("resume", "r", &first, json!({})).await, 200);
        let resumed = self.publish(&match_odds("e1", "m1", &[(3, 2), (3, 1)])).await;
        assert_eq!(self.bet("10", 350, &[(&resumed, 1)]).await, 201);
        self.holds(&open).await;
        self.limits(&open).await;
        assert_eq!(self.trade("close", "c", &second, json!({})).await, 200);
        assert_eq!(self.trade("resume", "r2", &second, json!({})).await, 409);
        self.settle("w1", &first, 0).await;
        self.settle("w2", &second, 1).await;
        assert_eq!(self.trade("settle", "w3", &second, json!({"outcomes": []})).await / 100, 4);
    }

    /// An outcome and all markets are held, and let go again but for the outcome.
    async fn holds(&self, market: &Published) {
        let outcome = market.snapshot.prices.keys().next().unwrap();
        let path = format!("/v1/markets/{}/outcomes/{outcome}/suspend", market.market_id);
        let reason = json!({"reason": "for a test"});
        let trader = self.server.caller("trader", &[Caller::Trader]);
        for (path, key) in
            [(path.as_str(), "h1"), ("/v1/trading/suspend", "h2"), ("/v1/trading/resume", "h3")]
        {
            trader.post(path, key, &reason).await.expect(200);
        }
        assert_eq!(self.bet("11", 450, &[(market, 0)]).await, 422, "held by itself");
    }

    /// Stakes are limited, and the account by a factor.
    async fn limits(&self, market: &Published) {
        let scope = json!({"level": "MARKET", "market_id": market.market_id.to_string()});
        let limits = json!({"scope": scope, "currency": "EUR", "stake_cents": 800, "reason": "for a test"});
        let release = json!({"scope": scope, "currency": "EUR", "reason": "for a test"});
        let factor = json!({"sport": "tennis", "factor_pct": 50, "reason": "for a test"});
        let cap = json!({"scope": scope, "currency": "EUR", "measure": "LIABILITY", "amount_cents": 900, "reason": "for a test"});
        let trader = self.server.caller("trader", &[Caller::Trader]);
        let factors = format!("/v1/accounts/{}/factors", self.account);
        for (path, key, body) in [
            ("/v1/limits", "l1", &limits),
            (factors.as_str(), "l2", &factor),
            ("/v1/limits/release", "l3", &release),
            ("/v1/limits", "l4", &limits),
            ("/v1/caps", "l5", &cap),
        ] {
            trader.post(path, key, body).await.expect(200);
        }
        assert_eq!(self.bet("12", 401, &[(market, 1)]).await, 422, "above half of the limit");
    }

    /// A runner that is removed, whose bet is void.
    async fn a_removed_runner(&self) {
        let mut source = match_odds("e4", "m4", &[(3, 1), (3, 1), (3, 1)]);
        let market = self.publish(&source).await;
        for place in 0..3 {
            assert_eq!(self.bet(&format!("of-three-{place}"), 450, &[(&market, place)]).await, 201);
        }
        if let Some(runner) = source.outcomes.first_mut() {
            (runner.status, runner.best_back) = (OutcomeStatus::Removed, None);
        }
        let market = self.publish(&source).await;
        assert_eq!(market.removed.len(), 1);
        self.pay(&market).await;
    }
}

/// The invariants are about the rows that the application writes, and not only about a book written by hand.
#[tokio::test]
async fn what_the_application_writes_breaks_nothing() {
    let db = TestDb::create().await;
    let house = House::new(&db).await;
    house.accounts_and_money().await;
    house.by_hand().await;
    house.wallets().await;
    house.freezes().await;
    house.bets_and_trading().await;
    house.server.app().follow_bets().await.unwrap();
    house.a_removed_runner().await;
    let behind = doctor::examine(&db.pool(Role::App).await).await.unwrap();
    assert_eq!(broken(&behind), [], "it is compared with the bets as of its place");
    house.server.app().follow_bets().await.unwrap();
    let findings = doctor::examine(&db.pool(Role::App).await).await.unwrap();
    assert_eq!(findings.iter().find(|finding| !finding.holds()), None);
    assert!(findings.iter().all(|finding| finding.examined > 0), "{findings:#?}");
    // All that doctor looks for was there to be looked at.
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT coalesce(result, status), count(*) FROM betting.bets GROUP BY 1 \
         UNION ALL SELECT DISTINCT type, 0 FROM events.outbox",
    )
    .fetch_all(&db.admin().await)
    .await
    .unwrap();
    let rows: BTreeMap<&str, i64> = rows.iter().map(|(what, n)| (what.as_str(), *n)).collect();
    let told = ["account.opened", "wallet.credited", "wallet.debited", "bet.placed", "bet.settled"];
    let by_hand = [
        "wallet.adjusted",
        "wallet.reversed",
        "account.frozen",
        "account.unfrozen",
        "wallet.opened",
        "wallet.transferred",
    ];
    let told = told
        .into_iter()
        .chain(by_hand)
        .chain([
            "event.changed",
            "market.opened",
            "odds.updated",
            "market.settled",
            "hold.changed",
            "limit.changed",
            "factor.changed",
            "cap.changed",
        ])
        .map(|name| (name, 0));
    let bets = [("WON", 3), ("LOST", 3), ("VOID", 1), ("PENDING", 3)];
    assert_eq!(rows, told.chain(bets).collect());
}
