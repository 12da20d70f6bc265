//! PostgreSQL: killed, restarted, cut off, out of room.

use crate::load::Load;
use crate::stage::Stage;
use crate::until;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[tokio::test]
async fn killed_postgresql() {
    let mut stage = Stage::new(1).await;
    let load = Load::start(&stage, 11).await;
    stage.kill_postgres().await;
    load.until_unanswered(10).await;
    stage.supervise().await;
    load.until_taken().await;
    assert!(stage.servers[0].runs(), "the server fell with its database");
    load.stop().await.holds_true(&stage).await;
}

#[tokio::test]
async fn postgresql_restarted_in_mid_transaction() {
    let mut stage = Stage::of_one_lane(2).await;
    let load = Load::start(&stage, 12).await;
    // Both lanes' transactions stand in their midst.
    let held = stage.hold_accounts(2).await;
    stage.shut_postgres_down().await;
    drop(held);
    load.until_unanswered(10).await;
    stage.supervise().await;
    load.until_taken().await;
    load.stop().await.holds_true(&stage).await;
}

#[tokio::test]
async fn a_full_disk_under_postgresql() {
    let Some(mut stage) = Stage::on_small_disk(1).await else { return };
    let load = Load::start(&stage, 14).await;
    stage.fill_disk();
    // Tables cannot grow.
    load.until_unanswered(20).await;
    let why = "No space left on device";
    until("the server tells why", async || stage.servers[0].log().contains(why)).await;
    // Nor can the log, which PostgreSQL does not survive.
    let _ = sqlx::query("SELECT pg_switch_wal()").execute(&stage.admin).await;
    load.until_unanswered(20).await;
    stage.free_disk();
    stage.supervise().await;
    load.until_taken().await;
    load.stop().await.holds_true(&stage).await;
}

#[tokio::test]
async fn connections_cut_at_random() {
    let stage = Stage::new(2).await;
    let load = Load::start(&stage, 13).await;
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    for _ in 0..20 {
        let victims: Vec<i32> = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity WHERE datname = 'overround' AND usename <> 'postgres' ORDER BY pid",
        )
        .fetch_all(&stage.admin)
        .await
        .unwrap();
        for victim in victims {
            if rng.random_bool(0.3) {
                sqlx::query("SELECT pg_terminate_backend($1)")
                    .bind(victim)
                    .execute(&stage.admin)
                    .await
                    .unwrap();
            }
        }
        load.until_some_taken(10).await;
    }
    load.until_taken().await;
    load.stop().await.holds_true(&stage).await;
}
