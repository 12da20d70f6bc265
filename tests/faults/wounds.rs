//! Wounds that other ledgers have: money spent twice, refusals that are not true, answers that are forgotten.
//! (`tests/lanes.rs` has those that one process can have.)

use crate::ledger::{Answer, Ledger};
use crate::load::{Load, Player, bet, parsed, send};
use crate::stage::Stage;
use crate::until;
use futures::future::join_all;
use overround_api::Role;
use serde_json::json;

/// How many bets on one account are under way at once, and how many there are.
const AT_ONCE: usize = 40;
const BETS: usize = 400;
const STAKE: i64 = 100;

/// Reads, checks and updates of two processes on one row: neither may spend what the other did, none may be
/// refused for what only concurrency did, and none may be given up for it.
#[tokio::test]
async fn two_processes_spend_one_balance() {
    let stage = Stage::new(2).await;
    let covered = BETS / 2;
    let funds = STAKE * i64::try_from(covered).unwrap();
    let mut alice = Player::with(&stage, "alice", funds).await;
    alice.is_poor = true;
    let addresses = stage.addresses();
    let (alice, addresses, stage) = (&alice, &addresses, &stage);
    let bettors = (0..AT_ONCE).map(|bettor| async move {
        let mut lines = Vec::new();
        for number in (bettor..BETS).step_by(AT_ONCE) {
            let body = bet(&stage.markets[number % stage.markets.len()], STAKE);
            let at = std::slice::from_ref(&addresses[number % addresses.len()]);
            lines.push(alice.sends(at, &format!("k{number}"), &body, STAKE).await);
        }
        lines
    });
    let lines: Vec<_> = join_all(bettors).await.into_iter().flatten().collect();
    let is_accepted = |answer: &Option<Answer>| matches!(answer, Some(Answer::Accepted { .. }));
    let accepted = lines.iter().filter(|line| is_accepted(&line.answer)).count();
    assert_eq!(accepted, covered, "the balance covers so many, and is spent");
    assert_eq!(alice.balance(&addresses[0]).await, (0, funds));
    for server in &stage.servers {
        assert!(!server.log().contains("gave up"), "a transaction was given up:\n{}", server.log());
    }
    let ledger = Ledger { players: vec![alice.clone()], lines };
    ledger.holds_true(stage).await;
}

/// What a key was answered with lies in PostgreSQL: a Redis that forgets everything forgets no answer. A conflict
/// moves no money.
#[tokio::test]
async fn a_key_outlives_the_cache_and_a_conflict_moves_nothing() {
    let stage = Stage::new(2).await;
    let alice = Player::with(&stage, "alice", 10_000).await;
    let (addresses, body) = (stage.addresses(), bet(&stage.markets[0], STAKE));
    let first = alice.sends(&addresses[..1], "k", &body, STAKE).await;
    let Some(Answer::Accepted { receipt, replayed: false }) = &first.answer else { panic!("{first:?}") };
    for address in &addresses {
        let client = redis::Client::open(stage.urls.redis.as_str()).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await.unwrap();
        let again = alice.insist(std::slice::from_ref(address), "k", &body).await;
        assert_eq!(again, Answer::Accepted { receipt: receipt.clone(), replayed: true });
        let other =
            alice.insist(std::slice::from_ref(address), "k", &bet(&stage.markets[1], 2 * STAKE)).await;
        assert!(
            matches!(&other, Answer::Refused { code, .. } if code == "IDEMPOTENCY_MISMATCH"),
            "{other:?}"
        );
    }
    assert_eq!(alice.balance(&addresses[0]).await, (10_000 - STAKE, STAKE));

    // Many amounts under one key at two processes: one is credited, the others are told that it was not theirs.
    let (client, finance) = (reqwest::Client::new(), stage.token("finance", &[Role::Finance]));
    let (client, finance, alice, addresses) = (&client, &finance, &alice, &addresses);
    let asked = (0..20_i64).map(|number| async move {
        let address = &addresses[usize::try_from(number).unwrap() % addresses.len()];
        let url = format!("{address}/v1/accounts/{}/credits", alice.account);
        let body = json!({"amount_cents": 1_000 + number, "currency": "EUR", "reason": "for a test"});
        (1_000 + number, send(client, finance, &url, "one-key", &body).await)
    });
    let mut credited = Vec::new();
    for (amount, (status, text)) in join_all(asked).await {
        match status {
            201 => credited.push(amount),
            _ => assert_eq!(parsed(&text)["code"], "IDEMPOTENCY_MISMATCH", "{text}"),
        }
    }
    assert_eq!(credited.len(), 1, "{credited:?}");
    assert_eq!(alice.balance(&addresses[1]).await, (10_000 - STAKE + credited[0], STAKE));
    stage.is_sound();
}

/// A suspension waits for the bets that are in flight at any process, and none commits after its answer.
#[tokio::test]
async fn no_bet_commits_after_a_suspension_was_answered() {
    let stage = Stage::of_one_lane(2).await;
    let load = Load::start(&stage, 31).await;
    let market = stage.markets[0].market_id;
    let (client, trader) = (reqwest::Client::new(), stage.token("trader", &[Role::Trader]));
    let reason = json!({"reason": "for a test"});
    let bets = "SELECT count(*) FROM betting.bet_legs l JOIN market.markets m ON m.id = l.market_id \
         WHERE m.source_key = 'm0'";
    for address in stage.addresses() {
        // Both lanes stand in the midst of transactions that have bets on this market, or will soon.
        let held = stage.hold_accounts(2).await;
        let url = format!("{address}/v1/markets/{market}");
        let suspend = send_owned(client.clone(), trader.clone(), format!("{url}/suspend"), reason.clone());
        let mut suspending = tokio::spawn(suspend);
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'overround' \
             AND wait_event_type = 'Lock' AND query LIKE '%market.%'";
        until("the suspension waits or is done", async || {
            suspending.is_finished() || stage.count(waiting).await > 0
        })
        .await;
        held.rollback().await.unwrap();
        let (status, text) = (&mut suspending).await.unwrap();
        assert_eq!(status, 200, "{text}");
        let when_answered = stage.count(bets).await;
        load.until_taken().await;
        assert_eq!(stage.count(bets).await, when_answered, "bets on a suspended market");
        let (status, text) = send(&client, &trader, &format!("{url}/resume"), &address, &reason).await;
        assert_eq!(status, 200, "{text}");
        load.until_taken().await;
    }
    load.stop().await.holds_true(&stage).await;
}

async fn send_owned(
    client: reqwest::Client,
    token: String,
    url: String,
    body: serde_json::Value,
) -> (u16, String) {
    let key = url.clone();
    send(&client, &token, &url, &key, &body).await
}
