//! Reports over all accounts, over HTTP.

use overround_api::Role;
use overround_app::Clock;
use overround_domain::time::Timestamp;
use overround_testkit::{TestDb, TestServer, match_odds};
use serde_json::{Value, json};

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

#[tokio::test]
async fn the_reports_of_an_empty_house_are_empty() {
    let db = TestDb::create().await;
    let server = TestServer::start(&db, Clock::manual(NOON)).await;
    let auditor = server.caller("auditor", &[Role::Auditor]);
    let noon = "2026-11-23T12:00:00.000Z";
    let trial = auditor.get("/v1/reports/trial-balance").await.expect(200);
    assert_eq!(trial, json!({"as_of": noon, "balanced": true, "items": []}));
    let segregation = auditor.get("/v1/reports/segregation").await.expect(200);
    assert_eq!(segregation, json!({"as_of": noon, "covered": true, "items": []}));
    auditor.get("/v1/reports/segregation?currency=EUR").await.problem(400, "INVALID_QUERY");
}

#[tokio::test]
async fn the_reports_add_up_over_cells_and_currencies() {
    let db = TestDb::create().await;
    let server = TestServer::start(&db, Clock::manual(NOON)).await;
    let finance = server.caller("finance", &[Role::Finance]);
    let mut players = Vec::new();
    for (number, cents) in [10_000, 20_000, 30_000].into_iter().enumerate() {
        players.push(server.funded(&format!("player {number}"), cents).await);
    }
    let (player, account) = &players[0];
    let pounds = player.post("/v1/accounts", "gbp", &json!({"currency": "GBP"})).await.expect(201);
    let adjust = async |account: &str, cents: i64, currency: &str| {
        let body = json!({"amount_cents": cents, "currency": currency, "reason": "for a test"});
        finance.post(&format!("/v1/accounts/{account}/adjustments"), "a", &body).await.expect(201);
    };
    adjust(account, -2500, "EUR").await;
    adjust(pounds["id"].as_str().unwrap(), 700, "GBP").await;
    let market = server.publish(&match_odds("e", "m", &[(2, 1), (2, 1)])).await;
    let (outcome, quote) = market.snapshot.prices.iter().next().unwrap();
    let bet = json!({"stake_cents": 400, "currency": "EUR", "legs": [{
        "market_id": market.market_id.to_string(), "outcome_id": outcome.to_string(),
        "price": {"num": quote.price.num(), "den": quote.price.den()}, "market_version": 1,
    }]});
    player.post(&format!("/v1/accounts/{account}/bets"), "bet", &bet).await.expect(201);

    let segregation = finance.get("/v1/reports/segregation").await.expect(200);
    let line = |currency, sums: [i64; 7], covered: bool| {
        let [player, hold, player_funds, funds, surplus, house, rest] = sums;
        json!({"currency": currency, "player_cents": player, "hold_cents": hold, "bonus_cents": rest,
            "player_funds_cents": player_funds, "funds_cents": funds, "surplus_cents": surplus, "covered": covered,
            "house_cents": house, "fees_cents": rest, "free_bet_cents": rest, "debt_cents": rest})
    };
    let wanted = json!([
        line("EUR", [57_100, 400, 57_500, 60_000, 2500, 2500, 0], true),
        // Given by the house, which has nothing in this currency.
        line("GBP", [700, 0, 700, 0, -700, -700, 0], false),
    ]);
    assert_eq!((&segregation["items"], &segregation["covered"]), (&wanted, &json!(false)));

    let trial = finance.get("/v1/reports/trial-balance").await.expect(200);
    assert_eq!(trial["balanced"], true);
    let items = trial["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["total_cents"] == 0), "{trial}");
    let sum = |currency: &str, kind: &str| -> (i64, i64) {
        let of_currency = items.iter().filter(|item| item["currency"] == currency);
        let kinds = of_currency.flat_map(|item| item["kinds"].as_array().unwrap());
        let number = |value: &Value| value.as_i64().unwrap();
        kinds.filter(|total| total["kind"] == kind).fold((0, 0), |(accounts, cents), total| {
            (accounts + number(&total["accounts"]), cents + number(&total["balance_cents"]))
        })
    };
    assert_eq!(sum("EUR", "PLAYER"), (3, 57_100));
    assert_eq!(sum("EUR", "HOLD"), (3, 400));
    assert_eq!(sum("EUR", "PSP_CLEARING").1, -60_000);
    assert_eq!(sum("EUR", "HOUSE").1, 2500);
    assert_eq!(sum("GBP", "PLAYER"), (1, 700));

    // Books that somebody changed behind the ledger's back show it.
    let change = "UPDATE wallet.accounts SET balance_cents = balance_cents + 1 WHERE kind = 'HOLD' AND currency = 'GBP'";
    sqlx::query(change).execute(&db.admin().await).await.unwrap();
    assert_eq!(finance.get("/v1/reports/trial-balance").await.expect(200)["balanced"], false);
}
