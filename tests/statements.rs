//! What balances were, and statements, over HTTP.

use overround_api::Role;
use overround_app::Clock;
use overround_domain::time::Timestamp;
use overround_testkit::{Caller, TestDb, TestServer};
use serde_json::{Value, json};

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

/// What was moved, one after another, ten seconds apart; two at each instant.
const MOVED: [i64; 8] = [5000, -1200, 300, -7, 100, -100, 2500, -2];

struct House {
    db: TestDb,
    server: TestServer,
    player: Caller,
    account: String,
}

impl House {
    async fn new() -> Self {
        let db = TestDb::create().await;
        let server = TestServer::start(&db, Clock::manual(NOON)).await;
        let (player, account) = server.funded("alice", 0).await;
        let finance = server.caller("finance", &[Role::Finance]);
        for (number, cents) in MOVED.into_iter().enumerate() {
            server.app().clock().set(at(number / 2));
            let body = json!({"amount_cents": cents, "currency": "EUR", "reason": "for a test"});
            let path = format!("/v1/accounts/{account}/adjustments");
            finance.post(&path, &format!("k{number}"), &body).await.expect(201);
        }
        Self { db, server, player, account }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/accounts/{}/{rest}", self.account)
    }

    async fn get(&self, rest: &str) -> Value {
        self.player.get(&self.path(rest)).await.expect(200)
    }
}

/// The instant of a pair of movements.
fn at(pair: usize) -> Timestamp {
    NOON.plus_millis(10_000 * i64::try_from(pair).unwrap())
}

fn sum(moved: &[i64]) -> i64 {
    moved.iter().sum()
}

#[tokio::test]
async fn a_balance_is_told_as_of_any_time_or_entry() {
    let house = House::new().await;
    let table = [
        (NOON.plus_millis(-1), 0),
        (at(0), sum(&MOVED[..2])),
        (at(1).plus_millis(-1), sum(&MOVED[..2])),
        (at(1), sum(&MOVED[..4])),
        (at(3), sum(&MOVED)),
        (at(9), sum(&MOVED)),
        (Timestamp::from_millis(-62_135_596_800_000), 0),
    ];
    for (instant, cents) in table {
        let told = house.get(&format!("balance?at={instant}")).await;
        assert_eq!((&told["balance_cents"], &told["at"]), (&json!(cents), &json!(instant.to_string())));
        assert_eq!((&told["currency"], &told["entry_id"]), (&json!("EUR"), &Value::Null));
    }
    assert_eq!(house.get("balance").await["balance_cents"], sum(&MOVED));
    assert_eq!(house.get("balance?at=2026-11-23T14:00:00%2B02:00").await["balance_cents"], sum(&MOVED[..2]));
    let entries = house.get("entries").await;
    for entry in entries["items"].as_array().unwrap() {
        let told = house.get(&format!("balance?entry={}", entry["id"].as_str().unwrap())).await;
        assert_eq!(told["balance_cents"], entry["balance_after_cents"]);
        assert_eq!((&told["entry_id"], &told["at"]), (&entry["id"], &entry["created_at"]));
    }
}

#[tokio::test]
async fn a_statement_of_any_period_adds_up() {
    let house = House::new().await;
    for (first, last) in [(0, 0), (0, 1), (0, 4), (1, 3), (2, 3), (3, 9), (7, 9)] {
        let (from, to) = (at(first), at(last));
        let before = &MOVED[..(2 * first).min(MOVED.len())];
        let within = &MOVED[before.len()..(2 * last).min(MOVED.len())];
        let query = format!("from={from}&to={to}");
        let told = house.get(&format!("statement?{query}")).await;
        let wanted = json!({
            "account_id": house.account, "currency": "EUR", "from": from.to_string(), "to": to.to_string(),
            "opening_balance_cents": sum(before),
            "credits_cents": within.iter().filter(|cents| **cents > 0).sum::<i64>(),
            "debits_cents": within.iter().filter(|cents| **cents < 0).sum::<i64>(),
            "closing_balance_cents": sum(before) + sum(within),
            "entries": within.len(), "items": told["items"], "next_cursor": null,
        });
        assert_eq!(told, wanted, "{first} to {last}");
        let amounts = |items: &[Value]| -> Vec<i64> {
            items.iter().map(|item| item["amount_cents"].as_i64().unwrap()).collect()
        };
        assert_eq!(amounts(told["items"].as_array().unwrap()), within);
        // Part by part it is the same.
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let part = house.get(&format!("statement?{query}&limit=3{cursor}")).await;
            assert_eq!(part["closing_balance_cents"], told["closing_balance_cents"]);
            items.extend(part["items"].as_array().unwrap().clone());
            let Some(next) = part["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(json!(items), told["items"]);
    }
}

/// Another process's clock can be behind: entry 4 of the account is dated before entry 3.
#[tokio::test]
async fn a_statement_adds_up_also_where_clocks_disagree() {
    let house = House::new().await;
    sqlx::raw_sql(
        "SET session_replication_role = replica; \
         UPDATE wallet.ledger_entries SET created_at = created_at - interval '5 s' WHERE account_seq = 4",
    )
    .execute(&house.db.admin().await)
    .await
    .unwrap();
    let cut = at(1).plus_millis(-1000);
    let first = house.get(&format!("statement?from={NOON}&to={cut}")).await;
    let second = house.get(&format!("statement?from={cut}&to={}", at(9))).await;
    assert_eq!(first["closing_balance_cents"], sum(&MOVED[..2]) + MOVED[3]);
    assert_eq!(first["closing_balance_cents"], second["opening_balance_cents"]);
    assert_eq!(second["closing_balance_cents"], sum(&MOVED));
    assert_eq!(
        house.get(&format!("balance?at={cut}")).await["balance_cents"],
        first["closing_balance_cents"]
    );
}

#[tokio::test]
async fn a_statement_is_exported_as_csv() {
    let house = House::new().await;
    let path = house.path(&format!("statement.csv?from={}&to={}", at(1), at(2)));
    let reply = house.player.get(&path).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    let name = format!("attachment; filename=\"statement-{}.csv\"", house.account);
    assert_eq!(reply.header("content-disposition"), Some(name.as_str()));
    let entries = house.get(&format!("statement?from={}&to={}", at(1), at(2))).await;
    let line = |place: usize, balance: i64| {
        let entry = &entries["items"][place];
        let text = |field: &str| entry[field].as_str().unwrap().to_owned();
        format!(
            "ENTRY,{},{},{},{},ADJUSTMENT,{},{},{balance},EUR",
            text("created_at"),
            text("id"),
            text("posting_id"),
            text("type"),
            text("ref_id"),
            entry["amount_cents"],
        )
    };
    let wanted = [
        "line,at,entry_id,posting_id,type,ref_type,ref_id,amount_cents,balance_cents,currency".to_owned(),
        format!("OPENING,{},,,,,,,3800,EUR", at(1)),
        line(0, 4100),
        line(1, 4093),
        format!("CLOSING,{},,,,,,,4093,EUR", at(2)),
        String::new(),
    ];
    assert_eq!(reply.text.split("\r\n").collect::<Vec<_>>(), wanted);
}

#[tokio::test]
async fn a_statement_is_asked_for_well_and_by_whom_it_belongs_to() {
    let house = House::new().await;
    let noon = "2026-11-23T12:00:00Z";
    let table = [
        ("balance?at=noon".to_owned(), "at"),
        ("balance?at=0000-01-01T00:00:00Z".to_owned(), "at"),
        (format!("balance?at={noon}&entry=ent_1C4KqX7YvQe3Jm9TzR5bNd"), "entry"),
        ("balance?entry=bet_1C4KqX7YvQe3Jm9TzR5bNd".to_owned(), "entry"),
        (format!("statement?to={noon}"), "from"),
        (format!("statement.csv?from={noon}"), "to"),
        (format!("statement?from={noon}&to=2026-11-23T11:59:59Z"), "to"),
        (format!("statement.csv?from={noon}&to={noon}&limit=5"), "limit"),
    ];
    for (rest, name) in table {
        let body = house.player.get(&house.path(&rest)).await.problem(400, "INVALID_QUERY");
        assert_eq!(body["errors"][0]["parameter"], name, "{rest}: {body}");
    }
    let period = format!("from={noon}&to={noon}");
    house
        .player
        .get(&house.path(&format!("statement?{period}&cursor=abc")))
        .await
        .problem(400, "INVALID_CURSOR");
    house.player.get(&house.path("balance?entry=ent_1C4KqX7YvQe3Jm9TzR5bNd")).await.problem(404, "NOT_FOUND");
    let others = ["balance".to_owned(), format!("statement?{period}"), format!("statement.csv?{period}")];
    for rest in others {
        let mallory = house.server.caller("mallory", &[Role::Player]);
        mallory.get(&house.path(&rest)).await.problem(404, "NOT_FOUND");
        let auditor = house.server.caller("auditor", &[Role::Auditor]);
        assert_eq!(auditor.get(&house.path(&rest)).await.status, 200, "{rest}");
    }
}
