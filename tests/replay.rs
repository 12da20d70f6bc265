//! `overround replay`: recorded markets through the whole system.

use crate::cli::{Binary, Running};
use overround_testkit::recordings;
use serde_json::Value;
use std::time::{Duration, Instant};

/// What a recording must come to.
struct Recording {
    file: &'static str,
    messages: u64,
    markets: u64,
    settled: u64,
}

const RECORDINGS: [Recording; 7] = [
    Recording { file: "29788105-tennis-match-odds.jsonl", messages: 11_110, markets: 1, settled: 1 },
    Recording { file: "29788457-tennis-event-4-markets.jsonl", messages: 8_272, markets: 4, settled: 4 },
    Recording { file: "1.200806927-cricket-match-odds.jsonl", messages: 18_529, markets: 1, settled: 1 },
    Recording { file: "1.197931750-racing-win.jsonl", messages: 166, markets: 1, settled: 1 },
    Recording { file: "1.197931751-racing-place.jsonl", messages: 166, markets: 1, settled: 1 },
    Recording { file: "1.132153978-racing-removed-runners.jsonl", messages: 480, markets: 1, settled: 1 },
    Recording { file: "1.242971311-football-200-markets.bz2", messages: 1_736, markets: 200, settled: 0 },
];

async fn plays(number: usize) {
    let Some(folder) = recordings() else { return };
    let recording = &RECORDINGS[number];
    let binary = Binary::new().await;
    let file = folder.join(recording.file);
    let report =
        binary.run(&["replay", file.to_str().unwrap(), "--json", "--bets", "80", "--players", "8"]).json();
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(report["settled_as_recorded"], true, "{report}");
    assert_eq!(report["messages"], recording.messages);
    assert_eq!(report["markets"], recording.markets);
    assert_eq!(report["markets_settled"], recording.settled, "{report}");
    let bets = &report["bets"];
    assert!(bets["accepted"].as_u64().unwrap() > 20, "{bets}");
    if recording.settled == recording.markets {
        assert_eq!(bets["open"], 0, "{bets}");
    } else {
        assert_eq!(bets["open"], bets["accepted"], "bets of a recording that ends open stay held: {bets}");
    }
    assert_eq!(binary.run(&["doctor"]).code, Some(0));
}

macro_rules! recordings_play {
    ($($name:ident = $number:literal;)*) => {
        $(#[tokio::test]
        async fn $name() {
            plays($number).await;
        })*
    };
}

recordings_play! {
    tennis_settles_as_recorded = 0;
    four_markets_of_one_event_settle_as_recorded = 1;
    cricket_settles_as_recorded = 2;
    a_race_to_win_settles_as_recorded = 3;
    a_race_for_places_settles_as_recorded = 4;
    bets_on_removed_runners_are_void = 5;
    two_hundred_open_markets_keep_their_bets_held = 6;
}

#[tokio::test]
async fn one_file_and_seed_have_one_hash() {
    let Some(folder) = recordings() else { return };
    let binary = Binary::new().await;
    let play = |files: &[&str], seed: &str| -> Value {
        let files: Vec<String> = files.iter().map(|file| folder.join(file).display().to_string()).collect();
        let files = files.iter().map(String::as_str);
        let options = ["--json", "--bets", "60", "--players", "5", "--seed", seed];
        let arguments: Vec<&str> = ["replay"].into_iter().chain(files).chain(options).collect();
        binary.run(&arguments).json()["attempts_hash"].clone()
    };
    let both = [RECORDINGS[3].file, RECORDINGS[4].file];
    let first = play(&both, "1");
    assert_eq!(first, play(&both, "1"));
    assert_ne!(first, play(&both, "2"));
    assert_ne!(first, play(&both[..1], "1"));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named_with_its_line_and_changes_nothing() {
    let binary = Binary::new().await;
    let dir = tempfile::tempdir().unwrap();
    let bad = dir.path().join("bad.jsonl");
    std::fs::write(&bad, "{\"op\":\"mcm\",\"pt\":1,\"clk\":\"a\",\"mc\":[]}\n{\"op\":\"mcm\",\n").unwrap();
    let bad = bad.to_str().unwrap();
    binary.run(&["replay", bad]).fails(2, &["bad.jsonl", "line 2"]);
    let empty = dir.path().join("empty.jsonl");
    std::fs::write(&empty, "").unwrap();
    binary.run(&["replay", empty.to_str().unwrap()]).fails(2, &["no market"]);
    binary.run(&["replay", "missing.jsonl"]).fails(2, &["missing.jsonl"]);
    let admin = binary.db().admin().await;
    let accounts: i64 = sqlx::query_scalar("SELECT count(*) FROM wallet.accounts WHERE kind = 'PLAYER'")
        .fetch_one(&admin)
        .await
        .unwrap();
    assert_eq!(accounts, 0);
    admin.close().await;
}

#[tokio::test]
async fn a_process_that_is_killed_leaves_sound_books_and_the_next_one_goes_on() {
    let binary = Binary::new().await;
    let mut running = Running::start(binary.command(&["simulate", "--bets", "2000", "--seed", "4"]));
    let admin = binary.db().admin().await;
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let settled: i64 =
            sqlx::query_scalar("SELECT count(*) FROM betting.settlements").fetch_one(&admin).await.unwrap();
        if settled > 20 {
            break;
        }
        assert!(
            Instant::now() < until && running.0.try_wait().unwrap().is_none(),
            "it is over before it was killed"
        );
    }
    // SIGKILL: nothing can be finished or tidied up.
    running.0.kill().unwrap();
    running.0.wait().unwrap();
    admin.close().await;
    assert_eq!(binary.run(&["doctor"]).code, Some(0));
    let report =
        binary.run(&["simulate", "--json", "--bets", "20", "--players", "2", "--matches", "1"]).json();
    assert_eq!(report["ok"], true);
}
