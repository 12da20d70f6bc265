//! `overround bench` with a tiny load: what it does and says. Its figures are nobody's test.

use crate::cli::Binary;
use overround_embedded::Profile;
use overround_testkit::StateFolder;
use serde_json::{Value, json};

/// Seconds and rows enough for every part to run.
const TINY: [&str; 16] = [
    "--seconds",
    "1",
    "--rounds",
    "1",
    "--bets",
    "200",
    "--accounts",
    "50",
    "--markets",
    "10",
    "--connections",
    "8",
    "--reference-scale",
    "1",
    "--set",
    "request_timeout_ms=30000",
];

fn number(report: &Value, path: &str) -> f64 {
    report.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path} is no number in {report}"))
}

/// What every report has, whatever it measured.
#[track_caller]
fn is_whole(report: &Value, name: &str, item: &str) {
    for (path, wanted) in [
        ("/ok", json!(true)),
        ("/doctor_ok", json!(true)),
        ("/name", json!(name)),
        ("/refused", json!({})),
        ("/durability", json!({"fsync": "on", "synchronous_commit": "on", "isolation": "serializable"})),
    ] {
        assert_eq!(report.pointer(path), Some(&wanted), "{path} of {report}");
    }
    for path in [
        "/value",
        "/ratio",
        "/reference/value",
        "/latency_ms/p50",
        "/latency_ms/p95",
        "/latency_ms/p99",
        "/latency_ms/max",
        "/machine/cores",
        "/machine/memory_bytes",
        "/accepted",
        "/rounds/0/ratio",
    ] {
        assert!(number(report, path) > 0.0, "{path} of {report}");
    }
    for path in ["/reference/name", "/reference/unit", "/unit", "/versions/postgresql"] {
        assert!(report.pointer(path).and_then(Value::as_str).is_some_and(|text| !text.is_empty()), "{path}");
    }
    assert_eq!(report["rounds"].as_array().map(Vec::len), Some(1));
    for field in [format!("cpu_us_per_{item}"), format!("disk_bytes_per_{item}"), "met".to_owned()] {
        assert!(report.get(&field).is_some(), "{field} of {report}");
    }
}

/// What a report of money has beside that.
#[track_caller]
fn is_of_money(report: &Value, item: &str) {
    for path in [
        "/transactions/count",
        "/batch_size/mean",
        &format!("/wal_bytes_per_{item}"),
        &format!("/cpu_us_per_{item}/postgres"),
    ] {
        assert!(number(report, path) > 0.0, "{path} of {report}");
    }
    assert!(report.pointer("/versions/pgbench").is_some_and(Value::is_string));
}

#[tokio::test]
async fn every_benchmark_measures_and_leaves_the_books_right() {
    let (binary, folder) = (Binary::alone(), StateFolder::new().await);
    // Held, so that the servers are started once.
    let runtime = folder.start(Profile::Bench).await;
    let state_dir = folder.state_dir().to_str().unwrap().to_owned();
    let bench = |words: &[&str]| {
        let ended = binary.run(&[&["bench"], words, &["--json", "--state-dir", &state_dir]].concat());
        ended.json()
    };
    let of_money = |words: &[&str]| bench(&[words, &TINY].concat());

    let place = of_money(&["place"]);
    is_whole(&place, "place", "bet");
    is_of_money(&place, "bet");
    assert_eq!((&place["goal"], &place["unit"]), (&json!(3.0), &json!("bets/s")));
    assert_eq!(place["bets_before"], 200, "the tables are filled up to what was asked for");
    assert!(
        number(&place, "/cpu_us_per_bet/server") > 0.0
            && number(&place, "/cpu_us_per_bet/load_generator") > 0.0
    );

    let varied = of_money(&["place", "--hot", "--legs", "2", "--processes", "2", "--rate", "100"]);
    is_whole(&varied, "place --hot --rate 100 --legs 2 --processes 2", "bet");
    assert_eq!(
        (&varied["goal"], &varied["met"], &varied["unit"]),
        (&Value::Null, &Value::Null, &json!("ms at p99"))
    );
    assert!(number(&varied, "/bets_before") > 200.0, "what was placed before is still there");

    let post = of_money(&["post"]);
    is_whole(&post, "post", "posting");
    is_of_money(&post, "posting");
    assert_eq!(post["goal"], 5.0);

    for (name, item) in [("odds-read", "read"), ("odds-write", "snapshot")] {
        let odds = bench(&[name, "--seconds", "1", "--rounds", "1", "--connections", "4", "--markets", "10"]);
        is_whole(&odds, name, item);
    }

    let expiry = bench(&["odds-expiry", "--readers", "200", "--rounds", "1"]);
    is_whole(&expiry, "odds-expiry", "read");
    assert_eq!(
        (&expiry["origin_loads"], &expiry["accepted"]),
        (&json!(1), &json!(200)),
        "one load, all answered"
    );
    assert_eq!((&expiry["met"], &expiry["stale_answers"]), (&json!(true), &json!(0)));

    let fanout = bench(&["fanout", "--readers", "20", "--rate", "20", "--seconds", "1", "--rounds", "1"]);
    is_whole(&fanout, "fanout", "delivery");
    assert_eq!((&fanout["lost"], &fanout["behind_at_the_end"]), (&json!(0), &json!(0)), "none lost");
    assert!(fanout.get("cpu_ratio").is_some() && number(&fanout, "/frame_bytes") > 100.0);
    runtime.stop().await.unwrap();
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let binary = Binary::alone();
    for (words, said) in [
        (&["bench", "place", "--rate", "fast"][..], "half"),
        (&["bench", "place", "--processes", "3"], "1..=2"),
        (&["bench", "place", "--legs", "21"], "1..=20"),
        (&["bench", "nothing"], "unrecognized subcommand"),
    ] {
        let ended = binary.run(words);
        assert_eq!(ended.code, Some(2), "{words:?}");
        assert!(ended.stderr.contains(said), "{words:?}: {}", ended.stderr);
    }
}
