//! The application's clock, set back by an hour under load.

use crate::ledger::Line;
use crate::load::{Load, Player, bet};
use crate::stage::Stage;
use overround_app::Clock;
use overround_testkit::match_odds;
use serde_json::json;

const HOUR_MS: i64 = 3_600_000;
const STAKE: i64 = 100;

/// One process's clock, which is also its producer's, goes back; the other's does not.
#[tokio::test]
async fn a_clock_that_steps_back_an_hour() {
    let clock = Clock::stepping();
    // Set back for the start, which makes the partitions that a house of more than an hour has.
    clock.step(-HOUR_MS);
    let mut stage = Stage::with_clock(1, clock.clone()).await;
    clock.step(HOUR_MS);
    stage.serve_here().await;
    let load = Load::start(&stage, 21).await;
    let even = match_odds("moving", "moving", &[(2, 1), (2, 1)]);
    let moved = match_odds("moving", "moving", &[(3, 1), (3, 2)]);
    let first = stage.publish(&even).await;
    let alice = Player::with(&stage, "alice", 100_000).await;
    let addresses = stage.addresses();
    let here = &addresses[1..];
    let mut plain = bet(&first, STAKE);
    plain["confirm_duplicate"] = json!(false);
    let mut lines = vec![alice.sends(here, "before", &plain, STAKE).await];

    clock.step(-HOUR_MS);
    load.until_taken().await;
    let again = alice.sends(here, "before", &plain, STAKE).await;
    assert_eq!(id(&again), id(&lines[0]), "the key is known");
    // Nobody placed the same bet moments ago, by the clock as it is now.
    lines.push(alice.sends(here, "after", &plain, STAKE).await);
    // Versions go on and are sold at, whichever process is asked.
    let mut versions = vec![first.version];
    for (number, state) in [&moved, &even, &moved].into_iter().enumerate() {
        let published = stage.publish(state).await;
        versions.push(published.version);
        for (at, address) in addresses.iter().enumerate() {
            let (key, body) = (format!("moved-{number}-{at}"), bet(&published, STAKE));
            lines.push(alice.sends(std::slice::from_ref(address), &key, &body, STAKE).await);
        }
    }
    assert_eq!(versions, [1, 2, 3, 4].map(Some));
    load.until_taken().await;
    let mut ledger = load.stop().await;
    assert!(lines.iter().all(|line| id(line).is_some()), "{lines:?}");
    ledger.add(alice, lines);
    ledger.holds_true(&stage).await;
}

fn id(line: &Line) -> Option<uuid::Uuid> {
    line.answer.as_ref()?.bet_id()
}
