//! Every rule that refuses a bet, as far as it exists, over HTTP.

use super::{Bettor, NOON, bet, even, leg, server, with};
use overround_api::ApiSettings;
use overround_app::{Clock, Settings};
use overround_domain::betting::Rules;
use overround_domain::markets::{Line, MarketKind, OutcomeStatus, SourceMarket, SourceStatus};
use overround_domain::money::Cents;
use overround_testkit::{TestDb, TestServer, match_odds, redis_url, test_settings};
use serde_json::json;

#[tokio::test]
async fn the_market_refuses_by_its_state() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let bettor = Bettor::with(&server, 10_000).await;
    let open = server.publish(&even("e", "m")).await;
    let body = bet(100, &[leg(&open, 0)]);
    let other = server.publish(&even("e2", "m2")).await;
    let foreign = leg(&other, 0)["outcome_id"].clone();
    bettor.place("1", &with(&body, &[("/legs/0/outcome_id", foreign)])).await.problem(404, "UNKNOWN_OUTCOME");
    let states = [
        ("2", SourceStatus::Suspended, "BETTING_SUSPENDED"),
        ("3", SourceStatus::Inactive, "OFFLINE_EVENT"),
        ("4", SourceStatus::Closed, "MARKET_CLOSED"),
    ];
    for (key, status, code) in states {
        server.publish(&SourceMarket { status, ..even("e", "m") }).await;
        let refused = bettor.place(key, &body).await.problem(422, code);
        assert_eq!(refused["leg"], 0, "{refused}");
    }
}

#[tokio::test]
async fn a_removed_runner_takes_no_bets() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let bettor = Bettor::with(&server, 10_000).await;
    let three = match_odds("e", "m", &[(3, 1), (3, 1), (3, 1)]);
    let market = server.publish(&three).await;
    let mut fewer = three.clone();
    fewer.outcomes[2].status = OutcomeStatus::Removed;
    let changed = server.publish(&fewer).await;
    let removed = changed.removed.first().unwrap().to_string();
    let body = bet(100, &[leg(&market, 0)]);
    let version = json!(changed.snapshot.version);
    let gone = with(&body, &[("/legs/0/outcome_id", json!(removed)), ("/legs/0/market_version", version)]);
    bettor.place("1", &gone).await.problem(422, "OUTCOME_REMOVED");
}

#[tokio::test]
async fn a_moved_price_is_told_and_taken_by_policy() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let bettor = Bettor::with(&server, 10_000).await;
    let market = server.publish(&match_odds("e", "m", &[(3, 1), (3, 2)])).await;
    let seen = bet(100, &[leg(&market, 0)]);
    bettor
        .place("0", &with(&seen, &[("/legs/0/market_version", json!(9))]))
        .await
        .problem(422, "STALE_PRICE");
    let mut moved = match_odds("e", "m", &[(2, 1), (2, 1)]);
    moved.key = "m".to_owned();
    let now = server.publish(&moved).await;
    let refused = bettor.place("1", &seen).await.problem(422, "PRICE_CHANGED");
    let outcome = seen["legs"][0]["outcome_id"].as_str().unwrap();
    let current = now.snapshot.prices[&outcome.parse().unwrap()].price;
    assert_eq!(refused["current_price"], json!({"num": current.num(), "den": current.den()}));
    assert_eq!((&refused["current_version"], &refused["leg"]), (&json!(now.snapshot.version), &json!(0)));
    bettor
        .place("2", &with(&seen, &[("/price_policy", json!("HIGHER"))]))
        .await
        .problem(422, "PRICE_CHANGED");
    bettor
        .place("3", &with(&seen, &[("/price_policy", json!("WITHIN_1"))]))
        .await
        .problem(422, "PRICE_CHANGED");
    let filled = bettor.place("4", &with(&seen, &[("/price_policy", json!("ANY"))])).await.expect(201);
    assert_eq!(filled["legs"][0]["price"], json!({"num": current.num(), "den": current.den()}));
    assert_eq!(filled["legs"][0]["market_version"], now.snapshot.version);
}

#[tokio::test]
async fn another_line_is_another_bet() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let bettor = Bettor::with(&server, 10_000).await;
    let mut source = even("e", "m");
    source.kind = MarketKind::Line;
    source.number_of_winners = 0;
    for (outcome, quarters) in source.outcomes.iter_mut().zip([2, -2]) {
        outcome.line = Some(Line::from_quarters(quarters));
        outcome.pair = Some(0);
    }
    let market = server.publish(&source).await;
    let quote = market.snapshot.prices.values().next().unwrap();
    let line = quote.line.unwrap().to_string();
    let body = bet(100, &[leg(&market, 0)]);
    let refused = bettor.place("1", &with(&body, &[("/legs/0/line", json!("7.25"))])).await;
    assert_eq!(refused.problem(422, "LINE_CHANGED")["current_line"], line.as_str());
    bettor.place("2", &body).await.problem(422, "LINE_CHANGED");
    let taken = bettor.place("3", &with(&body, &[("/legs/0/line", json!(line))])).await.expect(201);
    assert_eq!(taken["legs"][0]["line"], line.as_str());
}

#[tokio::test]
async fn the_slip_is_refused_by_its_form() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let bettor = Bettor::with(&server, 10_000).await;
    let first = server.publish(&even("e", "m1")).await;
    let second = server.publish(&even("e", "m2")).await;
    let body = bet(100, &[leg(&first, 0)]);
    let same_event = bet(100, &[leg(&first, 0), leg(&second, 0)]);
    let refused = bettor.place("1", &same_event).await.problem(422, "CORRELATED");
    assert_eq!(refused["related_outcomes"].as_array().unwrap().len(), 2, "{refused}");
    for (key, leg_type) in [("2", "SGP"), ("3", "PROP")] {
        let other = with(&body, &[("/legs/0/leg_type", json!(leg_type))]);
        bettor.place(key, &other).await.problem(422, "LEG_TYPE_NOT_ALLOWED");
    }
    let pounds = with(&body, &[("/currency", json!("GBP"))]);
    bettor.place("4", &pounds).await.problem(422, "CURRENCY_MISMATCH");
}

#[tokio::test]
async fn the_number_of_legs_is_bounded() {
    let db = TestDb::create().await;
    let settings = test_settings();
    let rules = Rules { legs_max: 2, ..settings.rules.clone() };
    let settings = Settings { rules, ..settings };
    let api = ApiSettings::default();
    let server = TestServer::start_with(&db, &redis_url().await, Clock::manual(NOON), settings, api).await;
    let bettor = Bettor::with(&server, 10_000).await;
    let mut legs = Vec::new();
    for number in 0..3 {
        legs.push(leg(&server.publish(&even(&format!("e{number}"), &format!("m{number}"))).await, 0));
    }
    bettor.place("1", &bet(100, &legs)).await.problem(422, "TOO_MANY_LEGS");
    bettor.place("2", &bet(100, &legs[..2])).await.expect(201);
}

#[tokio::test]
async fn the_stake_is_bounded() {
    let db = TestDb::create().await;
    let settings = test_settings();
    let rules = Rules {
        stake_min: Cents::new(50),
        stake_max: Cents::new(5000),
        payout_max: Cents::new(6000),
        ..settings.rules.clone()
    };
    let settings = Settings { rules, ..settings };
    let api = ApiSettings::default();
    let server = TestServer::start_with(&db, &redis_url().await, Clock::manual(NOON), settings, api).await;
    let bettor = Bettor::with(&server, 3000).await;
    let market = server.publish(&even("e", "m")).await;
    let stake = |cents: i64| bet(cents, &[leg(&market, 0)]);
    let few = bettor.place("1", &stake(49)).await.problem(422, "BELOW_MIN");
    assert_eq!(few["stake_cents_min"], 50, "{few}");
    let many = bettor.place("2", &stake(5001)).await.problem(422, "ABOVE_MAX");
    assert_eq!(many["stake_cents_max"], 3125, "the largest payout bounds it further: {many}");
    bettor.place("3", &stake(4000)).await.problem(422, "MAX_PAYOUT");
    let short = bettor.place("4", &stake(3001)).await.problem(422, "INSUFFICIENT_FUNDS");
    assert_eq!(short["available_cents"], 3000, "{short}");
    bettor.place("5", &stake(50)).await.expect(201);
}

#[tokio::test]
async fn the_same_bet_moments_later_is_asked_about() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let bettor = Bettor::with(&server, 10_000).await;
    let market = server.publish(&even("e", "m")).await;
    let body = bet(100, &[leg(&market, 0)]);
    bettor.place("1", &body).await.expect(201);
    bettor.place("2", &body).await.problem(422, "DUPLICATED_REQUEST");
    let sure = with(&body, &[("/confirm_duplicate", json!(true))]);
    bettor.place("3", &sure).await.expect(201);
    server.app().clock().set(NOON.plus_millis(3001));
    server.publish(&even("e", "m")).await;
    bettor.place("4", &body).await.expect(201);
    assert_eq!(bettor.balance().await, (9700, 300));
}

#[tokio::test]
async fn the_account_refuses_by_its_state() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let bettor = Bettor::with(&server, 10_000).await;
    let market = server.publish(&even("e", "m")).await;
    let body = bet(100, &[leg(&market, 0)]);
    for (key, status, code) in [("1", "FROZEN", "ACCOUNT_FROZEN"), ("2", "CLOSED", "ACCOUNT_CLOSED")] {
        let update = sqlx::query("UPDATE wallet.accounts SET status = $1 WHERE kind = 'PLAYER'").bind(status);
        update.execute(&db.admin().await).await.unwrap();
        bettor.place(key, &body).await.problem(422, code);
    }
}

#[tokio::test]
async fn a_market_that_nobody_confirms_takes_no_bets() {
    let db = TestDb::create().await;
    let server = server(&db).await;
    let bettor = Bettor::with(&server, 10_000).await;
    let market = server.publish(&even("e", "m")).await;
    server.app().clock().set(NOON.plus_millis(60_000));
    bettor.place("1", &bet(100, &[leg(&market, 0)])).await.problem(422, "BETTING_SUSPENDED");
}
