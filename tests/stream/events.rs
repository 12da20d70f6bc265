//! What happens to sporting events, as those who follow them are told: all of it, in order, once.

use super::house::{Client, House, T0, WAIT};
use super::sse::Events;
use overround_api::Role;
use overround_app::{Chronicle, Delivery, FrameKind, Reader, Subscribed};
use overround_domain::ids::MarketId;
use overround_domain::markets::SourceMarket;
use overround_testkit::{RedisPlace, TestServer, match_odds, on_every_redis, until_log_is_past};
use serde_json::{Value, json};
use tokio::time::timeout;

on_every_redis!(
    a_reader_gets_the_event_as_it_stands_and_then_all_that_happens_to_it,
    a_reader_who_was_cut_off_goes_on_as_if_it_had_not_been,
    after_redis_lost_everything_the_event_is_shown_as_it_stands,
);

/// A market of the event, or of another one, under another name.
fn called(event: &str, name: &str, market: &str) -> SourceMarket {
    let mut source = match_odds(event, market, &[(2, 1), (2, 1)]);
    source.event.name = name.to_owned();
    source.event.starts_at = Some(T0);
    source
}

impl House {
    fn event_channel(&self) -> String {
        format!("events:{}", self.event)
    }

    /// Publishes a market by one of the processes, and has all told that happened.
    async fn tells(&self, source: &SourceMarket) -> MarketId {
        let published =
            self.first.app().publish("test", self.clock.now(), std::slice::from_ref(source)).await;
        self.tell().await;
        published.unwrap().remove(0).market_id
    }

    async fn tell(&self) {
        until_log_is_past(&self.db.admin().await).await;
        self.second.app().tell_chronicles().await.unwrap();
    }

    async fn event_reader(&self, server: &TestServer, from: Option<&Value>) -> Client {
        // What happened before is nothing to who comes later.
        self.tell().await;
        let mut client = Client::connect(server).await;
        client.follow_channel(&self.event_channel(), from).await;
        client
    }

    async fn event_standing(&self) -> Value {
        let path = format!("/v1/events/{}", self.event);
        self.first.caller("ann", &[Role::Player]).get(&path).await.expect(200)
    }
}

impl Client {
    /// The next frame that is not of those who are present.
    async fn of_event(&mut self) -> (String, Value) {
        loop {
            let (text, frame) = self.next().await;
            if frame["type"] != "presence" {
                return (text, frame);
            }
        }
    }
}

async fn a_reader_gets_the_event_as_it_stands_and_then_all_that_happens_to_it(redis: RedisPlace) {
    let house = House::on(redis).await;
    let mut client = house.event_reader(&house.first, None).await;
    let (_, snapshot) = client.of_event().await;
    assert_eq!(
        (&snapshot["type"], &snapshot["channel"]),
        (&json!("snapshot"), &json!(house.event_channel()))
    );
    assert_eq!((&snapshot["data"], &snapshot["data"]["version"]), (&house.event_standing().await, &json!(1)));

    let total = house.tells(&called("e", "Ann v Bob", "total")).await;
    house.tells(&called("another", "Carl v Dan", "other")).await;
    let trader = house.first.caller("trader", &[Role::Trader]);
    let market = house.first.app().market(total, None).await.unwrap();
    let outcomes: Vec<Value> = (market.snapshot.prices.keys().zip(["WON", "VOID"]))
        .map(|(outcome, result)| json!({"outcome_id": outcome, "result": result}))
        .collect();
    let body = json!({"outcomes": outcomes, "reason": "a secret"});
    trader.post(&format!("/v1/markets/{total}/settle"), "settle", &body).await.expect(200);
    house.tell().await;

    let mut expected = vec![
        (
            "event.changed",
            json!({"event_id": house.event, "version": 2, "name": "Ann v Bob", "sport": "tennis",
            "starts_at": T0.to_string()}),
        ),
        (
            "market.opened",
            json!({"event_id": house.event, "market_id": total, "market_type": market.market.market_type,
            "name": market.market.name}),
        ),
        (
            "market.settled",
            json!({"event_id": house.event, "market_id": total, "generation": 1, "certainty": 2,
            "outcomes": outcomes}),
        ),
    ];
    // Who comes later begins after it.
    let mut late = house.event_reader(&house.second, None).await;
    assert_eq!(late.of_event().await.1["data"], house.event_standing().await);
    house.tells(&called("e", "Ann v Eve", "m")).await;
    expected.push((
        "event.changed",
        json!({"event_id": house.event, "version": 3, "name": "Ann v Eve", "sport": "tennis",
        "starts_at": T0.to_string()}),
    ));
    let mut seq = snapshot["seq"].as_i64().unwrap();
    let mut last = String::new();
    for (kind, mut data) in expected {
        let (text, mut frame) = client.of_event().await;
        seq += 1;
        assert_eq!(
            (&frame["type"], &frame["seq"], &frame["epoch"]),
            (&json!(kind), &json!(seq), &snapshot["epoch"])
        );
        // Results stand in the order of the outcomes' ids.
        let by_text = |one: &mut Value| {
            if let Some(outcomes) = one["outcomes"].as_array_mut() {
                outcomes.sort_by_key(|outcome| outcome["outcome_id"].to_string());
            }
        };
        by_text(&mut frame["data"]);
        by_text(&mut data);
        assert_eq!(frame["data"], data);
        assert!(frame["time"].is_string() && !text.contains("secret") && !text.contains("trader"), "{text}");
        last = text;
    }
    assert_eq!(late.of_event().await.0, last, "the same bytes from the other process");
}

async fn a_reader_who_was_cut_off_goes_on_as_if_it_had_not_been(redis: RedisPlace) {
    let house = House::on(redis).await;
    let mut steady = house.event_reader(&house.first, None).await;
    let mut cut = house.event_reader(&house.first, None).await;
    let (text, last) = cut.of_event().await;
    assert_eq!(steady.of_event().await.0, text);
    drop(cut);
    for number in 0..10 {
        house.tells(&called("e", &format!("Name {number}"), &format!("m{number}"))).await;
    }
    let mut back = house.event_reader(&house.second, Some(&last)).await;
    for _ in 0..20 {
        assert_eq!(back.of_event().await.0, steady.of_event().await.0);
    }
}

/// Hundreds of markets may come at once; whoever misses some of them is told so, and keeps its connection.
#[tokio::test]
async fn who_is_too_slow_for_an_event_sees_it_as_it_stands() {
    let house = House::new().await;
    house.tell().await;
    let chronicle = Chronicle::Event(house.event);
    let mut reader = house.second.app().reader();
    assert_eq!(reader.follow(chronicle, None, None), Subscribed::Now);
    let kinds = async |reader: &mut Reader| {
        let mut kinds = Vec::new();
        while kinds.is_empty() {
            timeout(WAIT, reader.arrived()).await.unwrap();
            while let Some(told) = reader.take(true) {
                kinds.extend(told.into_iter().filter_map(|one| match one {
                    Delivery::Chronicle(kind, frame) => Some((kind, frame.position.seq)),
                    Delivery::Presence { .. } => None,
                    other => panic!("{other:?}"),
                }));
            }
        }
        kinds
    };
    let [(FrameKind::Snapshot, first)] = kinds(&mut reader).await[..] else { panic!("no snapshot") };
    let many = chronicle.kept() + 1;
    let markets: Vec<SourceMarket> =
        (0..many).map(|number| match_odds("e", &format!("m{number}"), &[(2, 1), (2, 1)])).collect();
    house.first.app().publish("test", house.clock.now(), &markets).await.unwrap();
    let mut steady = house.event_reader(&house.second, None).await;
    let last = first + i64::try_from(many).unwrap();
    while steady.of_event().await.1["seq"] != last {}
    // What was read for the other reader may be a little older, and is followed by the rest.
    let told = kinds(&mut reader).await;
    let [(FrameKind::Reset, shown), rest @ ..] = &told[..] else { panic!("{told:?}") };
    assert_eq!(rest, (shown + 1..=last).map(|seq| (FrameKind::Update, seq)).collect::<Vec<_>>());
}

#[tokio::test]
async fn server_sent_events_go_on_from_their_id_and_who_left_comes_back() {
    let house = House::new().await;
    let mut socket = house.event_reader(&house.first, None).await;
    let query = format!("?channels={}", house.event_channel());
    let mut events = Events::open(&house.second, &query, None).await;
    let of_event = async |events: &mut Events| loop {
        let (text, frame) = events.next().await;
        if frame["type"] != "presence" {
            return text;
        }
    };
    let (snapshot, _) = socket.of_event().await;
    let first: Value = serde_json::from_str(&of_event(&mut events).await).unwrap();
    assert_eq!(first["type"], "snapshot");
    let last_id = events.last_id.clone();
    drop(events);
    house.tells(&called("e", "Ann v Bob", "m")).await;
    let mut events = Events::open(&house.second, &query, last_id.as_deref()).await;
    assert_eq!(of_event(&mut events).await, socket.of_event().await.0);

    socket.say(&json!({"unsubscribe": [house.event_channel()]})).await;
    assert_eq!(socket.of_event().await.1["type"], "unsubscribed");
    let from: Value = serde_json::from_str(&snapshot).unwrap();
    socket.follow_channel(&house.event_channel(), Some(&from)).await;
    let mut kinds = [socket.next().await.1["type"].clone(), socket.next().await.1["type"].clone()];
    kinds.sort_by_key(ToString::to_string);
    assert_eq!(kinds, ["event.changed", "presence"]);
}

async fn after_redis_lost_everything_the_event_is_shown_as_it_stands(redis: RedisPlace) {
    let house = House::on(redis).await;
    let mut client = house.event_reader(&house.first, None).await;
    let (_, snapshot) = client.of_event().await;
    house.flush().await;
    house.tells(&called("e", "Ann v Bob", "m")).await;
    let (_, reset) = client.of_event().await;
    assert_eq!((&reset["type"], &reset["data"]), (&json!("reset"), &house.event_standing().await));
    assert_ne!(reset["epoch"], snapshot["epoch"]);
    assert_eq!(reset["data"]["name"], "Ann v Bob");
}
