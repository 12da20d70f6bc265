//! `overround sim`: a seeded workload on two processes against a reference model.

use crate::cli::Binary;
use serde_json::{Value, json};

/// What every run of some length meets.
const MET: [&str; 24] = [
    "OPENED",
    "ACCOUNT_EXISTS",
    "MOVED",
    "ACCEPTED",
    "DONE",
    "PUBLISHED",
    "PAID",
    "NOT_FOUND",
    "INVALID",
    "IDEMPOTENCY_MISMATCH",
    "DUPLICATED_REQUEST",
    "UNKNOWN_MARKET",
    "UNKNOWN_OUTCOME",
    "OUTCOME_REMOVED",
    "MARKET_CLOSED",
    "BETTING_SUSPENDED",
    "STALE_PRICE",
    "PRICE_CHANGED",
    "CORRELATED",
    "TOO_MANY_LEGS",
    "BELOW_MIN",
    "ABOVE_MAX",
    "MAX_PAYOUT",
    "INSUFFICIENT_FUNDS",
];

#[tokio::test]
async fn house_and_model_agree() {
    let binary = Binary::new().await;
    let report = binary.run(&["sim", "--seed", "1", "--steps", "150", "--json"]).json();
    assert_eq!((&report["ok"], &report["seed"], &report["steps"]), (&json!(true), &json!(1), &json!(150)));
    let outcomes = report["outcomes"].as_object().unwrap();
    for outcome in
        MET.iter().chain(&["OFFLINE_EVENT", "LINE_CHANGED", "LEG_TYPE_NOT_ALLOWED", "CURRENCY_MISMATCH"])
    {
        assert!(outcomes.contains_key(*outcome), "nothing was answered with {outcome}: {outcomes:?}");
    }
    let operations = report["operations"].as_object().unwrap();
    for operation in [
        "credit",
        "debit",
        "place_bet",
        "publish",
        "suspend",
        "resume",
        "close",
        "settle",
        "pay_market",
        "replay",
    ] {
        assert!(operations.contains_key(operation), "{operation} is missing: {operations:?}");
    }
    assert!(report["replayed"].as_u64().unwrap() > 0);
    assert!(report["invariants"].as_array().unwrap().iter().all(|one| one["violations"] == 0));
}

#[tokio::test]
async fn a_run_has_accounts_and_markets_of_its_own_and_can_be_played_in_parts() {
    let binary = Binary::new().await;
    let counts = |arguments: &[&str]| -> Value {
        binary.run(&[&["sim", "--seed", "7", "--json"], arguments].concat()).json()
    };
    let first = counts(&["--steps", "6"]);
    let again = counts(&["--steps", "6"]);
    assert_eq!(first["operations"], again["operations"], "one seed asks the same");
    let only = counts(&["--only", "3,5:0+1"]);
    assert_eq!(only["steps"], 2);
    let people = binary.run(&["sim", "--seed", "7", "--steps", "1"]);
    assert_eq!(people.code, Some(0), "{}", people.stderr);
    assert!(people.stdout.contains("house and model agree"), "{}", people.stdout);
    assert_eq!(binary.run(&["sim", "--only", "3:x"]).code, Some(2));
}
