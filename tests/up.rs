//! `overround up` beside people who use what it prints.

use crate::cli::{Binary, Running};
use overround_testkit::until;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};

/// A match in progress, with what it printed first.
struct Up {
    running: Running,
    base: String,
    trader: String,
}

impl Up {
    fn start(binary: &Binary, seconds: &str) -> Self {
        let arguments = ["up", "--listen", "127.0.0.1:0", "--seed", "1", "--matches", "1", "--match-seconds"];
        let mut running = Running::start(binary.command(&[&arguments[..], &[seconds]].concat()));
        let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut told = |word: &str| {
            let line = lines.by_ref().find(|line| line.trim_start().starts_with(word)).unwrap();
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        let (base, trader) = (told("API"), told("trader"));
        // Read on, so that it is never held up by a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { running, base, trader }
    }

    /// Waits for its end; the exit code and what it wrote to standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let mut stderr = String::new();
        self.running.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (self.running.0.wait().unwrap().code(), stderr)
    }
}

#[tokio::test]
async fn a_person_who_settles_the_live_match_otherwise_is_told_of_and_not_fatal() {
    let binary = Binary::new().await;
    let up = Up::start(&binary, "6");
    let admin = binary.db().admin().await;
    let bets = "SELECT count(*) FROM betting.bets";
    until("players bet", async || sqlx::query_scalar::<_, i64>(bets).fetch_one(&admin).await.unwrap() >= 20)
        .await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let list = http.get(format!("{}/markets?limit=50", up.base)).bearer_auth(&up.trader);
    let list: Value = list.send().await.unwrap().json().await.unwrap();
    for market in list["items"].as_array().unwrap() {
        let outcomes: Vec<Value> = market["outcomes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|outcome| json!({"outcome_id": outcome["id"], "result": "VOID"}))
            .collect();
        let id = market["id"].as_str().unwrap();
        let settle = http.post(format!("{}/markets/{id}/settle", up.base)).bearer_auth(&up.trader);
        let settle = settle.header("Idempotency-Key", format!("void-{id}"));
        let answer = settle.json(&json!({"reason": "a mistake", "outcomes": outcomes})).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
    let (code, stderr) = up.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("got their results from somebody else"), "{stderr}");
    admin.close().await;
}
