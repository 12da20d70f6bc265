//! What is done to accounts by hand, over HTTP: adjustments, reversals and freezes.

use overround_api::Role;
use overround_app::Clock;
use overround_domain::time::Timestamp;
use overround_store::doctor;
use overround_testkit::{Caller, Reply, TestDb, TestServer, match_odds};
use serde_json::{Value, json};

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

/// A running server with one funded player, and those who work there.
struct House {
    db: TestDb,
    server: TestServer,
    player: Caller,
    account: String,
    finance: Caller,
}

impl House {
    async fn with(cents: i64) -> Self {
        let db = TestDb::create().await;
        let server = TestServer::start(&db, Clock::manual(NOON)).await;
        let (player, account) = server.funded("alice", cents).await;
        let finance = server.caller("finance", &[Role::Finance]);
        Self { db, server, player, account, finance }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/accounts/{}{rest}", self.account)
    }

    /// Credits, debits or adjusts.
    async fn money(&self, what: &str, key: &str, cents: i64) -> Reply {
        let body = json!({"amount_cents": cents, "currency": "EUR", "reason": "for a test"});
        self.finance.post(&self.path(&format!("/{what}")), key, &body).await
    }

    async fn reverse(&self, posting: &str, key: &str) -> Reply {
        let path = self.path(&format!("/postings/{posting}/reversals"));
        self.finance.post(&path, key, &json!({"reason": "it was a mistake"})).await
    }

    async fn balance(&self) -> i64 {
        self.player.get(&self.path("")).await.expect(200)["balance_cents"].as_i64().unwrap()
    }

    /// The account's last entry.
    async fn last_entry(&self) -> Value {
        self.player.get(&self.path("/entries?limit=1")).await.expect(200)["items"][0].clone()
    }

    /// The last event of a type.
    async fn event(&self, name: &str) -> Value {
        let statement = "SELECT jsonb_build_object('version', aggregate_version, 'of', aggregate_type, 'payload', payload) \
             FROM events.outbox WHERE type = $1 ORDER BY xid8 DESC, identity DESC LIMIT 1";
        sqlx::query_scalar(statement).bind(name).fetch_one(&self.db.admin().await).await.unwrap()
    }

    /// The books are right.
    async fn examine(&self) {
        let findings = doctor::examine(&self.db.pool(overround_store::Role::App).await).await.unwrap();
        assert_eq!(findings.iter().find(|finding| !finding.holds()), None);
    }
}

fn posting(reply: &Reply) -> String {
    reply.expect(201)["posting_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_adjustment_moves_the_balance_against_the_house() {
    let house = House::with(1000).await;
    for (key, cents, after) in
        [("up", 250_i64, 1250_i64), ("down", -1250, 0), ("most", 10_000_000_000_000, 10_000_000_000_000)]
    {
        let reply = house.money("adjustments", key, cents).await;
        let posted = reply.expect(201);
        assert_eq!((&posted["amount_cents"], &posted["balance_after_cents"]), (&json!(cents), &json!(after)));
        assert_eq!((&posted["ref_type"], &posted["ref_id"]), (&json!("ADJUSTMENT"), &posted["posting_id"]));
        let again = house.money("adjustments", key, cents).await;
        assert_eq!((again.status, &again.text, again.is_replay()), (201, &reply.text, true));
        let entry = house.last_entry().await;
        assert_eq!((&entry["amount_cents"], &entry["ref_type"]), (&json!(cents), &json!("ADJUSTMENT")));
        assert_eq!(entry["type"], if cents > 0 { "CREDIT" } else { "DEBIT" });
        let event = house.event("wallet.adjusted").await;
        assert_eq!((&event["version"], &event["of"]), (&entry["account_seq"], &json!("account")));
        assert_eq!(event["payload"]["amount_cents"], cents);
        assert_eq!(event["payload"]["author"], house.server.user_id("finance").to_string());
        assert_eq!(event["payload"]["reason"], "for a test");
    }
    house.examine().await;
}

#[tokio::test]
async fn an_adjustment_is_refused_where_it_would_be_wrong() {
    let house = House::with(320).await;
    let short = house.money("adjustments", "short", -321).await.problem(422, "INSUFFICIENT_FUNDS");
    assert_eq!(short["available_cents"], 320);
    let again = house.money("adjustments", "short", -321).await;
    assert!(again.is_replay());
    let pounds = json!({"amount_cents": 5, "currency": "GBP", "reason": "for a test"});
    house.finance.post(&house.path("/adjustments"), "p", &pounds).await.problem(422, "CURRENCY_MISMATCH");
    for cents in [0, 10_000_000_000_001, -10_000_000_000_001] {
        let body = house.money("adjustments", "bad", cents).await.problem(400, "INVALID_BODY");
        assert_eq!(body["errors"][0]["pointer"], "/amount_cents", "{cents}");
    }
    house.money("adjustments", "bad", -320).await.expect(201);
    assert_eq!(house.balance().await, 0);
    house.examine().await;
}

#[tokio::test]
async fn what_was_posted_by_hand_is_taken_back_once() {
    let house = House::with(0).await;
    for (what, cents) in [("credits", 900), ("debits", 300), ("adjustments", 70), ("adjustments", -50)] {
        let key = format!("{what}{cents}");
        let before = house.balance().await;
        let posted = house.money(what, &key, cents).await;
        let (id, amount) = (posting(&posted), posted.json()["amount_cents"].as_i64().unwrap());
        let reply = house.reverse(&id, &format!("back-{key}")).await;
        let back = reply.expect(201);
        assert_eq!(
            (back["amount_cents"].as_i64(), back["balance_after_cents"].as_i64()),
            (Some(-amount), Some(before))
        );
        assert_eq!((&back["ref_type"], &back["ref_id"]), (&json!("REVERSAL"), &json!(id)));
        let entry = house.last_entry().await;
        assert_eq!((&entry["ref_type"], &entry["ref_id"]), (&json!("REVERSAL"), &json!(id)));
        assert_eq!(entry["type"], if amount > 0 { "DEBIT" } else { "CREDIT" });
        let replay = house.reverse(&id, &format!("back-{key}")).await;
        assert_eq!((replay.status, &replay.text, replay.is_replay()), (201, &reply.text, true));
        let second = house.reverse(&id, &format!("second-{key}")).await;
        second.problem(409, "ALREADY_REVERSED");
        let kept = house.reverse(&id, &format!("second-{key}")).await;
        assert_eq!((kept.status, &kept.text, kept.is_replay()), (409, &second.text, true));
        let reversal = back["posting_id"].as_str().unwrap();
        house.reverse(reversal, &format!("twice-{key}")).await.problem(409, "NOT_REVERSIBLE");
        // What is to be reversed next needs some money.
        house.money("credits", &format!("more-{key}"), 400).await.expect(201);
    }
    let event = house.event("wallet.reversed").await;
    assert_eq!(event["payload"]["amount_cents"], 50);
    assert_eq!(event["payload"]["reason"], "it was a mistake");
    house.examine().await;
}

#[tokio::test]
async fn a_reversal_is_refused_where_it_would_be_wrong() {
    let house = House::with(0).await;
    let deposit = posting(&house.money("credits", "c", 500).await);
    house.money("debits", "d", 400).await.expect(201);
    let short = house.reverse(&deposit, "short").await.problem(422, "INSUFFICIENT_FUNDS");
    assert_eq!(short["available_cents"], 100);
    // Not yet reversed: it can be, once the money is there again.
    house.money("credits", "c2", 400).await.expect(201);
    house.reverse(&deposit, "again").await.expect(201);
    house.money("credits", "stake", 100).await.expect(201);
    // What a bet moved is not taken back by hand.
    let market = house.server.publish(&match_odds("e", "m", &[(2, 1), (2, 1)])).await;
    let (outcome, quote) = market.snapshot.prices.iter().next().unwrap();
    let bet = json!({"stake_cents": 100, "currency": "EUR", "legs": [{
        "market_id": market.market_id.to_string(), "outcome_id": outcome.to_string(),
        "price": {"num": quote.price.num(), "den": quote.price.den()}, "market_version": 1,
    }]});
    house.player.post(&house.path("/bets"), "bet", &bet).await.expect(201);
    let held = house.last_entry().await;
    house.reverse(held["posting_id"].as_str().unwrap(), "bet2").await.problem(409, "NOT_REVERSIBLE");
    // Postings that are not there, or another account's, look alike; their keys stay free.
    let (_, other) = house.server.funded("bob", 50).await;
    let path = format!("/v1/accounts/{other}/postings/{deposit}/reversals");
    let reason = json!({"reason": "for a test"});
    house.finance.post(&path, "k", &reason).await.problem(404, "NOT_FOUND");
    house.reverse("pst_1C4KqX7YvQe3Jm9TzR5bNd", "k").await.problem(404, "NOT_FOUND");
    house.reverse("pst_11111111111111111111111", "k").await.problem(400, "INVALID_PATH");
    house.examine().await;
}

#[tokio::test]
async fn one_reversal_is_made_however_many_ask_at_once() {
    let house = House::with(0).await;
    let deposit = posting(&house.money("credits", "c", 500).await);
    house.money("credits", "more", 5000).await.expect(201);
    // A second process on the same database.
    let second = TestServer::start(&house.db, Clock::manual(NOON)).await;
    let asks: Vec<_> = (0..16)
        .map(|number| {
            let server = if number % 2 == 0 { &house.server } else { &second };
            let finance = server.caller("finance", &[Role::Finance]);
            let path = house.path(&format!("/postings/{deposit}/reversals"));
            tokio::spawn(
                async move { finance.post(&path, &format!("k{number}"), &json!({"reason": "x"})).await },
            )
        })
        .collect();
    let mut made = 0;
    for ask in asks {
        let reply = ask.await.unwrap();
        match reply.status {
            201 => made += 1,
            _ => drop(reply.problem(409, "ALREADY_REVERSED")),
        }
    }
    assert_eq!((made, house.balance().await), (1, 5000));
    house.examine().await;
}

#[tokio::test]
async fn a_frozen_account_pays_out_and_takes_in_only_what_bets_return() {
    let house = House::with(1000).await;
    let support = house.server.caller("support", &[Role::Support]);
    let market = house.server.publish(&match_odds("e", "m", &[(2, 1), (2, 1)])).await;
    let (outcome, quote) = market.snapshot.prices.iter().next().unwrap();
    let bet = json!({"stake_cents": 100, "currency": "EUR", "confirm_duplicate": true, "legs": [{
        "market_id": market.market_id.to_string(), "outcome_id": outcome.to_string(),
        "price": {"num": quote.price.num(), "den": quote.price.den()}, "market_version": 1,
    }]});
    house.player.post(&house.path("/bets"), "before", &bet).await.expect(201);
    let deposit = posting(&house.money("credits", "c", 5).await);
    // The act, the status it leaves and its number, and whether money can be taken and paid in then.
    let table = [
        ("freeze", "DEBIT", "DEBIT_FROZEN", 1, false, true),
        ("freeze", "DEBIT", "DEBIT_FROZEN", 1, false, true),
        ("freeze", "CREDIT", "FROZEN", 2, false, false),
        ("unfreeze", "DEBIT", "CREDIT_FROZEN", 3, true, false),
        ("unfreeze", "BOTH", "ACTIVE", 4, true, true),
        ("unfreeze", "CREDIT", "ACTIVE", 4, true, true),
        ("freeze", "BOTH", "FROZEN", 5, false, false),
    ];
    for (number, (act, freeze, status, version, takes, pays)) in table.into_iter().enumerate() {
        let body = json!({"freeze": freeze, "reason": "being checked"});
        let reply = support.post(&house.path(&format!("/{act}")), &format!("f{number}"), &body).await;
        let wanted = json!({"account_id": house.account, "status": status, "status_version": version,
            "at": "2026-11-23T12:00:00.000Z"});
        assert_eq!(reply.expect(200), wanted);
        let again = support.post(&house.path(&format!("/{act}")), &format!("f{number}"), &body).await;
        assert_eq!((again.status, &again.text, again.is_replay()), (200, &reply.text, true));
        assert_eq!(house.player.get(&house.path("")).await.expect(200)["status"], status);
        let told = |reply: Reply| match reply.status {
            201 => true,
            _ => reply.problem(422, "ACCOUNT_FROZEN") == json!(null),
        };
        let key = |what: &str| format!("{what}{number}");
        assert_eq!(told(house.player.post(&house.path("/bets"), &key("bet"), &bet).await), takes, "{status}");
        assert_eq!(told(house.money("debits", &key("d"), 1).await), takes, "{status}");
        assert_eq!(told(house.money("adjustments", &key("a"), -1).await), takes, "{status}");
        assert_eq!(told(house.money("credits", &key("c"), 1).await), pays, "{status}");
        assert_eq!(told(house.money("adjustments", &key("b"), 1).await), pays, "{status}");
    }
    house.reverse(&deposit, "r").await.problem(422, "ACCOUNT_FROZEN");
    let event = house.event("account.frozen").await;
    assert_eq!((&event["version"], &event["of"]), (&json!(5), &json!("account_status")));
    assert_eq!(event["payload"]["author"], house.server.user_id("support").to_string());
    assert_eq!(event["payload"]["reason"], "being checked");
    // Its bets are paid all the same.
    let before = house.balance().await;
    let trader = house.server.caller("trader", &[Role::Trader]);
    let results: Vec<Value> = market.snapshot.prices.keys().enumerate()
        .map(|(place, id)| json!({"outcome_id": id.to_string(), "result": if place == 0 { "WON" } else { "LOST" }}))
        .collect();
    let body = json!({"reason": "for a test", "outcomes": results});
    trader.post(&format!("/v1/markets/{}/settle", market.market_id), "s", &body).await.expect(200);
    house.server.app().pay_market(market.market_id).await.unwrap();
    assert!(house.balance().await > before);
    house.examine().await;
}

#[tokio::test]
async fn a_closed_account_is_neither_frozen_nor_let_go() {
    let house = House::with(0).await;
    let close = "UPDATE wallet.accounts SET status = 'CLOSED' WHERE kind = 'PLAYER'";
    sqlx::query(close).execute(&house.db.admin().await).await.unwrap();
    let support = house.server.caller("support", &[Role::Support]);
    for act in ["freeze", "unfreeze"] {
        let body = json!({"freeze": "BOTH", "reason": "for a test"});
        support.post(&house.path(&format!("/{act}")), act, &body).await.problem(422, "ACCOUNT_CLOSED");
    }
    let body = json!({"freeze": "ALL", "reason": "for a test"});
    support.post(&house.path("/freeze"), "k", &body).await.problem(400, "INVALID_BODY");
}
