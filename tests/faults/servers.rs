//! The house's own processes and Valkey: killed, stopped and gone on.

use crate::load::Load;
use crate::stage::Stage;
use crate::until;
use std::time::Duration;
use tokio::time::timeout;

/// How long it may take to see that a stopped process has a transaction open: PostgreSQL ends it ten seconds after.
const CAUGHT_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_killed_server() {
    let mut stage = Stage::new(2).await;
    let load = Load::start(&stage, 1).await;
    for _ in 0..2 {
        stage.servers[0].kill();
        load.until_unanswered(10).await;
        // The other one goes on meanwhile.
        load.until_taken_by(1).await;
        stage.servers[0].start_again().await;
        load.until_taken().await;
    }
    load.stop().await.holds_true(&stage).await;
}

#[tokio::test]
async fn killed_valkey() {
    let mut stage = Stage::new(1).await;
    let load = Load::start(&stage, 2).await;
    stage.kill_valkey().await;
    load.until_unanswered(10).await;
    stage.supervise().await;
    // It comes back empty: the producer's next sign of life puts the markets on sale again.
    load.until_taken().await;
    load.stop().await.holds_true(&stage).await;
}

/// A process that stands still for longer than all that waits for it: its callers, its requests' deadlines,
/// and PostgreSQL, which ends the transaction that it had open.
#[tokio::test]
async fn a_server_that_stands_still() {
    let stage = Stage::of_one_lane(2).await;
    let load = Load::start(&stage, 3).await;
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'overround' AND usename = 'overround_app' \
         AND state LIKE 'idle in transaction%' AND now() - state_change > '1s'";
    // Lanes are caught inside a transaction; then one process is stopped, and the accounts let go. If it was not in the
    // midst of one when it came to stand, it is caught once more.
    loop {
        let held = stage.hold_accounts(2).await;
        stage.servers[0].signal("STOP");
        held.rollback().await.unwrap();
        let opened = until("a transaction of it is open", async || stage.count(idle).await > 0);
        if timeout(CAUGHT_WITHIN, opened).await.is_ok() {
            break;
        }
        stage.servers[0].signal("CONT");
        load.until_taken().await;
    }
    until("PostgreSQL ends it", async || stage.count(idle).await == 0).await;
    load.until_unanswered(1).await;
    load.until_taken_by(1).await;
    stage.servers[0].signal("CONT");
    load.until_taken().await;
    load.stop().await.holds_true(&stage).await;
}
