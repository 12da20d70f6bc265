//! The stream over HTTP: a stock WebSocket client follows markets, is cut off, and goes on.

mod accounts;
mod bank;
mod events;
mod house;
mod presence;
mod sse;

use futures::SinkExt;
use house::{Client, House, T0, WAIT, source};
use overround_api::{ApiSettings, Role};
use overround_app::{Delivery, FrameKind, Freshness, Keyed, Subscribed};
use overround_domain::ids::MarketId;
use overround_testkit::{RedisPlace, match_odds, on_every_redis};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};

on_every_redis!(
    a_reader_gets_a_snapshot_and_then_every_version_in_order,
    a_reader_who_was_cut_off_goes_on_as_if_it_had_not_been,
    past_what_is_kept_a_reader_begins_again_at_the_same_state,
    after_redis_lost_everything_versions_still_only_rise,
    a_market_that_redis_does_not_hold_is_shown_and_not_for_sale,
    a_market_that_cannot_be_read_spoils_no_other,
    readers_are_told_when_prices_are_too_old_and_when_they_are_not,
);

async fn a_reader_gets_a_snapshot_and_then_every_version_in_order(redis: RedisPlace) {
    let house = House::on(redis).await;
    let mut client = Client::connect(&house.second).await;
    client.follow(&house, None).await;
    let (_, snapshot) = client.next().await;
    assert_eq!((&snapshot["type"], &snapshot["seq"]), (&json!("snapshot"), &json!(1)));
    assert_eq!(snapshot["data"]["status"], "OPEN");
    assert_eq!(snapshot["data"]["outcomes"].as_array().unwrap().len(), 2);
    house.move_prices(1..20).await;
    for seq in 2..=20 {
        let (_, frame) = client.next().await;
        assert_eq!((&frame["type"], &frame["seq"]), (&json!("update"), &json!(seq)));
        assert_eq!((&frame["epoch"], &frame["data"]["version"]), (&snapshot["epoch"], &json!(seq)));
        assert_eq!(frame["channel"], house.channel());
    }
}

async fn a_reader_who_was_cut_off_goes_on_as_if_it_had_not_been(redis: RedisPlace) {
    let house = House::on(redis).await;
    let (mut steady, mut cut) = (Client::connect(&house.first).await, Client::connect(&house.first).await);
    steady.follow(&house, None).await;
    cut.follow(&house, None).await;
    let mut seen = vec![cut.next().await.0];
    house.move_prices(1..10).await;
    seen.extend(cut.up_to(10).await);
    drop(cut);
    house.move_prices(10..60).await;
    // It comes back to the other process, which has followed nothing yet.
    let mut back = Client::connect(&house.second).await;
    let last: Value = serde_json::from_str(seen.last().unwrap()).unwrap();
    back.follow(&house, Some(&last)).await;
    house.move_prices(60..80).await;
    seen.extend(back.up_to(80).await);
    assert_eq!(seen, steady.up_to(80).await, "the same places and the same bytes");
}

async fn past_what_is_kept_a_reader_begins_again_at_the_same_state(redis: RedisPlace) {
    let house = House::on(redis).await;
    let (mut steady, mut cut) = (Client::connect(&house.first).await, Client::connect(&house.first).await);
    steady.follow(&house, None).await;
    cut.follow(&house, None).await;
    let (_, last) = cut.next().await;
    drop(cut);
    house.move_prices(1..150).await;
    let mut back = Client::connect(&house.second).await;
    back.follow(&house, Some(&last)).await;
    let (_, reset) = back.next().await;
    assert_eq!((&reset["type"], &reset["seq"]), (&json!("reset"), &json!(150)));
    let steady_last = steady.up_to(150).await.pop().unwrap();
    let steady_last: Value = serde_json::from_str(&steady_last).unwrap();
    assert_eq!(reset["data"], steady_last["data"]);
    house.move_prices(150..151).await;
    assert_eq!(back.up_to(151).await, steady.up_to(151).await, "and then on like the others");
}

async fn after_redis_lost_everything_versions_still_only_rise(redis: RedisPlace) {
    let house = House::on(redis).await;
    let mut client = Client::connect(&house.second).await;
    client.follow(&house, None).await;
    house.move_prices(1..5).await;
    let before = client.up_to(5).await.pop().unwrap();
    let before: Value = serde_json::from_str(&before).unwrap();
    house.flush().await;
    house.move_prices(5..8).await;
    let frames = client.up_to(8).await;
    let frames: Vec<Value> = frames.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let places: Vec<_> = frames.iter().filter(|frame| frame["data"]["version"].is_i64()).collect();
    assert_eq!(places[0]["type"], "reset", "what came before cannot be continued");
    assert_ne!(places[0]["epoch"], before["epoch"]);
    let seqs: Vec<i64> = places.iter().map(|frame| frame["seq"].as_i64().unwrap()).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b) && seqs[0] > 5, "{seqs:?}");
}

/// A market that is over, say: its snapshot ran out long ago, and nobody renews it.
async fn a_market_that_redis_does_not_hold_is_shown_and_not_for_sale(redis: RedisPlace) {
    let house = House::on(redis).await;
    house.move_prices(1..4).await;
    house.flush().await;
    let mut client = Client::connect(&house.second).await;
    client.follow(&house, None).await;
    let (_, snapshot) = client.next().await;
    assert_eq!((&snapshot["type"], &snapshot["seq"]), (&json!("snapshot"), &json!(4)));
    let (_, stale) = client.next().await;
    assert_eq!((&stale["type"], &stale["data"]["confirmed_at"]), (&json!("stale"), &Value::Null));
    let board = house.second.app().market(house.market, None).await.unwrap();
    assert_eq!((board.snapshot.version, board.freshness), (4, Freshness::Expired));
    // Its producer's word puts it on sale again, in the epoch that was begun.
    house.first.app().renew("test", house.clock.now()).await.unwrap();
    assert_eq!(client.next().await.1["type"], "fresh");
    house.move_prices(4..5).await;
    let (_, update) = client.next().await;
    assert_eq!((&update["epoch"], &update["seq"]), (&snapshot["epoch"], &json!(5)));
}

/// One that cannot be read keeps readers from no other.
async fn a_market_that_cannot_be_read_spoils_no_other(redis: RedisPlace) {
    let house = House::on(redis).await;
    let bad = match_odds("f", "bad", &[(2, 1), (2, 1)]);
    let bad = house.first.app().publish("test", house.clock.now(), &[bad]).await.unwrap().remove(0).market_id;
    let (mut redis, stream) = (house.redis.clone(), format!("markets:{{{bad}}}:stream"));
    let _: i64 = redis.command(&["DEL", &stream]).await;
    let _: () = redis.command(&["SET", &stream, "a text"]).await;
    let mut client = Client::connect(&house.second).await;
    client.say(&json!({"subscribe": [{"channel": format!("markets:{bad}")}]})).await;
    assert_eq!(client.next().await.1["type"], "subscribed");
    client.follow(&house, None).await;
    assert_eq!(client.next().await.1["type"], "snapshot");
    house.move_prices(1..3).await;
    client.up_to(3).await;
}

#[tokio::test]
async fn a_trader_s_act_reaches_the_readers() {
    let house = House::new().await;
    let mut client = Client::connect(&house.second).await;
    client.follow(&house, None).await;
    client.next().await;
    let keyed = Keyed {
        key: "k".to_owned(),
        request_hash: [0; 32],
        trace_id: "t".to_owned(),
        deadline: Instant::now() + WAIT,
    };
    house.first.app().suspend(house.market, "trader", keyed, "why".to_owned()).await.unwrap();
    let (_, frame) = client.next().await;
    assert_eq!((&frame["seq"], &frame["data"]["status"]), (&json!(2), &json!("SUSPENDED")));
}

async fn readers_are_told_when_prices_are_too_old_and_when_they_are_not(redis: RedisPlace) {
    let house = House::on(redis).await;
    let mut client = Client::connect(&house.second).await;
    client.follow(&house, None).await;
    client.next().await;
    house.clock.set(T0.plus_millis(60_000));
    let (_, stale) = client.next().await;
    assert_eq!((&stale["type"], &stale["seq"]), (&json!("stale"), &json!(1)));
    house.first.app().renew("test", house.clock.now()).await.unwrap();
    let (_, fresh) = client.next().await;
    assert_eq!((&fresh["type"], &fresh["seq"]), (&json!("fresh"), &json!(1)));
}

#[tokio::test]
async fn a_slow_reader_misses_prices_and_no_status() {
    let house = House::new().await;
    let mut reader = house.second.app().reader();
    assert_eq!(reader.subscribe(house.market, None), Subscribed::Now);
    assert_eq!(reader.subscribe(house.market, None), Subscribed::Already);
    let mut first = Vec::new();
    while first.is_empty() {
        timeout(WAIT, reader.arrived()).await.unwrap();
        first = reader.take(true).unwrap_or_default();
    }
    assert!(matches!(&first[..], [Delivery::Frame(FrameKind::Snapshot, _)]), "{first:?}");
    house.move_prices(1..30).await;
    let mut suspended = source(30);
    suspended.status = overround_domain::markets::SourceStatus::Suspended;
    house.first.app().publish("test", house.clock.now(), &[suspended]).await.unwrap();
    house.move_prices(31..60).await;
    let (mut seqs, mut passed_over, mut statuses) = (vec![1], 0, Vec::new());
    while *seqs.last().unwrap() < 60 {
        timeout(WAIT, reader.arrived()).await.unwrap();
        for delivery in std::iter::from_fn(|| reader.take(true)).flatten() {
            match delivery {
                Delivery::Frame(FrameKind::Update, frame) => {
                    seqs.push(frame.position.seq);
                    statuses.push(frame.snapshot.status.as_str());
                }
                Delivery::Conflated { frames, .. } => passed_over += frames,
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    assert_eq!(seqs.len() + passed_over, 60, "what is not sent is counted");
    assert!(statuses.contains(&"SUSPENDED"), "{statuses:?}");
}

#[tokio::test]
async fn bad_input_is_refused_with_its_reason() {
    let house = House::with(ApiSettings { stream_subscriptions_max: 1, ..ApiSettings::default() }).await;
    let mut client = Client::connect(&house.first).await;
    let unknown = format!("markets:{}", MarketId::from_uuid(uuid::Uuid::now_v7()));
    let cases = [
        (json!({"subscribe": [{"channel": "weather"}]}), "INVALID_CHANNEL"),
        (json!({"subscribe": [{"channel": "markets:bet_1"}]}), "INVALID_CHANNEL"),
        (json!({"subscribe": [{"channel": unknown}]}), "NOT_FOUND"),
        (json!({"subscribe": [{"channel": house.channel(), "epoch": "a"}]}), "INVALID_PLACE"),
        (json!({"subscribe": [{"channel": house.channel(), "epoch": "a", "seq": 0}]}), "INVALID_PLACE"),
        (json!({"unsubscribe": [house.channel()]}), "NOT_SUBSCRIBED"),
        (json!({"unsubscribe": ["markets:"]}), "INVALID_CHANNEL"),
    ];
    for (message, code) in cases {
        client.say(&message).await;
        let (_, frame) = client.next().await;
        assert_eq!((&frame["type"], &frame["data"]["code"]), (&json!("error"), &json!(code)), "{message}");
    }
    client.follow(&house, None).await;
    client.next().await;
    client.say(&json!({"subscribe": [{"channel": house.channel()}]})).await;
    assert_eq!(client.next().await.1["data"]["code"], "TOO_MANY_SUBSCRIPTIONS");
    client.say(&json!({"unsubscribe": [house.channel()]})).await;
    assert_eq!(client.next().await.1["type"], "unsubscribed");
    for message in ["no JSON", "[]", r#"{"subscribe": 1}"#, r#"{"shout": []}"#] {
        let mut client = Client::connect(&house.first).await;
        client.0.send(Message::text(message)).await.unwrap();
        assert_eq!(client.closed().await.0, 4400, "{message}");
    }
    let mut client = Client::connect(&house.first).await;
    for _ in 0..100 {
        client.0.feed(Message::text("{}")).await.unwrap();
    }
    client.0.flush().await.unwrap();
    assert_eq!(client.closed().await.0, 4429);
    let mut client = Client::connect(&house.first).await;
    client.0.send(Message::text("x".repeat(70_000))).await.unwrap();
    assert_eq!(client.closed().await.0, 1009);
}

#[tokio::test]
async fn a_stream_is_a_websocket_of_somebody_with_few_of_them() {
    let house =
        House::with(ApiSettings { stream_connections_per_user_max: 2, ..ApiSettings::default() }).await;
    let player = house.first.caller("ann", &[Role::Player]);
    player.get("/v1/stream").await.problem(426, "UPGRADE_REQUIRED");
    player.get("/v1/stream?heartbeat_ms=1").await.problem(400, "INVALID_QUERY");
    house.first.anybody().get("/v1/stream").await.problem(401, "UNAUTHENTICATED");
    let open = [Client::connect(&house.first).await, Client::connect(&house.first).await];
    match Client::try_connect(&house.first, "ann", "").await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 429),
        other => panic!("{:?}", other.map(|_| ())),
    }
    assert!(Client::try_connect(&house.first, "bob", "").await.is_ok(), "another user's are their own");
    drop(open);
    let began = Instant::now();
    while Client::try_connect(&house.first, "ann", "").await.is_err() {
        assert!(began.elapsed() < WAIT, "what is closed counts no more");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_server_that_ends_says_so() {
    let house = House::new().await;
    let mut client = Client::connect(&house.first).await;
    client.follow(&house, None).await;
    client.next().await;
    drop(house.first);
    assert_eq!(client.closed().await.0, 1001);
}

#[tokio::test]
async fn a_renewal_overtakes_no_version_that_is_just_published() {
    let house = House::new().await;
    let mut client = Client::connect(&house.second).await;
    client.follow(&house, None).await;
    let (_, first) = client.next().await;
    let published = house.move_prices(1..300);
    let renewed = futures::future::join_all((0..8).map(async |_| {
        loop {
            house.first.app().renew("test", house.clock.now()).await.unwrap();
        }
    }));
    tokio::select! {
        () = published => {}
        _ = renewed => {}
    }
    let last = loop {
        let (_, frame) = client.next().await;
        assert_ne!(frame["type"], "reset", "an epoch ends when a version is overtaken");
        if frame["seq"] == 300 {
            break frame;
        }
    };
    assert_eq!(last["epoch"], first["epoch"]);
}
