//! Prices that move too far in one message.

use super::{Desk, even};
use overround_app::Settings;
use overround_domain::markets::{JumpLimit, SourceStatus};
use overround_testkit::{match_odds, test_settings};
use serde_json::{Value, json};

async fn guarded(pct: u32) -> Desk {
    Desk::with(Settings { price_jump: JumpLimit::new(pct), ..test_settings() }).await
}

#[tokio::test]
async fn a_price_that_jumps_suspends_its_market_until_a_trader_resumes_it() {
    let desk = guarded(50).await;
    let market = desk.publish(&even("e", "m")).await;
    let other = desk.publish(&even("e", "other")).await;
    desk.bet(&market, 0).await.expect(201);
    let jumped = match_odds("e", "m", &[(4, 1), (4, 3)]);
    let review = desk.publish(&jumped).await;
    assert_eq!((review.status.as_str(), review.version), ("SUSPENDED", Some(2)));
    desk.bet(&market, 0).await.problem(422, "BETTING_SUSPENDED");
    assert_eq!(desk.status(&other).await, "OPEN", "the event's others stay on sale");
    assert_eq!(desk.publish(&jumped).await.version, None, "the same message again");
    // To resume a wider suspension does not release it.
    for act in ["suspend", "resume"] {
        desk.act(&format!("/v1/trading/{act}")).await.expect(200);
    }
    assert_eq!(desk.status(&market).await, "SUSPENDED");
    let told = "SELECT count(*) FROM events.outbox WHERE type = 'hold.changed' AND payload @> \
                '{\"kind\": \"REVIEW\", \"scope\": \"MARKET\", \"actor\": \"house\", \"reason\": \
                \"the price of a moved from 1.92 to 3.80 in one message, by more than 50 %\"}'";
    assert_eq!(desk.count(told).await, 1);
    let resumed = desk.act(&format!("/v1/markets/{}/resume", market.market_id)).await.expect(200);
    assert_eq!(resumed["status"], "OPEN");
    let now = desk.publish(&jumped).await;
    assert_eq!((now.version, now.status.as_str()), (None, "OPEN"), "at the new price");
    desk.bet(&now, 0).await.expect(201);
    desk.end().await;
}

#[tokio::test]
async fn what_moves_less_or_by_a_trader_or_while_suspended_is_no_jump() {
    let desk = guarded(50).await;
    let market = desk.publish(&even("e", "m")).await;
    // From 1.92 to 2.80, which is 46 %.
    assert_eq!(desk.publish(&match_odds("e", "m", &[(3, 1), (3, 2)])).await.status.as_str(), "OPEN");
    let outcome = market.outcomes.keys().next().unwrap().to_string();
    let ten: Value =
        json!({"outcomes": [{"outcome_id": outcome, "price": {"num": 10, "den": 1}}], "reason": "x"});
    let path = format!("/v1/markets/{}/prices", market.market_id);
    let set = desk.trader.post(&path, "ten", &ten).await.expect(200);
    assert_eq!(set["status"], "OPEN");
    desk.trader.post(&format!("{path}/release"), "back", &json!({"reason": "x"})).await.expect(200);
    let mut goal = match_odds("e", "m", &[(10, 1), (10, 9)]);
    goal.status = SourceStatus::Suspended;
    desk.publish(&goal).await;
    goal.status = SourceStatus::Open;
    assert_eq!(desk.publish(&goal).await.status.as_str(), "OPEN", "its source suspended it first");
    desk.end().await;
}

#[tokio::test]
async fn without_a_limit_prices_move_as_they_like() {
    let desk = guarded(0).await;
    desk.publish(&even("e", "m")).await;
    assert_eq!(desk.publish(&match_odds("e", "m", &[(10, 1), (10, 9)])).await.status.as_str(), "OPEN");
    desk.end().await;
}
