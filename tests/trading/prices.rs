//! Margins, and prices by hand.

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

/// Prices by hand, of the outcomes in these places.
fn prices(of: &Published, prices: &[(usize, u32, u32)]) -> Value {
    let outcomes: Vec<_> = of.outcomes.keys().collect();
    let named: Vec<Value> = prices
        .iter()
        .map(|(place, num, den)| json!({"outcome_id": outcomes[*place].to_string(), "price": {"num": num, "den": den}}))
        .collect();
    json!({"outcomes": named, "reason": "for a test"})
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

#[tokio::test]
async fn a_price_by_hand_stands_until_it_is_released() {
    let desk = Desk::new().await;
    let market = desk.publish(&three()).await;
    let set = desk.post(&market, "prices", &prices(&market, &[(1, 5, 1)])).await.expect(200);
    assert_eq!((&set["version"], &set["status_version"]), (&json!(2), &json!(1)), "prices move no fence");
    assert_eq!(desk.board(&market).await, ["2.88", "5.00", "2.88"], "above the source's");
    let taken = desk.bet(&market, 1).await.problem(422, "PRICE_CHANGED");
    assert_eq!(taken["current_price"], json!({"num": 5, "den": 1}));
    let now = desk.publish(&match_odds("e", "m", &[(2, 1), (4, 1), (4, 1)])).await;
    assert_eq!(desk.board(&market).await, ["1.92", "5.00", "3.80"], "the source's others move");
    desk.bet(&now, 1).await.expect(201);
    desk.post(&market, "margin", &margin("PROPORTIONAL", 0)).await.expect(200);
    assert_eq!(desk.board(&market).await, ["2.00", "5.00", "4.00"]);
    desk.post(&market, "margin/release", &json!({"reason": "back"})).await.expect(200);
    desk.post(&market, "prices", &prices(&market, &[(0, 101, 100), (2, 1000, 1)])).await.expect(200);
    assert_eq!(desk.board(&market).await, ["1.01", "5.00", "1000.00"]);
    let one = json!({"outcomes": [market.outcomes.keys().nth(1).unwrap().to_string()], "reason": "x"});
    desk.post(&market, "prices/release", &one).await.expect(200);
    assert_eq!(desk.board(&market).await, ["1.01", "3.80", "1000.00"], "at the source's last");
    desk.post(&market, "prices/release", &json!({"reason": "all of them"})).await.expect(200);
    assert_eq!(desk.board(&market).await, ["1.92", "3.80", "3.80"]);
    let told = "SELECT count(*) FROM events.outbox o, jsonb_each(o.payload -> 'manual_prices') AS p \
                WHERE o.payload ->> 'act' = 'set_prices' AND o.payload ->> 'actor' LIKE 'usr_%' \
                  AND o.payload -> 'prices' -> p.key = p.value";
    assert_eq!(desk.count(told).await, 3, "each with what it was set to");
    desk.end().await;
}

#[tokio::test]
async fn prices_by_hand_put_a_market_on_sale_that_its_source_does_not_price() {
    let desk = Desk::new().await;
    let mut source = even("e", "m");
    source.outcomes[0].best_back = None;
    let market = desk.publish(&source).await;
    assert_eq!(desk.status(&market).await, "SUSPENDED");
    let set = desk.post(&market, "prices", &prices(&market, &[(0, 2, 1), (1, 3, 2)])).await.expect(200);
    assert_eq!((&set["status"], &set["status_version"]), (&json!("OPEN"), &json!(2)));
    let now = desk.publish(&source).await;
    desk.bet(&now, 0).await.expect(201);
    let released = desk.post(&market, "prices/release", &json!({"reason": "x"})).await.expect(200);
    assert_eq!(released["status"], "SUSPENDED");
    desk.bet(&now, 0).await.problem(422, "BETTING_SUSPENDED");
    desk.end().await;
}

#[tokio::test]
async fn a_price_by_hand_is_one_of_the_ladder_and_of_the_market() {
    let desk = Desk::new().await;
    let (market, other) = (desk.publish(&three()).await, desk.publish(&even("e", "other")).await);
    let own = market.outcomes.keys().next().unwrap().to_string();
    let foreign = other.outcomes.keys().next().unwrap().to_string();
    let body =
        |id: &str, price: Value| json!({"outcomes": [{"outcome_id": id, "price": price}], "reason": "x"});
    let fine = json!({"num": 2, "den": 1});
    let bad = [
        body(&own, json!({"num": 0, "den": 1})),
        body(&own, json!({"num": 1, "den": 1})),
        body(&own, json!({"num": 1, "den": 0})),
        body(&own, json!({"num": -2, "den": 1})),
        body(&own, json!({"num": "NaN", "den": 1})),
        body(&own, json!({"num": 2.5, "den": 1})),
        body(&own, json!("2.00")),
        body(&own, json!({"num": 21, "den": 11})),
        body(&own, json!({"num": 203, "den": 100})),
        body(&own, json!({"num": 1001, "den": 1})),
        body(&own, json!({"num": 1_000_001, "den": 1})),
        body(&own, json!({"num": 2, "den": 1, "line": "0.5"})),
        body(&foreign, fine.clone()),
        body("out_1C4KqX7YvQe3Jm9TzR5bNd", fine.clone()),
        body(&market.market_id.to_string(), fine.clone()),
        json!({"outcomes": [], "reason": "x"}),
        json!({"reason": "x"}),
        json!({"outcomes": [{"outcome_id": own, "price": fine}, {"outcome_id": own, "price": fine}], "reason": "x"}),
    ];
    for body in bad {
        let problem = desk.post(&market, "prices", &body).await.problem(400, "INVALID_BODY");
        let pointer = problem["errors"][0]["pointer"].as_str().unwrap();
        assert!(pointer.starts_with("/outcomes"), "{body}: {problem}");
    }
    for outcomes in [json!([]), json!([foreign]), json!(null), json!("all")] {
        let body = json!({"outcomes": outcomes, "reason": "x"});
        desk.post(&market, "prices/release", &body).await.problem(400, "INVALID_BODY");
    }
    let nowhere = "/v1/markets/mkt_1C4KqX7YvQe3Jm9TzR5bNd/prices";
    desk.trader.post(nowhere, "n", &body(&own, fine.clone())).await.problem(404, "NOT_FOUND");
    assert_eq!(desk.publish(&three()).await.snapshot.version, 1, "nothing was changed");
    // Removed runners have no price, and markets that are over no new ones.
    desk.publish(&match_odds("e", "m", &[(3, 1), (3, 1)])).await;
    let removed = market.outcomes.iter().find(|(_, key)| *key == "c").unwrap().0.to_string();
    desk.post(&market, "prices", &body(&removed, fine.clone())).await.problem(400, "INVALID_BODY");
    desk.act(&format!("/v1/markets/{}/close", market.market_id)).await.expect(200);
    desk.post(&market, "prices", &body(&own, fine)).await.problem(409, "ILLEGAL_TRANSITION");
    desk.post(&market, "prices/release", &json!({"reason": "x"})).await.problem(409, "ILLEGAL_TRANSITION");
    desk.end().await;
}

#[tokio::test]
async fn an_act_on_outcomes_is_answered_by_its_key_also_after_they_were_removed() {
    let desk = Desk::new().await;
    let market = desk.publish(&three()).await;
    let path = |act: &str| format!("/v1/markets/{}/{act}", market.market_id);
    let removed = market.outcomes.iter().position(|(_, key)| key == "c").unwrap();
    let kept = market.outcomes.iter().position(|(_, key)| key == "a").unwrap();
    let named =
        json!({"outcomes": [market.outcomes.keys().nth(removed).unwrap().to_string()], "reason": "x"});
    let acts = [("set", "prices", prices(&market, &[(removed, 5, 1)])), ("release", "prices/release", named)];
    let mut first = Vec::new();
    for (key, act, body) in &acts {
        let reply = desk.trader.post(&path(act), key, body).await;
        reply.expect(200);
        first.push(reply.text);
    }
    let two = match_odds("e", "m", &[(3, 1), (3, 1)]);
    assert_eq!(desk.publish(&two).await.removed.len(), 1);
    for ((key, act, body), first) in acts.iter().zip(&first) {
        let again = desk.trader.post(&path(act), key, body).await;
        assert!((again.status, &again.text) == (200, first) && again.is_replay(), "{again:?}");
        let mut other = body.clone();
        other["reason"] = json!("another");
        desk.trader.post(&path(act), key, &other).await.problem(422, "IDEMPOTENCY_MISMATCH");
        let problem = desk.trader.post(&path(act), "new", body).await.problem(400, "INVALID_BODY");
        assert_eq!(problem["errors"][0]["pointer"], "/outcomes", "{act}");
    }
    let sound = prices(&market, &[(kept, 5, 1)]);
    desk.trader.post(&path("prices"), "new", &sound).await.expect(200);
    let outcome = market.outcomes.keys().nth(kept).unwrap().to_string();
    let partial = json!({"outcomes": [{"outcome_id": outcome, "result": "WON"}], "reason": "x"});
    desk.trader.post(&path("settle"), "set", &partial).await.problem(422, "IDEMPOTENCY_MISMATCH");
    desk.trader.post(&path("settle"), "settle", &partial).await.problem(400, "INVALID_BODY");
    desk.end().await;
}

#[tokio::test]
async fn prices_by_hand_hold_while_messages_arrive_at_another_process() {
    let desk = Desk::new().await;
    let market = desk.publish(&match_odds("e0", "m0-0", &[(3, 1), (2, 1)])).await;
    let second = super::another(&desk.db, &desk.redis).await;
    let feeding = tokio::spawn(super::feed(second.app().clone(), 0));
    let key = desk.key();
    let body = prices(&market, &[(0, 7, 1)]);
    let path = format!("/v1/markets/{}/prices", market.market_id);
    let set = desk.trader.post(&path, &key, &body).await;
    let version = set.expect(200)["version"].as_i64().unwrap();
    let again = desk.trader.post(&path, &key, &body).await;
    assert!((again.status, &again.text) == (200, &set.text) && again.is_replay(), "{again:?}");
    feeding.await.unwrap();
    let outcome = market.outcomes.keys().next().unwrap().uuid();
    let others: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM market.price_versions WHERE market_id = $1 AND version >= $2 \
         AND prices -> $3 IS DISTINCT FROM '{\"num\": 7, \"den\": 1}'",
    )
    .bind(market.market_id.uuid())
    .bind(version)
    .bind(outcome.to_string())
    .fetch_one(&desk.admin)
    .await
    .unwrap();
    assert_eq!(others, 0, "from version {version} on");
    second.stop().await;
    desk.end().await;
}
