//! Betfair's stream into `overround feed betfair`, from a source in the test, over TCP and TLS.

use super::source::{Peer, Source, certified, delta, heartbeat, image, market, resumption, update};
use super::{House, soon};
use crate::cli::{Binary, Running};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use overround_adapters::betfair::Transport;
use serde_json::json;
use std::io::Read;
use std::process::Command;
use tokio::net::TcpStream;

const KEY: &str = "the-app-key";
const TOKEN: &str = "the-session-token";

/// A call that hears this source.
fn command(binary: &Binary, source: &Source) -> Command {
    let mut command = binary.command(&["feed", "betfair", "--market", "1.1"]);
    let endpoint = source.endpoint(Transport::Tcp);
    command
        .env("OVERROUND_BETFAIR_HOST", endpoint.host)
        .env("OVERROUND_BETFAIR_PORT", endpoint.port.to_string())
        .env("OVERROUND_BETFAIR_TLS", "false")
        .env("OVERROUND_BETFAIR_APP_KEY", KEY)
        .env("OVERROUND_BETFAIR_SESSION_TOKEN", TOKEN);
    command
}

/// Accepts the connection after a cut, and checks where it goes on from.
async fn resumed(source: &Source, clk: &str) -> Peer<TcpStream> {
    let (peer, asked) = source.subscribed().await;
    assert_eq!(asked.get("clk"), Some(&json!(clk)));
    peer
}

#[tokio::test]
async fn prices_come_stop_with_the_stream_and_go_on_where_it_goes_on() {
    let binary = Binary::new().await;
    let house = House::of(&binary).await;
    let source = Source::new().await;
    let running = Running::start(command(&binary, &source));
    let (mut peer, asked) = source.subscribed().await;
    assert_eq!(asked["marketFilter"], json!({"marketIds": ["1.1"]}));
    house.until_producers(&["betfair RECOVERING"]).await;
    peer.send(&image("c1", &format!("{},{}", two("1.1", "2.5"), two("1.2", "4")))).await;
    house.until(&["1.1 OPEN 5/2", "1.2 OPEN 4/1"]).await;
    peer.send(&update("c2", &delta("3", true))).await;
    house.until(&["1.1 OPEN 3/1", "1.2 OPEN 4/1"]).await;
    peer.send(&heartbeat("c3")).await;

    // A cut: off sale at once, and back with what was missed.
    drop(peer);
    house.until_producers(&["betfair DOWN"]).await;
    house.until(&["1.1 SUSPENDED 3/1", "1.2 SUSPENDED 4/1"]).await;
    let mut peer = resumed(&source, "c3").await;
    peer.send(&resumption("c4", &delta("3.5", false))).await;
    house.until(&["1.1 OPEN 7/2", "1.2 OPEN 4/1"]).await;

    // What is late upstream is not sold, however new the connection.
    peer.send(r#"{"op":"mcm","id":2,"pt":5,"status":503}"#).await;
    house.until_producers(&["betfair RECOVERING"]).await;
    house.until(&["1.1 SUSPENDED 7/2", "1.2 SUSPENDED 4/1"]).await;
    peer.send(&update("c5", &delta("4", false))).await;
    house.until(&["1.1 OPEN 4/1", "1.2 OPEN 4/1"]).await;

    // An image without a market: it is not sold any more.
    drop(peer);
    let mut peer = resumed(&source, "c5").await;
    peer.send(&image("c6", &two("1.1", "5"))).await;
    house.until(&["1.1 OPEN 5/1", "1.2 SUSPENDED"]).await;
    assert_eq!(running.terminate().code, Some(0));
    assert_eq!(house.producers().await, ["betfair DOWN"]);
    assert_eq!(house.markets().await, ["1.1 SUSPENDED 5/1", "1.2 SUSPENDED"]);
    House::is_sound(&binary);
}

/// A market of two runners, the second at evens.
fn two(id: &str, price: &str) -> String {
    let one = market(id, price);
    one.replace(
        r#"{"id":5,"status":"ACTIVE"}"#,
        r#"{"id":5,"sortPriority":1,"status":"ACTIVE"},{"id":6,"sortPriority":2,"status":"ACTIVE"}"#,
    )
    .replace(r#"10]]}]}"#, r#"10]]},{"id":6,"bdatb":[[0,2,10]]}]}"#)
}

#[tokio::test]
async fn whatever_lines_come_the_stream_recovers_by_itself() {
    let binary = Binary::new().await;
    let house = House::of(&binary).await;
    let source = Source::new().await;
    let running = Running::start(command(&binary, &source));
    let (mut peer, _) = source.subscribed().await;
    peer.send(&image("c1", &two("1.1", "2.5"))).await;
    house.until(&["1.1 OPEN 5/2"]).await;
    // Prices that are none take the outcome's away, and its market off sale.
    for (number, price) in (2..).zip(["0", "1", "-3"]) {
        peer.send(&update(&format!("a{number}"), &delta(price, false))).await;
        house.until(&["1.1 SUSPENDED"]).await;
        peer.send(&update(&format!("b{number}"), &delta("2.5", false))).await;
        house.until(&["1.1 OPEN 5/2"]).await;
    }
    // Lines that cannot be read end the connection, and nothing else.
    let long = format!("{{\"op\":\"mcm\",\"x\":\"{}\"", "x".repeat(10 * 1024 * 1024));
    for (number, line) in (2..).zip([
        &update("n", &delta("NaN", false)),
        &update("n", &delta("1e400", false)),
        "{\"op\":\"mcm\",",
        &long,
        "\u{0}",
    ]) {
        peer.send(line).await;
        peer.closed().await;
        (peer, _) = source.subscribed().await;
        let (clk, price) = (format!("d{number}"), number.to_string());
        peer.send(&resumption(&clk, &delta(&price, false))).await;
        house.until(&[&format!("1.1 OPEN {price}/1")]).await;
    }
    // A line that is cut in two by the connection's end.
    peer.send_what_is_taken("{\"op\":\"mcm\",\"id\":2,\"pt\":3,\"clk\":\"e\",\"mc\":[").await;
    drop(peer);
    let mut peer = resumed(&source, "d6").await;
    peer.send(&resumption("f", &delta("7", false))).await;
    house.until(&["1.1 OPEN 7/1"]).await;
    let ended = running.terminate();
    assert_eq!(ended.code, Some(0));
    let log = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!log.contains("panicked") && !log.contains(KEY) && !log.contains(TOKEN), "{log}");
    House::is_sound(&binary);
}

#[tokio::test]
async fn tls_and_a_refusal_that_only_people_can_answer() {
    let binary = Binary::new().await;
    let house = House::of(&binary).await;
    let source = Source::new().await;
    let (acceptor, certificate) = certified();
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("ca.pem");
    let der = STANDARD.encode(&certificate);
    std::fs::write(&file, format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n"))
        .unwrap();

    let mut command = command(&binary, &source);
    command.env("OVERROUND_BETFAIR_TLS", "true").env("OVERROUND_BETFAIR_CA_FILE", &file);
    let mut running = Running::start(command);
    let mut peer = Peer::new(soon(acceptor.accept(source.accept_raw().await)).await.unwrap());
    peer.greet().await;
    peer.send(&image("c1", &two("1.1", "2.5"))).await;
    house.until(&["1.1 OPEN 5/2"]).await;
    let refusal = json!({"op": "status", "statusCode": "FAILURE", "errorCode": "INVALID_SESSION_INFORMATION",
        "errorMessage": format!("{TOKEN} has expired"), "connectionClosed": true});
    peer.send(&refusal.to_string()).await;
    let mut told = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(running.0.wait().unwrap().code(), Some(1), "{told}");
    assert!(told.contains("log in again") && !told.contains(TOKEN) && !told.contains(KEY), "{told}");
    assert_eq!(house.markets().await, ["1.1 SUSPENDED 5/2"]);
    assert_eq!(house.producers().await, ["betfair DOWN"]);
}

#[tokio::test]
async fn without_its_secrets_the_feed_says_which_is_missing() {
    let binary = Binary::alone();
    binary.run(&["feed", "betfair"]).fails(2, &["betfair_app_key", "OVERROUND_BETFAIR_APP_KEY"]);
    let mut command = binary.command(&["config"]);
    command.env("OVERROUND_BETFAIR_APP_KEY", KEY).env("OVERROUND_BETFAIR_SESSION_TOKEN", TOKEN);
    let shown = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(shown.contains("betfair_app_key = \"***\"") && !shown.contains(KEY) && !shown.contains(TOKEN));
}
