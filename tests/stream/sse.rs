//! The stream as Server-Sent Events, read as a browser reads them.

use super::house::{Client, House, WAIT, source};
use overround_api::{ApiSettings, Role};
use overround_domain::ids::MarketId;
use overround_testkit::{Caller, TestServer, match_odds};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

/// An event as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sent {
    Event { id: Option<String>, data: String },
    Comment(String),
}

/// A reader of events.
pub(super) struct Events {
    answer: Response,
    unread: String,
    /// What it would send as `Last-Event-ID`.
    pub(super) last_id: Option<String>,
}

fn request(server: &TestServer, query: &str, last_id: Option<&str>) -> reqwest::RequestBuilder {
    let caller = server.caller("ann", &[Role::Player]);
    let request = caller.request(Method::GET, &format!("/v1/stream{query}"));
    let request = request.header("Accept", "text/event-stream");
    match last_id {
        Some(id) => request.header("Last-Event-ID", id),
        None => request,
    }
}

impl Events {
    pub(super) async fn open(server: &TestServer, query: &str, last_id: Option<&str>) -> Self {
        let answer = request(server, query, last_id).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Self { answer, unread: String::new(), last_id: last_id.map(str::to_owned) }
    }

    async fn of(house: &House, server: &TestServer) -> Self {
        Self::open(server, &format!("?channels={}", house.channel()), None).await
    }

    /// The next thing that is sent; none at the end.
    async fn sent(&mut self) -> Option<Sent> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let (mut id, mut data, mut comment) = (None, Vec::new(), None);
                for line in block.lines() {
                    match line.split_once(':') {
                        Some(("id", value)) => id = Some(value.trim_start().to_owned()),
                        Some(("data", value)) => data.push(value.trim_start()),
                        Some(("", value)) => comment = Some(value.trim_start().to_owned()),
                        Some(("retry", value)) => assert!(value.trim().parse::<u32>().is_ok()),
                        _ => panic!("no line of an event: {line:?}"),
                    }
                }
                let data = data.join("\n");
                self.unread = rest.to_owned();
                match comment {
                    Some(comment) => return Some(Sent::Comment(comment)),
                    None if data.is_empty() => continue,
                    None => {
                        if id.is_some() {
                            self.last_id.clone_from(&id);
                        }
                        return Some(Sent::Event { id, data });
                    }
                }
            }
            let chunk = timeout(WAIT, self.answer.chunk()).await.expect("something in time").unwrap()?;
            self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event's data, as text and as JSON.
    pub(super) async fn next(&mut self) -> (String, Value) {
        loop {
            if let Sent::Event { data, .. } = self.sent().await.expect("it goes on") {
                let json = serde_json::from_str(&data).unwrap();
                return (data, json);
            }
        }
    }

    /// The versions that follow, until each market was seen at its seq.
    async fn up_to(&mut self, mut ends: Vec<(String, i64)>) -> Vec<String> {
        let mut texts = Vec::new();
        while !ends.is_empty() {
            let (text, frame) = self.next().await;
            texts.push(text);
            ends.retain(|(channel, seq)| frame["channel"] != *channel || frame["seq"] != *seq);
        }
        texts
    }
}

#[tokio::test]
async fn events_are_the_frames_of_the_socket_byte_for_byte() {
    let house = House::new().await;
    let mut socket = Client::connect(&house.first).await;
    socket.follow(&house, None).await;
    let mut events = Events::of(&house, &house.second).await;
    assert_eq!(events.next().await.0, socket.next().await.0);
    house.move_prices(1..20).await;
    assert_eq!(events.up_to(vec![(house.channel(), 20)]).await, socket.up_to(20).await);
}

#[tokio::test]
async fn a_reader_of_events_goes_on_from_its_last_id() {
    let house = House::new().await;
    let other = match_odds("f", "other", &[(2, 1), (2, 1)]);
    let other = house.first.app().publish("test", house.clock.now(), &[other]).await.unwrap()[0].market_id;
    let other = format!("markets:{other}");
    let query = format!("?channels={},{other}", house.channel());
    let mut steady = Events::open(&house.first, &query, None).await;
    let mut cut = Events::open(&house.first, &query, None).await;
    let moves = async |versions: std::ops::Range<u32>| {
        for version in versions {
            let mut second = source(version);
            (second.event.key, second.key) = ("f".to_owned(), "other".to_owned());
            let now = house.clock.now();
            house.first.app().publish("test", now, &[source(version), second]).await.unwrap();
        }
    };
    let ends = |seq: i64| vec![(house.channel(), seq), (other.clone(), seq)];
    moves(1..10).await;
    let mut seen = cut.up_to(ends(10)).await;
    let last_id = cut.last_id.clone().unwrap();
    drop(cut);
    moves(10..60).await;
    // It comes back to the other process, which has followed nothing yet.
    let mut back = Events::open(&house.second, &query, Some(&last_id)).await;
    moves(60..70).await;
    seen.extend(back.up_to(ends(70)).await);
    let of = |texts: &[String], channel: &str| -> Vec<String> {
        texts.iter().filter(|text| text.contains(channel)).cloned().collect()
    };
    let never_cut = steady.up_to(ends(70)).await;
    for channel in [&house.channel(), &other] {
        assert_eq!(of(&seen, channel), of(&never_cut, channel), "the same places and the same bytes");
        assert_eq!(of(&seen, channel).len(), 70);
    }
}

#[tokio::test]
async fn past_what_is_kept_events_begin_again_too() {
    let house = House::new().await;
    let mut events = Events::of(&house, &house.first).await;
    events.next().await;
    let last_id = events.last_id.clone();
    house.move_prices(1..150).await;
    let query = format!("?channels={}", house.channel());
    let mut back = Events::open(&house.second, &query, last_id.as_deref()).await;
    let (_, reset) = back.next().await;
    assert_eq!((&reset["type"], &reset["seq"]), (&json!("reset"), &json!(150)));
}

#[tokio::test]
async fn notices_have_no_id_and_silence_is_a_comment() {
    let house = House::new().await;
    let presence = format!("events:{}", house.event);
    let query = format!("?channels={},{presence}&heartbeat_ms=1000", house.channel());
    let mut events = Events::open(&house.first, &query, None).await;
    let (mut ids, mut channels) = (Vec::new(), Vec::new());
    while channels.len() < 3 {
        if let Some(Sent::Event { id, data }) = events.sent().await {
            ids.push(id.is_some());
            channels.push(serde_json::from_str::<Value>(&data).unwrap()["type"].clone());
        }
    }
    let mut told: Vec<_> = channels.iter().zip(ids).collect();
    told.sort_by_key(|(kind, _)| kind.to_string());
    assert_eq!(told, [(&json!("presence"), false), (&json!("snapshot"), true), (&json!("snapshot"), true)]);
    assert_eq!(events.sent().await, Some(Sent::Comment(String::new())));
}

#[tokio::test]
async fn what_cannot_be_followed_is_a_problem_before_anything_is_sent() {
    let api = ApiSettings { stream_connections_per_user_max: 2, ..ApiSettings::default() };
    let house = House::with(api).await;
    let channel = house.channel();
    let missing = format!("markets:{}", MarketId::from_uuid(Uuid::now_v7()));
    let many = vec![channel.as_str(); 51].join(",");
    let cases = [
        ("".to_owned(), None, 400, "INVALID_QUERY"),
        ("?channels=".to_owned(), None, 400, "INVALID_QUERY"),
        ("?channels=weather".to_owned(), None, 400, "INVALID_QUERY"),
        (format!("?channels={many}"), None, 400, "INVALID_QUERY"),
        (format!("?channels={channel},{channel}"), None, 400, "INVALID_QUERY"),
        (format!("?channels={channel}"), Some("what"), 400, "INVALID_QUERY"),
        (format!("?channels={channel},{missing}"), None, 404, "NOT_FOUND"),
    ];
    for (query, id, status, code) in cases {
        Caller::send(request(&house.first, &query, id)).await.problem(status, code);
    }
    let ann = house.first.caller("ann", &[Role::Player]);
    ann.get(&format!("/v1/stream?channels={channel}")).await.problem(426, "UPGRADE_REQUIRED");
    // A user's streams are counted together, and what was refused above is none of them.
    let _events = Events::of(&house, &house.first).await;
    let _socket = Client::connect(&house.first).await;
    let query = format!("?channels={channel}");
    Caller::send(request(&house.first, &query, None)).await.problem(429, "TOO_MANY_CONNECTIONS");
}

#[tokio::test]
async fn a_server_that_ends_says_so_to_readers_of_events() {
    let house = House::new().await;
    let mut events = Events::of(&house, &house.first).await;
    events.next().await;
    let stopping = tokio::spawn(house.first.stop());
    let Some(Sent::Comment(why)) = events.sent().await else { panic!("no word of the end") };
    assert!(why.starts_with("the server ends"), "{why}");
    assert_eq!(events.sent().await, None);
    timeout(WAIT, stopping).await.expect("it waits for nobody").unwrap();
}
