//! `overround simulate`: the whole system without a data file.

use crate::cli::Binary;
use overround_testkit::redis_url;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

fn simulate(binary: &Binary, more: &[&str]) -> Value {
    let arguments = ["simulate", "--json", "--players", "6"];
    binary.run(&[&arguments[..], more].concat()).json()
}

#[tokio::test]
async fn one_seed_is_one_run() {
    let binary = Binary::new().await;
    let first = simulate(&binary, &["--bets", "120", "--seed", "7"]);
    let again = simulate(&binary, &["--bets", "120", "--seed", "7"]);
    for field in
        ["attempts_hash", "bets", "handle_cents", "payout_cents", "ggr_cents", "messages", "snapshots"]
    {
        assert_eq!(first[field], again[field], "{field}");
    }
    let other = simulate(&binary, &["--bets", "120", "--seed", "8"]);
    assert_ne!(first["attempts_hash"], other["attempts_hash"]);
}

#[tokio::test]
async fn the_report_has_what_was_promised_and_adds_up() {
    let binary = Binary::new().await;
    let report = simulate(&binary, &["--bets", "120", "--seed", "3"]);
    for field in ["ok", "settled_as_recorded", "deterministic"] {
        assert_eq!(report[field], true, "{field}: {report}");
    }
    let number =
        |path: &str| report.pointer(path).and_then(Value::as_i64).unwrap_or_else(|| panic!("{path}"));
    let refused: i64 =
        report["bets"]["refused"].as_object().unwrap().values().map(|n| n.as_i64().unwrap()).sum();
    assert_eq!(number("/bets/submitted"), number("/bets/accepted") + number("/bets/replayed") + refused);
    assert_eq!(number("/bets/accepted"), number("/bets/settled"), "a simulated match ends settled");
    assert_eq!(number("/bets/open"), 0);
    let ended =
        ["won", "lost", "void", "partial"].map(|how| number(&format!("/bets/{how}"))).iter().sum::<i64>();
    assert_eq!(ended, number("/bets/settled"));
    assert_eq!(number("/ggr_cents"), number("/handle_cents") - number("/payout_cents"));
    assert_eq!(number("/markets"), number("/markets_settled"));
    assert!(
        number("/bets/submitted") >= 120 && number("/bets/won") > 0 && number("/bets/lost") > 0,
        "{report}"
    );
    assert!(report["latency_ms"]["p50"].as_f64().unwrap() > 0.0);
    assert!(report["invariants"].as_array().unwrap().len() >= 11);
    assert_eq!(report["attempts_hash"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn tennis_is_played_too() {
    let binary = Binary::new().await;
    let report = simulate(&binary, &["--sport", "tennis", "--bets", "120", "--seed", "3"]);
    for field in ["ok", "settled_as_recorded", "deterministic"] {
        assert_eq!(report[field], true, "{field}: {report}");
    }
    assert_eq!((&report["markets"], &report["markets_settled"]), (&json!(14), &json!(14)), "{report}");
    assert!(report["bets"]["won"].as_u64().unwrap() > 0 && report["bets"]["lost"].as_u64().unwrap() > 0);
    assert_eq!(report["bets"]["open"], 0);
}

#[tokio::test]
async fn players_try_what_a_house_must_refuse() {
    let binary = Binary::new().await;
    let report = simulate(&binary, &["--seed", "5", "--bets", "400"]);
    let refused = report["bets"]["refused"].as_object().unwrap();
    for code in [
        "IDEMPOTENCY_MISMATCH",
        "DUPLICATED_REQUEST",
        "BETTING_SUSPENDED",
        "STALE_PRICE",
        "PRICE_CHANGED",
        "CORRELATED",
        "BELOW_MIN",
        "INSUFFICIENT_FUNDS",
    ] {
        assert!(refused.contains_key(code), "no bet was refused for {code}: {refused:?}");
    }
    assert!(report["bets"]["replayed"].as_i64().unwrap() > 0);
}

/// A way to a server that can be cut.
struct Way {
    url: String,
    open: watch::Sender<bool>,
}

impl Way {
    async fn to(url: &str) -> Self {
        let mut url = reqwest::Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (open, is_open) = watch::channel(true);
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let (server, mut is_open) = (server.clone(), is_open.clone());
                tokio::spawn(async move {
                    if *is_open.borrow_and_update() {
                        let mut far = TcpStream::connect(server).await.unwrap();
                        tokio::select! {
                            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                            _ = is_open.changed() => {}
                        }
                    }
                });
            }
        });
        Self { url: url.into(), open }
    }
}

#[tokio::test]
async fn a_cache_that_goes_away_for_moments_changes_nothing() {
    let binary = Binary::new().await;
    let arguments = ["simulate", "--json", "--players", "6", "--bets", "120", "--seed", "7"];
    let calm = binary.run(&arguments).json();
    let way = Way::to(&redis_url().await).await;
    let mut command = binary.command(&arguments);
    command.env("OVERROUND_REDIS_URL", &way.url);
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let cut = async {
        // From the middle of its start on, for longer and longer.
        for ms in (1_u64..).map(|cut| 20 * cut.min(15)) {
            tokio::time::sleep(Duration::from_millis(250)).await;
            way.open.send(false).unwrap();
            tokio::time::sleep(Duration::from_millis(ms)).await;
            way.open.send(true).unwrap();
        }
    };
    let output = tokio::select! {
        output = run => output.unwrap(),
        () = cut => unreachable!(),
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("waiting for it"), "it was never cut off: {stderr}");
    let stormy: Value = serde_json::from_slice(&output.stdout).unwrap();
    for field in ["attempts_hash", "bets", "messages", "snapshots", "markets_settled", "handle_cents"] {
        assert_eq!(calm[field], stormy[field], "{field}");
    }
}

#[tokio::test]
async fn players_at_once_give_up_the_hash_and_nothing_else() {
    let binary = Binary::new().await;
    let ended = binary.run(&["simulate", "--json", "--bets", "120", "--players", "8", "--concurrency", "8"]);
    let report = ended.json();
    assert_eq!((&report["ok"], &report["deterministic"]), (&Value::Bool(true), &Value::Bool(false)));
    assert!(ended.stderr.contains("does not repeat"), "{}", ended.stderr);
}

#[tokio::test]
async fn people_get_tables() {
    let binary = Binary::new().await;
    let ended = binary.run(&["simulate", "--bets", "20", "--players", "2", "--matches", "1"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for words in ["messages", "handle", "GGR", "invariant", "books balanced", "attempts_hash"] {
        assert!(ended.stdout.contains(words), "{words} is missing in {}", ended.stdout);
    }
    assert!(!ended.stdout.contains('\u{1b}'), "colours are off where no terminal reads");
}
