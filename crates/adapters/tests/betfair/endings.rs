//! How a driver ends.

use crate::source::{Source, heartbeat, image};
use crate::*;

#[tokio::test]
async fn a_refused_session_is_not_tried_again_and_says_what_to_do() {
    let source = Source::new().await;
    let mut running = Running::start(&source);
    let mut peer = source.accept().await;
    peer.send(r#"{"op":"connection","connectionId":"1"}"#).await;
    peer.receive().await;
    peer.send(&format!(
        r#"{{"op":"status","id":1,"statusCode":"FAILURE","errorCode":"INVALID_SESSION_INFORMATION","errorMessage":"{TOKEN} of {KEY} has expired","connectionClosed":true}}"#
    ))
    .await;
    running.turns(State::Down, State::Recovering).await;
    running.turns(State::Recovering, State::Down).await;
    let (mut session, ended) = running.ended().await;
    let error = ended.unwrap_err();
    assert_eq!(error.to_string(), "Betfair refuses the stream: log in again, and give the new session token");
    let said = format!("{error:?} {}", std::error::Error::source(&error).unwrap());
    assert!(said.contains("INVALID_SESSION_INFORMATION"), "{said}");
    assert!(!said.contains(TOKEN) && !said.contains(KEY), "{said}");

    // With a new token the same session goes on.
    session.renew(Credentials::new(KEY, "another"));
    let running = Running::start_with(source.endpoint(Transport::Tcp), session, 100);
    let mut peer = source.accept().await;
    peer.send(r#"{"op":"connection"}"#).await;
    assert_eq!(peer.receive().await.get("session").unwrap(), "another");
    running.stopped().await;
}

#[tokio::test]
async fn a_busy_source_is_tried_again() {
    let source = Source::new().await;
    let mut running = Running::start(&source);
    for _ in 0..3 {
        let mut peer = source.accept().await;
        peer.send(r#"{"op":"status","statusCode":"FAILURE","errorCode":"MAX_CONNECTION_LIMIT_EXCEEDED","connectionClosed":true}"#).await;
        peer.closed().await;
    }
    let _peer = source.subscribed().await;
    // The first that is heard of it: a source that refuses was never alive.
    running.turns(State::Down, State::Recovering).await;
    running.stopped().await;
}

#[tokio::test]
async fn it_stops_while_nobody_takes_its_events() {
    let source = Source::new().await;
    let running = Running::start_with(source.endpoint(Transport::Tcp), session(5_000), 1);
    let (mut peer, _) = source.subscribed().await;
    peer.send(&image("c1", "")).await;
    for _ in 0..100 {
        peer.send(&heartbeat("c2")).await;
    }
    running.stopped().await;
}

#[tokio::test]
async fn it_stops_before_there_is_a_source() {
    let source = Source::new().await;
    let endpoint = source.endpoint(Transport::Tcp);
    drop(source);
    Running::start_with(endpoint, session(5_000), 1).stopped().await;
}

#[tokio::test]
async fn it_ends_when_nobody_receives() {
    let source = Source::new().await;
    let running = Running::start(&source);
    let (_peer, _) = source.subscribed().await;
    running.left_alone().await.unwrap();
}

#[tokio::test]
async fn a_host_that_is_no_name_is_refused() {
    let endpoint = Endpoint { host: "no host".to_owned(), port: 1, transport: Transport::Tcp };
    let (_, ended) = Running::start_with(endpoint, session(5_000), 1).ended().await;
    assert!(matches!(ended, Err(Error::Host { .. })));
}
