//! What comes over the channel while connections live and break.

use crate::source::{Source, delta, heartbeat, image, market, resumption, update};
use crate::*;
use overround_domain::markets::SourceStatus;
use overround_feed::betfair::{Input, Recording};
use serde_json::json;
use std::path::PathBuf;

/// A driver that is up with market 1.1 at 2.5, from the clock `c1`.
async fn up(source: &Source, session: Session) -> (Running, source::Peer<tokio::net::TcpStream>) {
    let mut running = Running::start_with(source.endpoint(Transport::Tcp), session, 100);
    let (mut peer, asked) = source.subscribed().await;
    assert!(asked.get("clk").is_none());
    running.turns(State::Down, State::Recovering).await;
    peer.send(&image("c1", &market("1.1", "2.5"))).await;
    assert_eq!(best(running.applied().await.changed.first().unwrap()), price(5, 2));
    running.turns(State::Recovering, State::Up).await;
    (running, peer)
}

/// Accepts the connection after a cut, and checks where it goes on from.
async fn resumed(source: &Source, running: &mut Running, clk: &str) -> source::Peer<tokio::net::TcpStream> {
    running.turns(State::Up, State::Down).await;
    let (peer, asked) = source.subscribed().await;
    assert_eq!(asked.get("clk"), Some(&json!(clk)));
    running.turns(State::Down, State::Recovering).await;
    peer
}

#[tokio::test]
async fn changes_and_heartbeats_come_in_order() {
    let source = Source::new().await;
    let (mut running, mut peer) = up(&source, session(5_000)).await;
    for line in [update("c2", &delta("3", false)), heartbeat("c3"), update("c4", &delta("4", true))] {
        peer.send(&line).await;
    }
    assert_eq!(best(running.applied().await.changed.first().unwrap()), price(3, 1));
    let beat = running.applied().await;
    assert!(beat.heartbeat && beat.changed.is_empty());
    assert_eq!(best(running.applied().await.changed.first().unwrap()), price(4, 1));
    assert_eq!(running.stopped().await.state(), State::Down);
}

#[tokio::test]
async fn a_cut_stream_goes_on_from_its_last_message() {
    let source = Source::new().await;
    let (mut running, mut peer) = up(&source, session(5_000)).await;
    peer.send(&heartbeat("c2")).await;
    assert!(running.applied().await.heartbeat);
    drop(peer);
    let mut peer = resumed(&source, &mut running, "c2").await;
    peer.send(&resumption("c3", &delta("3", false))).await;
    let applied = running.applied().await;
    assert_eq!(best(applied.changed.first().unwrap()), price(3, 1));
    running.turns(State::Recovering, State::Up).await;

    // An image in place of what was missed replaces everything.
    drop(peer);
    let mut peer = resumed(&source, &mut running, "c3").await;
    peer.send(&image("c4", &market("1.2", "4"))).await;
    let stands: Vec<_> = running.applied().await.changed;
    let stands: Vec<_> = stands.iter().map(|one| (one.key.as_str(), one.status, best(one))).collect();
    assert_eq!(stands, [("1.2", SourceStatus::Open, price(4, 1)), ("1.1", SourceStatus::Suspended, None)]);
    running.turns(State::Recovering, State::Up).await;
    running.stopped().await;
}

#[tokio::test]
async fn late_contents_are_flagged_until_they_are_not() {
    let source = Source::new().await;
    let (mut running, mut peer) = up(&source, session(5_000)).await;
    peer.send(r#"{"op":"mcm","id":2,"status":503}"#).await;
    assert!(running.applied().await.stale_upstream);
    peer.send(&update("c2", &delta("3", false))).await;
    let back = running.applied().await;
    assert!(!back.stale_upstream && back.changed.len() == 1);
    running.stopped().await;
}

#[tokio::test]
async fn a_line_that_is_no_message_cuts_the_connection() {
    let source = Source::new().await;
    let (mut running, mut peer) = up(&source, session(5_000)).await;
    peer.send("\u{1}garbage{").await;
    peer.closed().await;
    resumed(&source, &mut running, "c1").await;
    running.stopped().await;
}

#[tokio::test]
async fn silence_cuts_the_connection() {
    let source = Source::new().await;
    let (mut running, peer) = up(&source, session(5_000)).await;
    let before = tokio::time::Instant::now();
    // From here until the cut nothing comes, so that the clock jumps to the deadline.
    tokio::time::pause();
    let cut = running.heard().await;
    tokio::time::resume();
    assert!(matches!(cut, Event::Health(turn) if turn.to == State::Down), "{cut:?}");
    let silence = before.elapsed();
    assert!((Duration::from_secs(14)..Duration::from_secs(16)).contains(&silence), "{silence:?}");
    peer.closed().await;
    let (_peer, asked) = source.subscribed().await;
    assert_eq!(asked.get("clk"), Some(&json!("c1")));
    running.turns(State::Down, State::Recovering).await;
    running.stopped().await;
}

#[tokio::test]
async fn who_receives_slowly_is_not_a_silent_source() {
    let source = Source::new().await;
    let mut running = Running::start_with(source.endpoint(Transport::Tcp), session(5_000), 1);
    let (mut peer, _) = source.subscribed().await;
    running.turns(State::Down, State::Recovering).await;
    // Sent at once, so that all is there when the first of it is.
    let beats = vec![heartbeat("c2"); 50].join("\r\n");
    peer.send(&format!("{}\r\n{beats}", image("c1", ""))).await;
    assert!(!running.applied().await.heartbeat);
    running.turns(State::Recovering, State::Up).await;
    for _ in 0..50 {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(20)).await;
        tokio::time::resume();
        assert!(running.applied().await.heartbeat);
    }
    running.stopped().await;
}

#[tokio::test]
async fn lines_of_many_megabytes_are_read_and_longer_ones_are_not() {
    let source = Source::new().await;
    let (mut running, mut peer) = up(&source, session(5_000)).await;
    let padded = |bytes: usize| {
        update("c2", &delta("3", false)).replace(r#""clk""#, &format!(r#""x":"{}","clk""#, "x".repeat(bytes)))
    };
    peer.send(&padded(11 * 1024 * 1024)).await;
    assert_eq!(best(running.applied().await.changed.first().unwrap()), price(3, 1));
    let too_long = padded(17 * 1024 * 1024);
    // The other side hangs up in the middle of it.
    let sending = tokio::spawn(async move { peer.send_what_is_taken(&too_long).await });
    resumed(&source, &mut running, "c2").await;
    soon(sending).await.unwrap();
    running.stopped().await;
}

#[tokio::test]
async fn connections_that_fail_are_tried_again() {
    let source = Source::new().await;
    let mut running = Running::start(&source);
    for _ in 0..3 {
        drop(source.accept_raw().await);
    }
    let (mut peer, _) = source.subscribed().await;
    running.turns(State::Down, State::Recovering).await;
    peer.send(&image("c1", "")).await;
    assert!(running.applied().await.changed.is_empty());
    running.turns(State::Recovering, State::Up).await;
    running.stopped().await;
}

#[tokio::test]
async fn a_recording_comes_out_as_it_does_from_its_file() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/betfair-stream/29788457-tennis-event-4-markets.jsonl");
    if !file.is_file() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing", file.display());
        eprintln!("NOT RUN: {} is missing", file.display());
        return;
    }
    let text = std::fs::read_to_string(&file).unwrap();
    let mut recording =
        Recording::open([Input::new("recording", std::fs::File::open(&file).unwrap()).unwrap()]);
    let expected: Vec<Applied> = recording.by_ref().map(Result::unwrap).collect();

    let source = Source::new().await;
    let mut running = Running::start(&source);
    let (mut peer, _) = source.subscribed().await;
    running.turns(State::Down, State::Recovering).await;
    let sending = tokio::spawn(async move {
        for line in text.lines() {
            peer.send(line).await;
        }
        peer
    });
    for (number, expected) in expected.iter().enumerate() {
        assert_eq!(&running.applied().await, expected, "message {number}");
    }
    soon(sending).await.unwrap();
    let session = running.stopped().await;
    assert!(session.markets().eq(recording.markets()));
}
