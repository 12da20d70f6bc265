//! Margins.

use super::{Desk, even, three};
use overround_app::Published;
use overround_domain::markets::SourceStatus;
use overround_testkit::{Reply, match_odds};
use serde_json::{Value, json};

impl Desk {
    async fn post(&self, of: &Published, act: &str, body: &Value) -> Reply {
        self.trader.post(&format!("/v1/markets/{}/{act}", of.market_id), &self.key(), body).await
    }

    /// The decimals on the board in their order, `-` where there is none.
    async fn board(&self, of: &Published) -> Vec<String> {
        let market = self.market(of).await;
        let outcomes = market["outcomes"].as_array().unwrap();
        outcomes.iter().map(|one| one["decimal"].as_str().unwrap_or("-").to_owned()).collect()
    }
}

fn margin(method: &str, bps: i64) -> Value {
    json!({"method": method, "margin_bps": bps, "reason": "for a test"})
}

#[tokio::test]
async fn a_margin_counts_at_once_and_for_every_message_after() {
    let desk = Desk::new().await;
    let source = match_odds("e", "m", &[(4, 1), (4, 3)]);
    let market = desk.publish(&source).await;
    assert_eq!(desk.board(&market).await, ["3.80", "1.28"]);
    let set = desk.post(&market, "margin", &margin("POWER", 500)).await.expect(200);
    assert_eq!((&set["version"], &set["status_version"]), (&json!(2), &json!(1)), "prices move no fence");
    assert_eq!(desk.board(&market).await, ["3.55", "1.30"]);
    assert_eq!(desk.publish(&source).await.version, None, "the source says what it said");
    assert_eq!(desk.publish(&match_odds("e", "m", &[(2, 1), (2, 1)])).await.version, Some(3));
    assert_eq!(desk.board(&market).await, ["1.90", "1.90"]);
    desk.publish(&source).await;
    desk.post(&market, "margin", &margin("PROPORTIONAL", 0)).await.expect(200);
    assert_eq!(desk.board(&market).await, ["4.00", "1.33"]);
    desk.post(&market, "margin/release", &json!({"reason": "back"})).await.expect(200);
    assert_eq!(desk.board(&market).await, ["3.80", "1.28"]);
    let other = desk.publish(&even("e", "m2")).await;
    assert_eq!(desk.board(&other).await, ["1.92", "1.92"], "another market has the house's");
    let told = "SELECT count(*) FROM events.outbox WHERE type = 'odds.updated' \
                AND payload @> '{\"act\": \"set_margin\", \"margin\": {\"method\": \"POWER\", \"margin_bps\": 500}}' \
                AND payload ->> 'actor' LIKE 'usr_%' AND payload ->> 'reason' = 'for a test'";
    assert_eq!(desk.count(told).await, 1);
    desk.end().await;
}

#[tokio::test]
async fn a_margin_is_known_to_a_process_that_never_heard_the_source() {
    let desk = Desk::new().await;
    let market = desk.publish(&three()).await;
    let second = super::another(&desk.db, &desk.redis).await;
    let trader = second.caller("tom", &[overround_api::Role::Trader]);
    let path = format!("/v1/markets/{}/margin", market.market_id);
    let first = trader.post(&path, "one", &margin("PROPORTIONAL", 2_500)).await;
    assert_eq!(first.expect(200)["version"], 2);
    assert_eq!(desk.board(&market).await, ["2.40"; 3]);
    let again = desk.trader.post(&path, "one", &margin("PROPORTIONAL", 2_500)).await;
    assert!((again.status, &again.text) == (200, &first.text) && again.is_replay(), "{again:?}");
    desk.trader.post(&path, "one", &margin("POWER", 2_500)).await.problem(422, "IDEMPOTENCY_MISMATCH");
    assert_eq!(desk.publish(&three()).await.snapshot.version, 2, "and to the one that did");
    second.stop().await;
    desk.end().await;
}

#[tokio::test]
async fn a_margin_that_nobody_means_is_refused() {
    let desk = Desk::new().await;
    let market = desk.publish(&even("e", "m")).await;
    for (method, bps) in [
        ("POWER", json!(5_001)),
        ("POWER", json!(-1)),
        ("POWER", json!(4.5)),
        ("POWER", json!("400")),
        ("POWER", Value::Null),
        ("SHIN", json!(400)),
    ] {
        let body = json!({"method": method, "margin_bps": bps, "reason": "x"});
        let problem = desk.post(&market, "margin", &body).await.problem(400, "INVALID_BODY");
        let pointer = if method == "SHIN" { "/method" } else { "/margin_bps" };
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    desk.post(&market, "margin", &json!({"method": "POWER", "reason": "x"}))
        .await
        .problem(400, "INVALID_BODY");
    // So large that no price is left on the ladder: it is not on sale.
    let all = desk.publish(&match_odds("e", "m2", &[(11, 10), (20, 1)])).await;
    let set = desk.post(&all, "margin", &margin("PROPORTIONAL", 5_000)).await.expect(200);
    assert_eq!(set["status"], "SUSPENDED");
    let mut closed = even("e", "m");
    closed.status = SourceStatus::Closed;
    desk.publish(&closed).await;
    for act in ["margin", "margin/release"] {
        let body = if act == "margin" { margin("POWER", 1) } else { json!({"reason": "x"}) };
        desk.post(&market, act, &body).await.problem(409, "ILLEGAL_TRANSITION");
        let nowhere = format!("/v1/markets/mkt_1C4KqX7YvQe3Jm9TzR5bNd/{act}");
        desk.trader.post(&nowhere, &desk.key(), &body).await.problem(404, "NOT_FOUND");
    }
    desk.end().await;
}
