//! The wallets beside a player's cash, over HTTP: bonus money, free bets, debts, and transfers between them.

use overround_api::Role;
use overround_app::Clock;
use overround_domain::time::Timestamp;
use overround_store::doctor;
use overround_testkit::{Caller, Reply, TestDb, TestServer};
use serde_json::{Value, json};

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

/// A running server, a player with 10.00 EUR, and who opens wallets.
struct House {
    db: TestDb,
    server: TestServer,
    player: Caller,
    account: String,
    finance: Caller,
}

impl House {
    async fn new() -> Self {
        let db = TestDb::create().await;
        let server = TestServer::start(&db, Clock::manual(NOON)).await;
        let (player, account) = server.funded("alice", 1000).await;
        let finance = server.caller("finance", &[Role::Finance]);
        Self { db, server, player, account, finance }
    }

    async fn open(&self, key: &str, body: &Value) -> Reply {
        self.finance.post(&format!("/v1/accounts/{}/wallets", self.account), key, body).await
    }

    /// Opens a wallet of a kind and gives its id.
    async fn wallet(&self, body: &Value) -> String {
        self.open(&body.to_string().replace(' ', ""), body).await.expect(201)["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn adjust(&self, wallet: &str, key: &str, cents: i64) -> Reply {
        let body = json!({"amount_cents": cents, "currency": "EUR", "reason": "for a test"});
        self.finance.post(&format!("/v1/accounts/{wallet}/adjustments"), key, &body).await
    }

    async fn transfer(&self, from: &str, to: &str, key: &str, cents: i64) -> Reply {
        let body =
            json!({"to_account_id": to, "amount_cents": cents, "currency": "EUR", "reason": "for a test"});
        self.finance.post(&format!("/v1/accounts/{from}/transfers"), key, &body).await
    }

    /// Kind, balance and floor of each wallet.
    async fn wallets(&self) -> Vec<(String, i64, i64)> {
        let list = self.player.get(&format!("/v1/accounts/{}/wallets", self.account)).await.expect(200);
        let number = |value: &Value| value.as_i64().unwrap();
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|wallet| {
                let kind = wallet["kind"].as_str().unwrap().to_owned();
                (kind, number(&wallet["balance_cents"]), number(&wallet["floor_cents"]))
            })
            .collect()
    }

    /// The books are right.
    async fn examine(&self) {
        let findings = doctor::examine(&self.db.pool(overround_store::Role::App).await).await.unwrap();
        assert_eq!(findings.iter().find(|finding| !finding.holds()), None);
    }
}

fn named(kind: &str, balance: i64, floor: i64) -> (String, i64, i64) {
    (kind.to_owned(), balance, floor)
}

#[tokio::test]
async fn a_wallet_is_opened_once_a_kind_and_key() {
    let house = House::new().await;
    assert_eq!(house.wallets().await, [named("PLAYER", 1000, 0)]);
    let bonus = json!({"kind": "BONUS"});
    let first = house.open("a", &bonus).await;
    let again = house.open("a", &bonus).await;
    assert_eq!((first.expect(201), again.expect(201)), (again.expect(201), first.expect(201)));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    for key in ["b", "b"] {
        house.open(key, &bonus).await.problem(409, "ACCOUNT_EXISTS");
    }
    house.open("a", &json!({"kind": "FREE_BET"})).await.problem(422, "IDEMPOTENCY_MISMATCH");
    house.open("c", &json!({"kind": "FREE_BET"})).await.expect(201);
    house.open("d", &json!({"kind": "DEBT", "floor_cents": -500})).await.expect(201);
    let wanted =
        [named("PLAYER", 1000, 0), named("BONUS", 0, 0), named("FREE_BET", 0, 0), named("DEBT", 0, -500)];
    assert_eq!(house.wallets().await, wanted);
    house.examine().await;
}

#[tokio::test]
async fn a_wallet_that_cannot_be_is_refused_and_nothing_is_opened() {
    let house = House::new().await;
    let table = [
        (json!({"kind": "HOUSE"}), "/kind"),
        (json!({"kind": "PLAYER"}), "/kind"),
        (json!({"kind": "DEBT"}), "/floor_cents"),
        (json!({"kind": "DEBT", "floor_cents": 1}), "/floor_cents"),
        (json!({"kind": "DEBT", "floor_cents": -10_000_000_000_001_i64}), "/floor_cents"),
        (json!({"kind": "BONUS", "floor_cents": -1}), "/floor_cents"),
    ];
    for (body, pointer) in table {
        let problem = house.open("k", &body).await.problem(400, "INVALID_BODY");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
    assert_eq!(house.wallets().await, [named("PLAYER", 1000, 0)]);
    let bonus = house.wallet(&json!({"kind": "BONUS"})).await;
    // A wallet is no account that bets, deposits and freezes are of, and has no wallets.
    let money = json!({"amount_cents": 5, "currency": "EUR", "reason": "for a test"});
    let freeze = json!({"freeze": "BOTH", "reason": "for a test"});
    let bet = json!({"stake_cents": 100, "currency": "EUR", "legs": [{
        "market_id": "mkt_1C4KqX7YvQe3Jm9TzR5bNd", "outcome_id": "out_1C4KqX7YvQe3Jm9TzR5bNd",
        "price": {"num": 2, "den": 1}, "market_version": 1,
    }]});
    let support = house.server.caller("support", &[Role::Support]);
    let table = [
        (&house.finance, "/credits", &money),
        (&house.finance, "/debits", &money),
        (&house.finance, "/wallets", &json!({"kind": "FREE_BET"})),
        (&support, "/freeze", &freeze),
        (&support, "/unfreeze", &freeze),
        (&house.player, "/bets", &bet),
    ];
    for (caller, what, body) in table {
        let reply = caller.post(&format!("/v1/accounts/{bonus}{what}"), "k", body).await;
        assert_eq!(reply.status, 404, "{what}: {}", reply.text);
    }
    for what in ["", "/wallets", "/bets"] {
        house.player.get(&format!("/v1/accounts/{bonus}{what}")).await.problem(404, "NOT_FOUND");
    }
    // Another player reaches none of it.
    let (stranger, _) = house.server.funded("mallory", 1).await;
    for path in [format!("/v1/accounts/{}/wallets", house.account), format!("/v1/accounts/{bonus}/entries")] {
        stranger.get(&path).await.problem(404, "NOT_FOUND");
    }
    house.examine().await;
}

#[tokio::test]
async fn money_goes_between_wallets_and_stays_within_their_bounds() {
    let house = House::new().await;
    let cash = house.account.clone();
    let bonus = house.wallet(&json!({"kind": "BONUS"})).await;
    let debt = house.wallet(&json!({"kind": "DEBT", "floor_cents": -500})).await;
    house.adjust(&bonus, "grant", 300).await.expect(201);
    // What was clawed back beyond the cash is owed.
    house.adjust(&debt, "owed", -400).await.expect(201);
    house.adjust(&debt, "too-much", -101).await.problem(422, "INSUFFICIENT_FUNDS");
    house.transfer(&bonus, &cash, "too-much", 301).await.problem(422, "INSUFFICIENT_FUNDS");
    let earned = house.transfer(&bonus, &cash, "earned", 250).await;
    let answer = earned.expect(201);
    let told = |field: &str| answer[field].as_i64().unwrap();
    assert_eq!((told("amount_cents"), told("balance_after_cents")), (-250, 50));
    assert_eq!(
        (answer["ref_type"].as_str(), answer["account_id"].as_str()),
        (Some("TRANSFER"), Some(&*bonus))
    );
    let again = house.transfer(&bonus, &cash, "earned", 250).await;
    assert_eq!(again.expect(201), answer);
    house.transfer(&cash, &debt, "above", 401).await.problem(422, "ABOVE_DEBT");
    house.adjust(&debt, "above", 401).await.problem(422, "ABOVE_DEBT");
    house.transfer(&cash, &debt, "repaid", 150).await.expect(201);
    house.adjust(&debt, "written-off", 250).await.expect(201);
    house.transfer(&cash, &debt, "nothing-owed", 1).await.problem(422, "ABOVE_DEBT");
    let wanted = [named("PLAYER", 1100, 0), named("BONUS", 50, 0), named("DEBT", 0, -500)];
    assert_eq!(house.wallets().await, wanted);

    // A transfer is not reversed; an adjustment of a wallet is, under the wallet's id.
    let posting = answer["posting_id"].as_str().unwrap();
    let path = format!("/v1/accounts/{bonus}/postings/{posting}/reversals");
    let undo = json!({"reason": "undo"});
    house.finance.post(&path, "r", &undo).await.problem(409, "NOT_REVERSIBLE");
    let more = house.adjust(&bonus, "more", 7).await.expect(201);
    let path = |wallet: &str| {
        format!("/v1/accounts/{wallet}/postings/{}/reversals", more["posting_id"].as_str().unwrap())
    };
    house.finance.post(&path(&cash), "r", &undo).await.problem(404, "NOT_FOUND");
    house.finance.post(&path(&bonus), "s", &undo).await.expect(201);

    // A wallet has entries, balances and statements of its own.
    let balance = house.player.get(&format!("/v1/accounts/{bonus}/balance")).await.expect(200);
    assert_eq!(balance["balance_cents"], 50);
    let entries = house.player.get(&format!("/v1/accounts/{bonus}/entries")).await.expect(200);
    let amounts: Vec<_> =
        entries["items"].as_array().unwrap().iter().map(|e| e["amount_cents"].clone()).collect();
    assert_eq!(amounts, [json!(-7), json!(7), json!(-250), json!(300)]);
    let period = "from=2026-11-23T11:00:00.000Z&to=2026-11-23T13:00:00.000Z";
    let statement = house.player.get(&format!("/v1/accounts/{debt}/statement?{period}")).await.expect(200);
    assert_eq!(
        (&statement["opening_balance_cents"], &statement["closing_balance_cents"]),
        (&json!(0), &json!(0))
    );
    house.examine().await;
}

#[tokio::test]
async fn a_transfer_stays_with_the_player_and_counts_as_debit_and_credit() {
    let house = House::new().await;
    let cash = house.account.clone();
    let bonus = house.wallet(&json!({"kind": "BONUS"})).await;
    let debt = house.wallet(&json!({"kind": "DEBT", "floor_cents": -500})).await;
    let free = house.wallet(&json!({"kind": "FREE_BET"})).await;
    for (wallet, cents) in [(&bonus, 100), (&debt, -100), (&free, 100)] {
        house.adjust(wallet, "grant", cents).await.expect(201);
    }
    // Only what is earned or owed changes its kind.
    for (from, to) in
        [(&cash, &bonus), (&cash, &free), (&free, &cash), (&debt, &cash), (&free, &debt), (&bonus, &free)]
    {
        house.transfer(from, to, "kinds", 5).await.problem(400, "INVALID_BODY");
    }
    let (_, other) = house.server.funded("bob", 1000).await;
    let pounds = house.player.post("/v1/accounts", "gbp", &json!({"currency": "GBP"})).await.expect(201);
    for to in [other.as_str(), pounds["id"].as_str().unwrap(), &cash, "acct_1C4KqX7YvQe3Jm9TzR5bNd"] {
        let problem = house.transfer(&cash, to, "k", 5).await.problem(400, "INVALID_BODY");
        assert_eq!(problem["errors"][0]["pointer"], "/to_account_id", "{to}");
    }
    let mut body = json!({"to_account_id": debt, "amount_cents": 5, "currency": "GBP", "reason": "x"});
    let path = format!("/v1/accounts/{cash}/transfers");
    house.finance.post(&path, "pounds", &body).await.problem(422, "CURRENCY_MISMATCH");
    body["amount_cents"] = json!(0);
    house.finance.post(&path, "zero", &body).await.problem(400, "INVALID_BODY");
    house.player.post(&path, "own", &body).await.problem(403, "FORBIDDEN");

    let support = house.server.caller("support", &[Role::Support]);
    for (number, way) in ["DEBIT", "CREDIT"].into_iter().enumerate() {
        let freeze = json!({"freeze": way, "reason": "to be checked"});
        let act = async |what: &str| {
            support
                .post(&format!("/v1/accounts/{cash}/{what}"), &format!("{what}{number}"), &freeze)
                .await
                .expect(200)
        };
        act("freeze").await;
        for (from, to) in [(&cash, &debt), (&bonus, &cash), (&bonus, &debt)] {
            house.transfer(from, to, &format!("{way}{from}{to}"), 5).await.problem(422, "ACCOUNT_FROZEN");
        }
        act("unfreeze").await;
    }
    house.transfer(&cash, &debt, "after", 5).await.expect(201);
    house.transfer(&bonus, &debt, "after", 95).await.expect(201);
    house.examine().await;
}
