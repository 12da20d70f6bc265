//! The Unified Odds Feed over HTTP. The messages are synthetic, from the public schema, but for those of
//! `../shared/data`, which are used where they lie there.

use super::synthetic::{
    BET_CANCEL_SUPERCEDED, BET_SETTLEMENT, FIXTURE_CHANGE, ROLLBACK_BET_SETTLEMENT, bet_stop, three_way,
};
use super::{House, soon};
use crate::cli::{Binary, Running, free_port, until_ready};
use overround_api::{FEED_NONCE, FEED_SIGNATURE, FeedSecret};
use overround_testkit::until;
use serde_json::Value;
use std::path::PathBuf;
use uuid::Uuid;

const SECRET: &str = "a secret that both sides have, of some length";

/// A server that takes the feed, and who sends to it.
struct Sender {
    running: Running,
    base: String,
    secret: FeedSecret,
    client: reqwest::Client,
}

/// An answer that has proven the secret, unless the status is 401.
struct Answer {
    status: u16,
    body: Value,
}

impl Sender {
    async fn to(binary: &Binary) -> Self {
        let listen = format!("127.0.0.1:{}", free_port());
        let mut command = binary.command(&["serve", "--listen", &listen]);
        command.env("OVERROUND_UOF_SECRET", SECRET);
        let running = Running::start(command);
        let base = format!("http://{listen}");
        until_ready(&base).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { running, base, secret: FeedSecret::new(SECRET), client }
    }

    async fn send(&self, producer: u32, body: impl Into<Vec<u8>>) -> Answer {
        self.send_as(&self.secret, producer, "application/xml", body.into()).await
    }

    async fn send_as(&self, secret: &FeedSecret, producer: u32, kind: &str, body: Vec<u8>) -> Answer {
        let (path, nonce) = (format!("/v1/feeds/uof/{producer}"), Uuid::new_v4().to_string());
        let signature = secret.sign_request("POST", &path, &nonce, &body);
        let request = self.client.post(format!("{}{path}", self.base)).header("Content-Type", kind);
        let request = request.header(FEED_NONCE, &nonce).header(FEED_SIGNATURE, signature).body(body);
        let answer = soon(request.send()).await.unwrap();
        let status = answer.status().as_u16();
        let proof = answer.headers().get(FEED_SIGNATURE).map(|value| value.to_str().unwrap().to_owned());
        let body: Value = answer.json().await.unwrap();
        match proof {
            Some(proof) => assert!(secret.proves_answer(&nonce, status, &proof), "{body}"),
            // Whoever proves nothing is proven nothing, and a body that is not read has no proof.
            None => assert!([401, 413].contains(&status), "{status} {body}"),
        }
        Answer { status, body }
    }

    /// Sends an `alive`. Returns the number of the recovery that is awaited.
    async fn alive(&self, producer: u32, at: i64, subscribed: u8) -> Option<u64> {
        let body = format!(r#"<alive product="{producer}" timestamp="{at}" subscribed="{subscribed}"/>"#);
        let answer = self.send(producer, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["recovery_request_id"].as_u64()
    }

    /// Completes a recovery of a producer.
    async fn complete(&self, producer: u32, at: i64, request: u64) -> Answer {
        let body =
            format!(r#"<snapshot_complete product="{producer}" timestamp="{at}" request_id="{request}"/>"#);
        self.send(producer, body).await
    }
}

impl Answer {
    #[track_caller]
    fn taken(&self, changed: u64, state: &str) {
        assert_eq!(self.status, 200, "{}", self.body);
        assert_eq!(
            (self.body["markets_changed"].as_u64(), self.body["producer_state"].as_str()),
            (Some(changed), Some(state))
        );
    }

    #[track_caller]
    fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
    }
}

fn prices(producer: u32, at: i64, first: &str) -> String {
    three_way(producer, at, "", [first, "3.4", "3.6"])
}

#[tokio::test]
async fn a_producer_recovers_sells_stops_and_loses_messages() {
    let binary = Binary::new().await;
    let sender = Sender::to(&binary).await;
    let house = House::of(&binary).await;
    // Before it is known to be alive nothing is sold.
    sender.send(1, prices(1, 10, "2.2")).await.taken(1, "DOWN");
    house.until(&["sr:match:1/1 SUSPENDED 11/5"]).await;
    let recovery = sender.alive(1, 20, 1).await.unwrap();
    sender.send(1, prices(1, 30, "2.3")).await.taken(1, "RECOVERING");
    house.until(&["sr:match:1/1 SUSPENDED 23/10"]).await;
    sender.complete(1, 31, recovery + 1).await.refused(409, "ALREADY_HEARD");
    sender.complete(1, 32, recovery).await.taken(0, "UP");
    house.until(&["sr:match:1/1 OPEN 23/10"]).await;

    // What was said before, or is older, changes nothing.
    sender.send(1, prices(1, 30, "2.3")).await.refused(409, "ALREADY_HEARD");
    sender.send(1, prices(1, 29, "2.9")).await.refused(409, "ALREADY_HEARD");
    sender
        .send(1, r#"<alive product="1" timestamp="20" subscribed="0"/>"#)
        .await
        .refused(409, "ALREADY_HEARD");
    assert_eq!(house.markets().await, ["sr:match:1/1 OPEN 23/10"]);

    sender.send(1, bet_stop(1, 40, r#"groups="all""#)).await.taken(1, "UP");
    house.until(&["sr:match:1/1 SUSPENDED 23/10"]).await;
    sender.send(1, prices(1, 39, "2.5")).await.taken(1, "UP");
    assert_eq!(house.markets().await, ["sr:match:1/1 SUSPENDED 5/2"], "it was said before the stop");
    sender.send(1, prices(1, 41, "2.6")).await.taken(1, "UP");
    house.until(&["sr:match:1/1 OPEN 13/5"]).await;
    sender.send(1, FIXTURE_CHANGE.replace("product=\"3\"", "product=\"1\"")).await.taken(0, "UP");

    // Messages were lost: only what a recovery names is sold after it.
    let other = three_way(1, 42, r#"specifiers="x=1""#, ["4", "3.4", "3.6"]);
    sender.send(1, other).await.taken(1, "UP");
    house.until(&["sr:match:1/1 OPEN 13/5", "sr:match:1/1/x=1 OPEN 4/1"]).await;
    let again = sender.alive(1, 50, 0).await.unwrap();
    assert!(again > recovery);
    assert_eq!(house.producers().await, ["uof:1 RECOVERING"]);
    house.until(&["sr:match:1/1 SUSPENDED 13/5", "sr:match:1/1/x=1 SUSPENDED 4/1"]).await;
    sender.complete(1, 51, recovery).await.refused(409, "ALREADY_HEARD");
    sender.complete(1, 52, again).await.taken(0, "UP");
    house.until(&["sr:match:1/1 SUSPENDED", "sr:match:1/1/x=1 SUSPENDED"]).await;
    sender.send(1, prices(1, 60, "2.6")).await.taken(1, "UP");
    house.until(&["sr:match:1/1 OPEN 13/5", "sr:match:1/1/x=1 SUSPENDED"]).await;

    assert_eq!(sender.running.terminate().code, Some(0));
    assert_eq!(house.producers().await, ["uof:1 DOWN"]);
    assert_eq!(house.markets().await[0], "sr:match:1/1 SUSPENDED 13/5");
    House::is_sound(&binary);
}

#[tokio::test]
async fn of_two_producers_of_a_market_the_better_one_that_is_up_owns_it() {
    let binary = Binary::new().await;
    let sender = Sender::to(&binary).await;
    let house = House::of(&binary).await;
    let mut at = 10;
    let mut next = || {
        at += 10;
        at
    };
    for (producer, odds, shown) in [(4, "2.4", "12/5"), (1, "2.1", "21/10")] {
        let recovery = sender.alive(producer, next(), 1).await.unwrap();
        let changed = u64::from(producer == 4);
        sender.send(producer, prices(producer, next(), odds)).await.taken(changed, "RECOVERING");
        sender.complete(producer, next(), recovery).await.taken(0, "UP");
        house.until(&[&format!("sr:match:1/1 OPEN {shown}")]).await;
    }
    assert_eq!(house.owners().await, ["uof:4", "uof:1"], "the versions that another owner made");
    // What the other one says is kept.
    sender.send(4, prices(4, next(), "2.5")).await.taken(0, "UP");
    assert_eq!(house.markets().await, ["sr:match:1/1 OPEN 21/10"]);
    // Messages of the owner were lost: the other one sells until it has recovered.
    let recovery = sender.alive(1, next(), 0).await.unwrap();
    house.until(&["sr:match:1/1 OPEN 5/2"]).await;
    assert_eq!(house.producers().await, ["uof:1 RECOVERING", "uof:4 UP"]);
    sender.send(1, prices(1, next(), "2.2")).await.taken(0, "RECOVERING");
    assert_eq!(house.markets().await, ["sr:match:1/1 OPEN 5/2"]);
    sender.complete(1, next(), recovery).await.taken(0, "UP");
    house.until(&["sr:match:1/1 OPEN 11/5"]).await;
    // It hands it over for good.
    let over = three_way(1, next(), r#"status="-2""#, ["2.2", "3.4", "3.6"]);
    sender.send(1, over).await.taken(1, "UP");
    house.until(&["sr:match:1/1 OPEN 5/2"]).await;
    assert_eq!(house.owners().await, ["uof:4", "uof:1", "uof:4", "uof:1", "uof:4"]);
    House::is_sound(&binary);
}

#[tokio::test]
async fn what_is_no_message_or_not_of_the_feed_is_refused_and_changes_nothing() {
    let binary = Binary::new().await;
    let sender = Sender::to(&binary).await;
    let house = House::of(&binary).await;
    let good = prices(1, 10, "2.2");
    let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    let of_the_first = |text: &str| text.replace("product=\"3\"", "product=\"1\"");
    for (body, status, code) in [
        (String::new(), 400, "INVALID_BODY"),
        ("{}".to_owned(), 400, "INVALID_BODY"),
        (good[..good.len() / 2].to_owned(), 400, "INVALID_BODY"),
        (deep, 400, "INVALID_BODY"),
        (format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{good}"), 400, "INVALID_BODY"),
        ("<odds/>".to_owned(), 400, "INVALID_BODY"),
        (prices(3, 10, "2.2"), 422, "OTHER_PRODUCER"),
        (of_the_first(BET_SETTLEMENT), 422, "MESSAGE_UNSUPPORTED"),
        (of_the_first(BET_CANCEL_SUPERCEDED), 422, "MESSAGE_UNSUPPORTED"),
        (of_the_first(ROLLBACK_BET_SETTLEMENT), 422, "MESSAGE_UNSUPPORTED"),
        (" ".repeat(10 * 1024 * 1024), 413, "BODY_TOO_LARGE"),
    ] {
        sender.send(1, body).await.refused(status, code);
    }
    sender.send(1, vec![0xff, 0xfe]).await.refused(400, "INVALID_BODY");
    let json = sender.send_as(&sender.secret, 1, "application/json", good.clone().into_bytes()).await;
    json.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    let other = FeedSecret::new("another secret, which nobody here has");
    sender.send_as(&other, 1, "application/xml", good.clone().into_bytes()).await.refused(401, "UNPROVEN");
    let unsigned = sender.client.post(format!("{}/v1/feeds/uof/1", sender.base)).body(good.clone());
    assert_eq!(unsigned.send().await.unwrap().status(), 401);
    for producer in ["0", "01", "65536", "x"] {
        let wrong = sender.client.post(format!("{}/v1/feeds/uof/{producer}", sender.base)).body(good.clone());
        assert_eq!(wrong.send().await.unwrap().status(), 400, "{producer}");
    }
    assert_eq!((house.markets().await, house.producers().await), (Vec::<String>::new(), Vec::new()));

    // Odds that are no price: the outcome has none, and the market is not sold.
    let recovery = sender.alive(1, 5, 1).await.unwrap();
    sender.complete(1, 6, recovery).await.taken(0, "UP");
    for (at, odds) in (10..).zip(["0", "1", "NaN", "-2.5", "1e400"]) {
        sender.send(1, prices(1, at, odds)).await.taken(u64::from(at == 10), "UP");
        assert_eq!(house.markets().await, ["sr:match:1/1 SUSPENDED"], "{odds}");
    }
    sender.send(1, prices(1, 20, "2.2")).await.taken(1, "UP");
    house.until(&["sr:match:1/1 OPEN 11/5"]).await;
    House::is_sound(&binary);
}

#[tokio::test]
async fn a_process_that_was_killed_is_found_out_and_the_next_one_recovers() {
    let binary = Binary::new().await;
    let house = House::of(&binary).await;
    let sender = Sender::to(&binary).await;
    let recovery = sender.alive(1, 5, 1).await.unwrap();
    sender.send(1, prices(1, 6, "2.2")).await.taken(1, "RECOVERING");
    sender.complete(1, 7, recovery).await.taken(0, "UP");
    house.until(&["sr:match:1/1 OPEN 11/5"]).await;
    drop(sender);
    let sender = Sender::to(&binary).await;
    sender.send(1, prices(1, 8, "2.3")).await.refused(409, "PRODUCER_TAKEN");
    house.silence().await;
    house.until(&["sr:match:1/1 SUSPENDED 11/5"]).await;
    assert_eq!(house.producers().await, ["uof:1 DOWN"]);
    sender.send(1, prices(1, 8, "2.3")).await.taken(1, "DOWN");
    let again = sender.alive(1, 9, 1).await.unwrap();
    assert!(again > recovery);
    sender.send(1, prices(1, 10, "2.3")).await.taken(0, "RECOVERING");
    sender.complete(1, 11, again).await.taken(0, "UP");
    house.until(&["sr:match:1/1 OPEN 23/10"]).await;

    // Declared down though it lives, as when it could not reach the database: it hears so, and recovers.
    house.silence().await;
    let mut at = 20;
    let mut third = None;
    until("a recovery is asked for", async || {
        at += 1;
        let alive = format!(r#"<alive product="1" timestamp="{at}" subscribed="1"/>"#);
        let answer = sender.send(1, alive).await;
        third = answer.body["recovery_request_id"].as_u64();
        assert!(third.is_some() || answer.status == 200 || answer.status == 503, "{}", answer.body);
        third.is_some()
    })
    .await;
    let third = third.unwrap();
    sender.send(1, prices(1, at + 1, "2.4")).await.taken(1, "RECOVERING");
    sender.complete(1, at + 2, third).await.taken(0, "UP");
    house.until(&["sr:match:1/1 OPEN 12/5"]).await;
    House::is_sound(&binary);
}

/// A recorded message; none when the data folder is not there.
fn recorded(file: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/sportradar-uof");
    if !folder.is_dir() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing", folder.display());
        eprintln!("NOT RUN: {} is missing", folder.display());
        return None;
    }
    Some(folder.join(file))
}

#[tokio::test]
async fn messages_are_sent_from_files_and_both_sides_prove_the_secret() {
    let Some(file) = recorded("odds_change-0.xml") else { return };
    let settlement = recorded("bet_settlement.xml").unwrap();
    let binary = Binary::new().await;
    let sender = Sender::to(&binary).await;
    let house = House::of(&binary).await;
    let send = |secret: &str, files: &[&PathBuf]| {
        let mut command = binary.command(&["feed", "uof", "--json", "--to", &sender.base]);
        command.args(files).env("OVERROUND_UOF_SECRET", secret);
        command.output().unwrap()
    };
    let sent = send(SECRET, &[&file]);
    let report: Value = serde_json::from_slice(&sent.stdout).unwrap();
    assert_eq!((sent.status.code(), &report["ok"]), (Some(0), &Value::Bool(true)), "{report}");
    assert_eq!(report["messages"][0]["answer"]["markets_changed"], 9);
    assert_eq!(house.markets().await.len(), 9);
    let sent = send(SECRET, &[&settlement]);
    let report: Value = serde_json::from_slice(&sent.stdout).unwrap();
    assert_eq!(
        (sent.status.code(), &report["messages"][0]["answer"]["code"]),
        (Some(1), &Value::from("MESSAGE_UNSUPPORTED"))
    );
    let unproven = send("another secret, which nobody here has", &[&file]);
    let told = String::from_utf8(unproven.stderr).unwrap();
    assert!(unproven.status.code() == Some(1) && told.contains("without a proof"), "{told}");
    assert!(!told.contains("another secret"), "{told}");
}
