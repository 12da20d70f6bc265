//! `overround sim`: a seeded workload on two processes against a reference model.

use crate::cli::Binary;
use serde_json::{Value, json};

/// How every kind of act is answered, each several times in the steps of [`STEPS`].
const MET: [(&str, &[&str]); 23] = [
    ("open_account", &["OPENED", "ACCOUNT_EXISTS"]),
    ("credit", &["MOVED", "ACCOUNT_FROZEN", "CURRENCY_MISMATCH", "INVALID"]),
    ("debit", &["MOVED", "ACCOUNT_FROZEN", "INSUFFICIENT_FUNDS", "INVALID"]),
    ("adjust", &["MOVED", "ACCOUNT_FROZEN", "INSUFFICIENT_FUNDS", "CURRENCY_MISMATCH", "INVALID"]),
    (
        "reverse_posting",
        &["MOVED", "NOT_REVERSIBLE", "ALREADY_REVERSED", "ACCOUNT_FROZEN", "INSUFFICIENT_FUNDS", "NOT_FOUND"],
    ),
    ("freeze", &["DEBIT_FROZEN", "CREDIT_FROZEN", "FROZEN"]),
    ("set_factor", &["SET"]),
    ("unfreeze", &["ACTIVE", "DEBIT_FROZEN", "CREDIT_FROZEN"]),
    (
        "place_bet",
        &[
            "ACCEPTED",
            "ACCEPTED_IN_PART",
            "DUPLICATED_REQUEST",
            "ACCOUNT_FROZEN",
            "UNKNOWN_MARKET",
            "UNKNOWN_OUTCOME",
            "OUTCOME_REMOVED",
            "OFFLINE_EVENT",
            "MARKET_CLOSED",
            "BETTING_SUSPENDED",
            "STALE_PRICE",
            "LINE_CHANGED",
            "PRICE_CHANGED",
            "CORRELATED",
            "TOO_MANY_LEGS",
            "LEG_TYPE_NOT_ALLOWED",
            "CURRENCY_MISMATCH",
            "BELOW_MIN",
            "ABOVE_MAX",
            "MAX_PAYOUT",
            "INSUFFICIENT_FUNDS",
            "IDEMPOTENCY_MISMATCH",
        ],
    ),
    ("publish", &["PUBLISHED"]),
    ("suspend", &["DONE", "NOT_FOUND"]),
    ("resume", &["DONE"]),
    ("close", &["DONE"]),
    ("set_margin", &["DONE", "ILLEGAL_TRANSITION"]),
    ("release_margin", &["DONE"]),
    ("set_prices", &["DONE", "INVALID", "ILLEGAL_TRANSITION"]),
    ("set_limits", &["LIMITED"]),
    ("set_sport_limits", &["LIMITED"]),
    ("set_type_limits", &["LIMITED"]),
    ("release_prices", &["DONE", "ILLEGAL_TRANSITION"]),
    ("settle", &["DONE", "INVALID"]),
    ("pay_market", &["PAID"]),
    ("replay", &["MOVED", "ACCEPTED", "DONE", "IDEMPOTENCY_MISMATCH", "ACCOUNT_FROZEN"]),
];

/// How bets end.
const ENDINGS: [&str; 7] = ["WON", "LOST", "PUSHED", "PARTIAL", "HALF_WON", "HALF_LOST", "VOID"];

/// How many steps are played: counted, not timed, so that a busy machine reaches as much as any.
const STEPS: &str = "400";

#[tokio::test]
async fn house_and_model_agree_on_every_answer() {
    let binary = Binary::new().await;
    let report = binary.run(&["sim", "--seed", "1", "--steps", STEPS, "--json"]).json();
    assert_eq!((&report["ok"], &report["seed"]), (&json!(true), &json!(1)));
    let count = |counts: &Value, name: &str| counts[name].as_u64().unwrap_or(0);
    for (asked, answers) in MET {
        for &answer in answers {
            let times = count(&report["answers"][asked], answer);
            assert!(times > 0, "{asked} was never answered with {answer}: {report}");
        }
    }
    for ending in ENDINGS {
        assert!(count(&report["closed"], ending) > 0, "no bet ended as {ending}: {report}");
    }
    assert!(report["replayed"].as_u64().unwrap() > 0);
    assert!(report["frames"].as_u64().unwrap() > 0);
    let stale = |answers: &[&str]| answers.iter().map(|answer| count(&report["stale"], answer)).sum::<u64>();
    assert!(stale(&["ACCEPTED", "ACCEPTED_IN_PART"]) > 0, "no stale price was sold: {report}");
    assert!(stale(&["BETTING_SUSPENDED"]) > 0, "none was refused past its window: {report}");
    let examined = |id| report["invariants"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap();
    assert!(examined("B5")["examined"].as_u64().unwrap() > 0);
    assert!(report["invariants"].as_array().unwrap().iter().all(|one| one["violations"] == 0));
}

#[tokio::test]
async fn a_run_has_accounts_and_markets_of_its_own_and_can_be_played_in_parts() {
    let binary = Binary::new().await;
    let counts = |arguments: &[&str]| -> Value {
        binary.run(&[&["sim", "--seed", "7", "--json"], arguments].concat()).json()
    };
    let asked = |report: Value| -> u64 {
        report["operations"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
    };
    // Of which name some are depends on how those before them raced: who is frozen is let go, for one.
    let (first, again) = (counts(&["--steps", "6"]), counts(&["--steps", "6"]));
    assert_eq!(asked(first), asked(again), "one seed asks as much");
    let only = counts(&["--only", "3,5:0+1"]);
    assert_eq!(only["steps"], 2);
    let people = binary.run(&["sim", "--seed", "7", "--steps", "1"]);
    assert_eq!(people.code, Some(0), "{}", people.stderr);
    assert!(people.stdout.contains("house and model agree"), "{}", people.stdout);
    assert_eq!(binary.run(&["sim", "--only", "3:x"]).code, Some(2));
}
