//! What people do to markets beside their producers: suspend, resume, close, record a result.

use super::{EVEN, House, T0, keyed, why, with, won_by};
use overround_app::{Error, Freshness, MarketAction, Recorded, SettleMarket};
use overround_domain::betting::{LegResult, RefusalCode};
use overround_domain::ids::{MarketId, OutcomeId};
use overround_domain::markets::MarketStatus;
use overround_domain::odds::Price;
use overround_testkit::{match_odds, until};
use std::collections::BTreeMap;

#[tokio::test]
async fn a_trader_s_suspension_outlives_the_feed_s_open() {
    let house = House::new().await;
    let source = match_odds("e", "1.1", &EVEN);
    let market = house.hear(0, &source).await.market_id;
    let suspended = house.app.suspend(market, "trader", keyed("s", 1), why()).await.unwrap();
    let expected =
        MarketAction { market_id: market, status: MarketStatus::Suspended, version: 2, status_version: 2 };
    assert_eq!((suspended.replayed, &suspended.value), (false, &expected));
    assert_eq!(house.in_redis(market).await.unwrap().status, MarketStatus::Suspended);
    assert_eq!(house.fence(market).await, ("SUSPENDED".to_owned(), 2));

    assert_eq!(house.hear(1, &source).await.status, MarketStatus::Suspended, "the same message again");
    let moved = with(&source, |m| m.outcomes[0].best_back = Some(Price::new(3, 1).unwrap()));
    let published = house.hear(2, &moved).await;
    assert_eq!((published.status, published.version), (MarketStatus::Suspended, Some(3)));
    assert_eq!(house.fence(market).await, ("SUSPENDED".to_owned(), 2), "a price moves no fence");

    let resumed = house.app.resume(market, "trader", keyed("r", 1), why()).await.unwrap();
    assert_eq!((resumed.value.status, resumed.value.version), (MarketStatus::Open, 4));
    assert_eq!(house.hear(3, &moved).await.status, MarketStatus::Open);
    let closed = house.app.close(market, "trader", keyed("c", 1), why()).await.unwrap();
    assert_eq!(closed.value.status, MarketStatus::Closed);
    assert_eq!(house.hear(4, &source).await.status, MarketStatus::Closed);
    let refused = house.app.resume(market, "trader", keyed("r2", 1), why()).await;
    assert!(matches!(refused, Err(Error::Conflict { code: "ILLEGAL_TRANSITION", .. })), "{refused:?}");
    let said = "SELECT count(*) FROM events.outbox WHERE payload->>'actor' = 'trader' AND payload->>'reason' = 'a test'";
    assert_eq!(house.count(said).await, 6, "each act's version and hold say who and why");
}

#[tokio::test]
async fn an_act_is_done_once_a_key() {
    let house = House::new().await;
    let market = house.hear(0, &match_odds("e", "1.1", &EVEN)).await.market_id;
    let first = house.app.suspend(market, "trader", keyed("k", 1), why()).await.unwrap();
    house.app.resume(market, "trader", keyed("k2", 2), why()).await.unwrap();
    let again = house.app.suspend(market, "trader", keyed("k", 1), why()).await.unwrap();
    assert_eq!((again.replayed, again.value), (true, first.value), "the answer of then");
    assert_eq!(house.fence(market).await, ("OPEN".to_owned(), 3), "and nothing is done again");
    match house.app.resume(market, "trader", keyed("k", 9), why()).await {
        Err(Error::Refused(kept)) => assert_eq!(kept.refusal.code, RefusalCode::IdempotencyMismatch),
        other => panic!("{other:?}"),
    }
    assert!(!house.app.suspend(market, "another", keyed("k", 9), why()).await.unwrap().replayed);
    let nowhere = MarketId::from_uuid(house.clock.id());
    let missing = house.app.suspend(nowhere, "trader", keyed("k3", 1), why()).await;
    assert!(matches!(missing, Err(Error::NotFound { kind: "market", .. })), "{missing:?}");
    let used = "SELECT count(*) FROM wallet.actor_idempotency WHERE key = 'k3'";
    assert_eq!(house.count(used).await, 0, "what is not found keeps no key");
}

#[tokio::test]
async fn a_suspension_waits_for_the_bets_that_hold_the_fence() {
    let house = House::new().await;
    let market = house.hear(0, &match_odds("e", "1.1", &EVEN)).await.market_id;
    let mut placing = house.admin.begin().await.unwrap();
    let held = sqlx::query("SELECT 1 FROM market.fences WHERE market_id = $1 AND cell = 3 FOR SHARE");
    held.bind(market.uuid()).execute(&mut *placing).await.unwrap();
    let app = house.app.clone();
    let suspending = tokio::spawn(async move { app.suspend(market, "trader", keyed("s", 1), why()).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND wait_event_type = 'Lock' AND query LIKE '%market.fences%'";
    until("the suspension waits", async || house.count(waiting).await > 0).await;
    assert!(!suspending.is_finished());
    placing.commit().await.unwrap();
    assert_eq!(suspending.await.unwrap().unwrap().value.status, MarketStatus::Suspended);
}

#[tokio::test]
async fn closing_with_winners_records_the_result_once() {
    let house = House::new().await;
    let source = match_odds("e", "1.1", &EVEN);
    house.hear(0, &source).await;
    let closed = won_by(&source, 1);
    let published = house.hear(1, &closed).await;
    assert_eq!((published.status, &published.result), (MarketStatus::Settled, &Recorded::Recorded));
    assert_eq!(house.fence(published.market_id).await.0, "SETTLED");
    for app in [house.app.clone(), house.another().await] {
        let again = app.publish("test", house.clock.now(), std::slice::from_ref(&closed)).await.unwrap();
        assert_eq!((again[0].version, &again[0].result), (None, &Recorded::None));
    }
    let recorded = "SELECT count(*) FROM market.results r JOIN events.outbox o ON o.type = 'market.settled' \
         AND o.aggregate_id = r.market_id AND (o.payload->>'generation')::int = r.generation \
         AND o.payload->'outcomes' = r.outcomes AND o.aggregate_version = 2 \
         WHERE r.generation = 1 AND r.certainty = 2 AND r.source = 'test'";
    assert_eq!(house.count(recorded).await, 1);
    assert_eq!(house.count("SELECT count(*) FROM market.results").await, 1);
    let won = "SELECT count(*) FROM market.results r, jsonb_each(r.outcomes) e JOIN market.outcomes o \
         ON o.id = e.key::uuid WHERE (e.value->>'won')::boolean = (o.source_key = 'b')";
    assert_eq!(house.count(won).await, 2);
    let reopened = house.hear(2, &source).await;
    assert_eq!((reopened.version, reopened.status), (None, MarketStatus::Settled), "a result is final");
}

#[tokio::test]
async fn what_settles_nothing_by_itself_waits_for_a_person() {
    let house = House::new().await;
    let source = match_odds("e", "1.1", &EVEN);
    let market = house.hear(0, &source).await.market_id;
    let nobody = won_by(&source, 99);
    let published = house.hear(1, &nobody).await;
    assert_eq!(published.status, MarketStatus::Closed);
    assert!(matches!(published.result, Recorded::NeedsManual(_)), "{:?}", published.result);
    assert!(matches!(house.hear(2, &nobody).await.result, Recorded::NeedsManual(_)), "and it still does");

    let outcomes: Vec<OutcomeId> = published.snapshot.prices.keys().copied().collect();
    let settle = |given: &[(OutcomeId, LegResult)]| SettleMarket {
        outcomes: given.iter().cloned().collect::<BTreeMap<_, _>>(),
        reason: Some(why()),
    };
    let stranger = OutcomeId::from_uuid(house.clock.id());
    let (win, lose) = (LegResult::win(), LegResult::lose());
    let wrong = [
        settle(&[]),
        settle(&[(outcomes[0], win.clone())]),
        settle(&[(outcomes[0], win.clone()), (outcomes[1], lose.clone()), (stranger, lose.clone())]),
    ];
    for (index, request) in wrong.into_iter().enumerate() {
        let refused = house.app.record_result(market, "trader", keyed("w", index as u8), request).await;
        assert!(
            matches!(&refused, Err(Error::Invalid { pointer, .. }) if pointer == "/outcomes"),
            "{refused:?}"
        );
    }
    let request = settle(&[(outcomes[0], win), (outcomes[1], lose)]);
    let done = house.app.record_result(market, "trader", keyed("w", 7), request.clone()).await.unwrap();
    assert_eq!(done.value.status, MarketStatus::Settled);
    assert_eq!(house.fence(market).await.0, "SETTLED");
    let again = house.app.record_result(market, "trader", keyed("w2", 7), request).await;
    assert!(matches!(again, Err(Error::Conflict { code: "ILLEGAL_TRANSITION", .. })), "{again:?}");
    let kept = "SELECT count(*) FROM market.results r JOIN events.outbox o ON o.type = 'market.settled' \
         AND o.aggregate_id = r.market_id WHERE r.source = 'trader' AND r.reason = 'a test'";
    assert_eq!(house.count(kept).await, 1);
}

#[tokio::test]
async fn a_trader_does_not_speak_for_the_producer() {
    let house = House::new().await;
    let market = house.hear(0, &match_odds("e", "1.1", &EVEN)).await.market_id;
    house.clock.set(T0.plus_millis(60_000));
    house.app.suspend(market, "trader", keyed("s", 1), why()).await.unwrap();
    house.app.resume(market, "trader", keyed("r", 1), why()).await.unwrap();
    let board = house.app.market(market, None).await.unwrap();
    assert_eq!((board.snapshot.version, board.snapshot.status), (3, MarketStatus::Open));
    assert_eq!((board.age_ms, board.freshness), (Some(60_000), Freshness::Expired), "its prices stay old");
}
