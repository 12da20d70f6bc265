//! `overround replay`: recorded markets through the whole system.

use crate::cli::{Binary, Running};
use overround_app::Clock;
use overround_domain::markets::SourceStatus;
use overround_testkit::{TestServer, match_odds, recordings};
use serde_json::{Value, json};
use std::path::Path;
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

/// Waits until a count of the run's rows is above a number.
async fn until_more(binary: &Binary, running: &mut Running, sql: &'static str, than: i64) {
    let admin = binary.db().admin().await;
    let until = Instant::now() + Duration::from_secs(60);
    while sqlx::query_scalar::<_, i64>(sql).fetch_one(&admin).await.unwrap() <= than {
        assert!(
            Instant::now() < until && running.0.try_wait().unwrap().is_none(),
            "it is over before: {sql}"
        );
    }
    admin.close().await;
}

/// SIGKILL: nothing can be finished or tidied up.
fn kill(mut running: Running) {
    running.0.kill().unwrap();
    running.0.wait().unwrap();
}

#[tokio::test]
async fn a_replay_that_is_killed_leaves_sound_books_and_the_next_one_pays_them() {
    let Some(folder) = recordings() else { return };
    let binary = Binary::new().await;
    let files = [RECORDINGS[3].file, RECORDINGS[4].file].map(|file| folder.join(file).display().to_string());
    let replay = |bets| binary.command(&["replay", &files[0], &files[1], "--json", "--bets", bets]);
    let mut running = Running::start(replay("3000"));
    until_more(&binary, &mut running, "SELECT count(*) FROM betting.bets", 100).await;
    kill(running);
    assert_eq!(binary.run(&["doctor"]).code, Some(0));
    let again = replay("60").output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stderr));
}

#[tokio::test]
async fn another_producer_s_bets_are_not_paid_on_the_run_s_clock() {
    let binary = Binary::new().await;
    let server = TestServer::start(binary.db(), Clock::system()).await;
    let (player, account) = server.funded("ada", 10_000).await;
    let mut source = match_odds("another", "1.1", &[(2, 1), (2, 1)]);
    let market = server.publish(&source).await;
    let (outcome, quote) = market.snapshot.prices.first_key_value().unwrap();
    let leg = json!({
        "market_id": market.market_id.to_string(), "outcome_id": outcome.to_string(),
        "price": {"num": quote.price.num(), "den": quote.price.den()}, "market_version": 1,
    });
    let body = json!({"stake_cents": 500, "currency": "EUR", "price_policy": "ANY", "legs": [leg]});
    let path = format!("/v1/accounts/{account}/bets");
    player.post(&path, "one", &body).await.expect(201);
    // Paced, so that the result comes while it runs.
    let arguments = ["simulate", "--json", "--matches", "1", "--bets", "10", "--speed", "2500"];
    let mut running = Running::start(binary.command(&arguments));
    until_more(
        &binary,
        &mut running,
        "SELECT count(*) FROM market.markets WHERE producer LIKE 'replay:%'",
        0,
    )
    .await;
    source.status = SourceStatus::Closed;
    for (index, outcome) in source.outcomes.iter_mut().enumerate() {
        outcome.won = Some(index == 0);
    }
    server.publish(&source).await;
    assert!(running.0.try_wait().unwrap().is_none(), "it is over before the result came");
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    let bets = player.get(&path).await.expect(200);
    assert_eq!(bets["items"][0]["status"], "PENDING", "{bets}");
    assert_eq!(server.app().pay_market(market.market_id).await.unwrap().bets, 1, "its own workers pay it");
    drop(server);
}

/// A market's definition: runners by id and status, prices for those that are ACTIVE.
fn message(pt: i64, market: &str, status: &str, places: i64, runners: &[(u32, &str)]) -> String {
    let listed: Vec<Value> =
        runners.iter().map(|(id, status)| json!({"id": id, "sortPriority": id, "status": status})).collect();
    let rc: Vec<Value> = runners
        .iter()
        .filter(|(_, status)| *status == "ACTIVE")
        // One of the prices moves with the time.
        .map(|(id, _)| json!({"id": id, "batb": [[0, if *id == 1 { 2.5 + f64::from(pt as i32 % 7) / 10.0 } else { 3.5 }, 10]]}))
        .collect();
    let definition = json!({
        "eventId": format!("e{market}"), "eventTypeId": "7", "marketType": "WIN", "bettingType": "ODDS",
        "status": status, "numberOfWinners": places, "runners": listed,
    });
    let change = json!({"id": market, "marketDefinition": definition, "rc": rc});
    json!({"op": "mcm", "pt": 1_700_000_000_000 + pt * 1_000, "mc": [change]}).to_string()
}

/// What is said of a market: status, number of winners, runners.
type Said<'a> = (&'a str, i64, &'a [(u32, &'a str)]);

/// A market that is on sale for some messages, and then what is said of it.
fn market(key: &str, said: &[Said<'_>]) -> Vec<String> {
    const FIELD: [(u32, &str); 3] = [(1, "ACTIVE"), (2, "ACTIVE"), (3, "ACTIVE")];
    let on_sale = (0..40).map(|pt| message(pt, key, "OPEN", 1, &FIELD));
    let then =
        (40..).zip(said).map(|(pt, (status, places, runners))| message(pt, key, status, *places, runners));
    on_sale.chain(then).collect()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn whatever_a_source_says_next_house_and_recording_agree() {
    const A: &[(u32, &str)] = &[(1, "WINNER"), (2, "LOSER"), (3, "LOSER")];
    const B: &[(u32, &str)] = &[(1, "LOSER"), (2, "WINNER"), (3, "LOSER")];
    const BOTH: &[(u32, &str)] = &[(1, "WINNER"), (2, "WINNER"), (3, "LOSER")];
    const RUN: &[(u32, &str)] = &[(1, "ACTIVE"), (2, "ACTIVE"), (3, "ACTIVE")];
    const GONE: &[(u32, &str)] = &[(1, "ACTIVE"), (2, "ACTIVE"), (3, "REMOVED")];
    const FEWER: &[(u32, &str)] = &[(1, "ACTIVE"), (2, "ACTIVE")];
    const DRAW: &[(u32, &str)] = &[(1, "ACTIVE"), (2, "ACTIVE"), (3, "ACTIVE"), (58_805, "ACTIVE")];
    const DRAWN: &[(u32, &str)] = &[(1, "WINNER"), (2, "WINNER"), (3, "LOSER"), (58_805, "LOSER")];
    let cases: [(&str, &[Said<'_>]); 9] = [
        ("a second result", &[("CLOSED", 1, A), ("CLOSED", 1, B)]),
        ("a runner that is left out", &[("OPEN", 1, FEWER), ("OPEN", 1, FEWER), ("CLOSED", 1, &A[..2])]),
        ("a runner that is left out and closes", &[("OPEN", 1, FEWER), ("CLOSED", 1, B)]),
        ("a runner that comes back", &[("OPEN", 1, GONE), ("OPEN", 1, RUN), ("CLOSED", 1, A)]),
        ("no places any more", &[("OPEN", 0, RUN), ("CLOSED", 0, A)]),
        ("a dead heat of more places", &[("OPEN", 2, RUN), ("CLOSED", 2, BOTH)]),
        ("a draw that comes", &[("OPEN", 1, DRAW), ("CLOSED", 1, DRAWN)]),
        ("no runners", &[("SUSPENDED", 1, &[]), ("OPEN", 1, RUN), ("CLOSED", 1, B)]),
        ("closed, open again, closed", &[("CLOSED", 1, RUN), ("OPEN", 1, RUN), ("CLOSED", 1, A)]),
    ];
    let binary = Binary::new().await;
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<String> = (0..)
        .zip(cases)
        .map(|(number, (name, said))| {
            write(folder.path(), name, &market(&format!("1.{number}"), said).join("\n"))
        })
        .collect();
    let files = files.iter().map(String::as_str);
    let arguments: Vec<&str> = ["replay", "--json", "--bets", "300"].into_iter().chain(files).collect();
    let report = binary.run(&arguments).json();
    assert_eq!(report["settled_as_recorded"], true, "{report}");
    assert_eq!(
        (&report["markets_settled"], &report["bets"]["open"]),
        (&json!(cases.len()), &json!(0)),
        "{report}"
    );
    assert!(
        report["bets"]["void"].as_u64() > Some(0) && report["bets"]["partial"].as_u64() > Some(0),
        "{report}"
    );
}

#[tokio::test]
async fn what_a_recording_has_lost_is_told_and_the_rest_is_played() {
    const WON: &[(u32, &str)] = &[(1, "WINNER"), (2, "LOSER"), (3, "LOSER")];
    let part = |pt: i64, segment: &str| {
        json!({"op": "mcm", "id": 1, "pt": 1_700_000_000_000_i64 + pt * 1_000, "segmentType": segment, "mc": []}).to_string()
    };
    let mut lines = vec![part(0, "SEG"), part(0, "SEG_END")];
    lines.extend(market("1.1", &[("CLOSED", 1, WON)]));
    lines.extend([part(41, "SEG_START"), part(41, "SEG_START"), part(41, "SEG")]);
    lines.push(r#"{"op":"mcm","pt":17000000"#.to_owned());
    let (binary, folder) = (Binary::new().await, tempfile::tempdir().unwrap());
    let file = write(folder.path(), "torn.jsonl", &lines.join("\n"));
    let ended = binary.run(&["replay", &file, "--json", "--bets", "30"]);
    let report = ended.json();
    assert_eq!((&report["left_out"], &report["messages"]), (&json!(5), &json!(41)), "{report}");
    assert_eq!((&report["markets_settled"], &report["bets"]["open"]), (&json!(1), &json!(0)), "{report}");
    for words in ["line 1:", "line 2:", "line 45:", "line 47 is torn off", "before SEG_END"] {
        assert_eq!(ended.stderr.matches(words).count().min(1), 1, "{words} is missing in {}", ended.stderr);
    }
    assert_eq!(ended.stderr.lines().filter(|line| line.contains("left out")).count(), 5, "{}", ended.stderr);
}

#[tokio::test]
async fn a_process_that_is_killed_leaves_sound_books_and_the_next_one_goes_on() {
    let binary = Binary::new().await;
    let mut running = Running::start(binary.command(&["simulate", "--bets", "2000", "--seed", "4"]));
    until_more(&binary, &mut running, "SELECT count(*) FROM betting.settlements", 20).await;
    kill(running);
    assert_eq!(binary.run(&["doctor"]).code, Some(0));
    let report =
        binary.run(&["simulate", "--json", "--bets", "20", "--players", "2", "--matches", "1"]).json();
    assert_eq!(report["ok"], true);
}
