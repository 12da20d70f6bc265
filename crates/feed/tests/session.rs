//! Sessions of the Exchange Stream API, line by line and without any I/O.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a helper of a test fails the test; what was not run is said"
)]

use overround_domain::markets::{SourceMarket, SourceStatus};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use overround_feed::Applied;
use overround_feed::betfair::{
    CONFLATE_MS_MAX, Credentials, Event, Fault, MarketFilter, Output, Prices, Session, Subscription,
    SubscriptionError,
};
use overround_feed::health::{State, Transition};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::PathBuf;

const KEY: &str = "the-app-key";
const TOKEN: &str = "the-session-token";

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn session() -> Session {
    let filter = MarketFilter { market_ids: vec!["1.1".to_owned()], ..MarketFilter::default() };
    let subscription = Subscription::new(filter).with_heartbeat(500).unwrap().with_conflation(50).unwrap();
    Session::new(Credentials::new(KEY, TOKEN), subscription)
}

fn receive(session: &mut Session, line: &str) -> Output {
    session.receive(line.as_bytes(), at(0)).map_err(|fault| format!("{fault}: {line}")).unwrap()
}

fn sent(output: &Output) -> Value {
    let line = output.send.as_ref().unwrap().as_bytes();
    assert!(line.ends_with(b"\r\n") && line.iter().filter(|byte| **byte == b'\n').count() == 1);
    serde_json::from_slice(line).unwrap()
}

/// Connects as far as the subscription. Returns what was sent: the authentication and the subscription.
fn connect(session: &mut Session) -> [Value; 2] {
    session.connected(at(0));
    let first = sent(&receive(session, r#"{"op":"connection","connectionId":"002-1"}"#));
    let second = sent(&receive(session, &success(first.get("id").unwrap())));
    let last = receive(session, &success(second.get("id").unwrap()));
    assert_eq!(last.send, None);
    [first, second]
}

fn success(id: &Value) -> String {
    json!({"op": "status", "id": id, "statusCode": "SUCCESS", "connectionClosed": false}).to_string()
}

fn failure(code: &str, message: &str) -> String {
    json!({"op": "status", "id": 1, "statusCode": "FAILURE", "errorCode": code, "errorMessage": message,
        "connectionClosed": true})
    .to_string()
}

/// A market with a runner at a price.
fn market(id: &str, price: &str) -> String {
    format!(
        r#"{{"id":"{id}","img":true,"marketDefinition":{{"eventId":"9","status":"OPEN","marketType":"MATCH_ODDS","bettingType":"ODDS","runners":[{{"id":5,"status":"ACTIVE"}}]}},"rc":[{{"id":5,"bdatb":[[0,{price},10]]}}]}}"#
    )
}

fn change(ct: &str, clk: &str, markets: &[String]) -> String {
    format!(r#"{{"op":"mcm","id":2,"pt":100,"ct":"{ct}",{clk},"mc":[{}]}}"#, markets.join(","))
}

fn image(markets: &[String]) -> String {
    change("SUB_IMAGE", r#""initialClk":"i1","clk":"c1""#, markets)
}

fn delta(price: &str) -> String {
    format!(r#"{{"id":"1.1","rc":[{{"id":5,"bdatb":[[0,{price},10]]}}]}}"#)
}

fn applied(output: &Output) -> &Applied {
    let applied = output.events.iter().find_map(|event| match event {
        Event::Applied(applied) => Some(applied),
        Event::Health(_) => None,
    });
    applied.unwrap()
}

fn turns(output: &Output) -> Vec<(State, State)> {
    let turn = |event: &Event| match event {
        Event::Health(Transition { from, to, .. }) => Some((*from, *to)),
        Event::Applied(_) => None,
    };
    output.events.iter().filter_map(turn).collect()
}

fn best(market: &SourceMarket) -> Option<Price> {
    market.outcomes.first().unwrap().best_back
}

fn price(num: u32, den: u32) -> Option<Price> {
    Some(Price::new(num, den).unwrap())
}

#[test]
fn a_session_authenticates_and_subscribes() {
    let mut session = session();
    let [authentication, subscription] = connect(&mut session);
    assert_eq!(authentication, json!({"op": "authentication", "id": 1, "appKey": KEY, "session": TOKEN}));
    assert_eq!(
        subscription,
        json!({"op": "marketSubscription", "id": 2, "marketFilter": {"marketIds": ["1.1"]},
            "marketDataFilter": {"fields": ["EX_MARKET_DEF", "EX_BEST_OFFERS_DISP"], "ladderLevels": 1},
            "conflateMs": 50, "heartbeatMs": 500, "segmentationEnabled": true})
    );
    assert_eq!(session.state(), State::Recovering);
    let output = receive(&mut session, &image(&[market("1.1", "2.5")]));
    assert_eq!(turns(&output), [(State::Recovering, State::Up)]);
    assert_eq!(best(&applied(&output).changed[0]), price(5, 2));
}

#[test]
fn subscriptions_are_in_range() {
    let of = || Subscription::new(MarketFilter::default());
    assert_eq!(of().with_conflation(CONFLATE_MS_MAX + 1), Err(SubscriptionError::Conflation));
    assert!(of().with_conflation(CONFLATE_MS_MAX).is_ok());
    for (ms, fits) in [(499, false), (500, true), (5_000, true), (5_001, false)] {
        assert_eq!(of().with_heartbeat(ms).is_ok(), fits, "{ms}");
    }
    for (levels, fits) in [(0, false), (1, true), (10, true), (11, false)] {
        assert_eq!(of().with_prices(Prices::All, levels).is_ok(), fits, "{levels}");
    }
}

#[test]
fn a_cut_stream_is_resumed_from_its_last_whole_message() {
    let mut session = session();
    connect(&mut session);
    receive(&mut session, &image(&[market("1.1", "2.5")]));
    receive(&mut session, &change("HEARTBEAT", r#""clk":"c2""#, &[]));
    // Begun and never ended: its clock does not count.
    let begun = change("X", r#""clk":"c3","segmentType":"SEG_START""#, &[delta("9")]);
    assert!(receive(&mut session, &begun).events.is_empty());
    let down = session.disconnected(at(1));
    let expected = Transition { from: State::Up, to: State::Down, at: at(1) };
    assert_eq!(down, Some(Event::Health(expected)));
    assert_eq!(session.deadline(), None);

    let [_, subscription] = connect(&mut session);
    assert_eq!((&subscription["initialClk"], &subscription["clk"]), (&json!("i1"), &json!("c2")));
    let missed = change("RESUB_DELTA", r#""initialClk":"i2","clk":"c4""#, &[delta("3")]);
    let output = receive(&mut session, &missed);
    assert_eq!(turns(&output), [(State::Recovering, State::Up)]);
    let market = &applied(&output).changed[0];
    assert_eq!((market.status, best(market)), (SourceStatus::Open, price(3, 1)), "the definition is kept");

    session.disconnected(at(2));
    let [_, subscription] = connect(&mut session);
    assert_eq!((&subscription["initialClk"], &subscription["clk"]), (&json!("i2"), &json!("c4")));
}

#[test]
fn an_image_replaces_all_that_was_known() {
    let mut session = session();
    connect(&mut session);
    receive(&mut session, &image(&[market("1.1", "2.5"), market("1.2", "4")]));
    let output = receive(&mut session, &image(&[market("1.1", "3")]));
    assert!(turns(&output).is_empty(), "it may come in mid-subscription");
    let stands: Vec<_> =
        applied(&output).changed.iter().map(|one| (one.key.as_str(), one.status, best(one))).collect();
    assert_eq!(stands, [("1.1", SourceStatus::Open, price(3, 1)), ("1.2", SourceStatus::Suspended, None)]);
    assert_eq!(session.markets().count(), 1);
}

#[test]
fn an_image_in_segments_is_up_only_when_it_is_whole() {
    let mut session = session();
    connect(&mut session);
    let segment = |kind: &str, clk: &str, markets: &[String]| {
        change("SUB_IMAGE", &format!(r#""segmentType":"{kind}"{clk}"#), markets)
    };
    let start = segment("SEG_START", r#","initialClk":"i1""#, &[market("1.1", "2")]);
    assert!(receive(&mut session, &start).events.is_empty());
    let end = segment("SEG_END", r#","clk":"c1""#, &[market("1.2", "3")]);
    let output = receive(&mut session, &end);
    assert_eq!(applied(&output).changed.len(), 2);
    assert_eq!(turns(&output), [(State::Recovering, State::Up)]);
    session.disconnected(at(1));
    let [_, subscription] = connect(&mut session);
    assert_eq!((&subscription["initialClk"], &subscription["clk"]), (&json!("i1"), &json!("c1")));
}

#[test]
fn three_heartbeats_of_silence_are_the_deadline() {
    let mut session = session();
    connect(&mut session);
    receive(&mut session, &image(&[]));
    assert_eq!(session.deadline(), Some(at(1_501)));
    session.receive(change("HEARTBEAT", r#""clk":"c2""#, &[]).as_bytes(), at(1_000)).unwrap();
    assert_eq!((session.check(at(2_500)), session.check(at(2_501))), (Ok(()), Err(Fault::Silent)));
    // The source says which heartbeat it keeps to.
    let slower = change("SUB_IMAGE", r#""initialClk":"i","clk":"c","heartbeatMs":5000"#, &[]);
    session.receive(slower.as_bytes(), at(2_000)).unwrap();
    assert_eq!(session.deadline(), Some(at(17_001)));
}

#[test]
fn a_long_line_on_its_way_is_a_sign_of_life() {
    let mut session = session();
    session.connected(at(0));
    session.receiving(at(14_000));
    assert_eq!(session.deadline(), Some(at(15_000)), "an answer is awaited, whole");
    connect(&mut session);
    receive(&mut session, &image(&[]));
    session.receiving(at(1_000));
    assert_eq!((session.deadline(), session.state()), (Some(at(2_501)), State::Up));
}

#[test]
fn a_source_that_does_not_answer_is_silent() {
    let mut session = session();
    assert_eq!((session.deadline(), session.check(at(99))), (None, Ok(())));
    session.connected(at(0));
    assert_eq!((session.check(at(14_999)), session.check(at(15_000))), (Ok(()), Err(Fault::Silent)));
    assert_eq!(session.disconnected(at(15_000)), None, "it was never up");
}

#[test]
fn late_contents_are_said_until_they_are_not() {
    let mut session = session();
    connect(&mut session);
    receive(&mut session, &image(&[market("1.1", "2")]));
    assert!(applied(&receive(&mut session, r#"{"op":"mcm","id":2,"status":503}"#)).stale_upstream);
    assert!(!applied(&receive(&mut session, &change("HEARTBEAT", r#""clk":"c2""#, &[]))).stale_upstream);
    assert_eq!(session.state(), State::Up);
}

#[test]
fn a_refusal_says_whether_to_try_again() {
    let cases = [
        ("INVALID_SESSION_INFORMATION", true),
        ("NO_SESSION", true),
        ("INVALID_APP_KEY", true),
        ("NOT_AUTHORIZED", true),
        ("SUBSCRIPTION_LIMIT_EXCEEDED", true),
        ("INVALID_CLOCK", false),
        ("MAX_CONNECTION_LIMIT_EXCEEDED", false),
        ("TIMEOUT", false),
        ("UNEXPECTED_ERROR", false),
    ];
    for (code, is_final) in cases {
        let mut session = session();
        session.connected(at(0));
        receive(&mut session, r#"{"op":"connection"}"#);
        let line = failure(code, &format!("{KEY} and {TOKEN} will not do"));
        let fault = session.receive(line.as_bytes(), at(0)).unwrap_err();
        assert_eq!(fault.advice().is_some(), is_final, "{code}");
        let said = format!("{fault} {fault:?}");
        assert!(said.contains(code) && !said.contains(KEY) && !said.contains(TOKEN), "{said}");
    }
}

#[test]
fn a_clock_that_is_not_known_any_more_is_forgotten() {
    let mut session = session();
    connect(&mut session);
    receive(&mut session, &image(&[market("1.1", "2")]));
    assert!(session.receive(failure("INVALID_CLOCK", "").as_bytes(), at(0)).is_err());
    session.disconnected(at(0));
    let [_, subscription] = connect(&mut session);
    assert!(subscription.get("clk").is_none() && subscription.get("initialClk").is_none());
}

#[test]
fn renewed_credentials_keep_the_place_in_the_stream() {
    let mut session = session();
    connect(&mut session);
    receive(&mut session, &image(&[market("1.1", "2")]));
    session.disconnected(at(0));
    session.renew(Credentials::new(KEY, "another"));
    let [authentication, subscription] = connect(&mut session);
    assert_eq!((&authentication["session"], &subscription["clk"]), (&json!("another"), &json!("c1")));
}

#[test]
fn what_cannot_be_read_ends_the_connection() {
    for line in ["{", "[]", "no json", r#"{"op":"mcm","pt":-1}"#, r#"{"op":5}"#, "\u{0}"] {
        let mut session = session();
        connect(&mut session);
        assert!(matches!(session.receive(line.as_bytes(), at(0)), Err(Fault::Malformed { .. })), "{line}");
    }
    let mut session = session();
    connect(&mut session);
    let end = change("X", r#""segmentType":"SEG_END""#, &[]);
    assert!(matches!(session.receive(end.as_bytes(), at(0)), Err(Fault::Segments { .. })));
    let mut early = Session::new(Credentials::new(KEY, TOKEN), Subscription::new(MarketFilter::default()));
    early.connected(at(0));
    assert_eq!(early.receive(image(&[]).as_bytes(), at(0)), Err(Fault::Unasked));
}

#[test]
fn what_nobody_asked_for_is_passed_over() {
    let mut session = session();
    connect(&mut session);
    for line in
        ["", "\r\n", r#"{"op":"ocm","id":9,"clk":"x"}"#, r#"{"op":"connection"}"#, &success(&json!(77))]
    {
        assert_eq!(receive(&mut session, line), Output::default(), "{line}");
    }
}

#[test]
fn secrets_are_in_no_debug_output() {
    let mut session = session();
    session.connected(at(0));
    let output = receive(&mut session, r#"{"op":"connection"}"#);
    let said = format!("{session:?} {output:?}");
    assert!(!said.contains(KEY) && !said.contains(TOKEN), "{said}");
}

#[test]
fn recorded_protocol_messages() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/betfair-stream");
    if !folder.is_dir() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing", folder.display());
        eprintln!("NOT RUN: {} is missing", folder.display());
        return;
    }
    let read = |name: &str| std::fs::read(folder.join(format!("protocol-{name}.json"))).unwrap();
    let mut session = session();
    connect(&mut session);
    let mut hear = |name: &str| session.receive(&read(name), at(0)).unwrap();
    let image = hear("mcm_SUB_IMAGE");
    assert_eq!(turns(&image), [(State::Recovering, State::Up)]);
    assert_eq!(applied(&image).changed[0].outcomes.len(), 7);
    assert!(applied(&hear("mcm_HEARTBEAT")).heartbeat);
    assert!(applied(&hear("503")).stale_upstream);
    assert_eq!(applied(&hear("mcm_UPDATE_md")).changed[0].status, SourceStatus::Suspended);
    // All but two of its markets were never described, so nothing can be said of them.
    let missed = hear("mcm_RESUB_DELTA");
    let keys: Vec<_> = applied(&missed).changed.iter().map(|market| market.key.as_str()).collect();
    assert_eq!(keys, ["1.128049357", "1.128049352"]);
}

proptest! {
    #[test]
    fn arbitrary_lines_never_panic(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8)) {
        let mut session = session();
        connect(&mut session);
        for line in lines {
            let _ = session.receive(&line, at(0));
        }
    }

    #[test]
    fn arbitrary_cuts_and_segments_never_leave_a_clock_behind_its_state(
        kinds in prop::collection::vec(prop::sample::select(vec!["SEG_START", "SEG", "SEG_END", "NONE"]), 0..12),
    ) {
        let mut session = session();
        connect(&mut session);
        receive(&mut session, &image(&[market("1.1", "2")]));
        let mut whole = "c1".to_owned();
        for (number, kind) in kinds.iter().enumerate() {
            let clk = format!("k{number}");
            let line = change("X", &format!(r#""clk":"{clk}","segmentType":"{kind}""#), &[delta("3")]);
            match session.receive(line.as_bytes(), at(0)) {
                Ok(output) if output.events.is_empty() => {}
                Ok(_) => whole = clk,
                Err(_) => {
                    session.disconnected(at(0));
                    let [_, subscription] = connect(&mut session);
                    prop_assert_eq!(&subscription["clk"], &json!(whole));
                }
            }
        }
    }
}
