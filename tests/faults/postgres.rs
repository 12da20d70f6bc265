//! PostgreSQL: killed, restarted, cut off, out of room.

use crate::load::Load;
use crate::stage::Stage;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[tokio::test]
async fn killed_postgresql() {
    let mut stage = Stage::new(1).await;
    let load = Load::start(&stage, 11).await;
    for _ in 0..2 {
        stage.kill_postgres().await;
        load.until_unanswered(10).await;
        stage.supervise().await;
        load.until_taken().await;
    }
    assert!(stage.servers[0].runs(), "the server fell with its database");
    load.stop().await.is_true_of(&stage).await;
}

#[tokio::test]
async fn postgresql_restarted_in_mid_transaction() {
    let mut stage = Stage::new(2).await;
    let load = Load::start(&stage, 12).await;
    // Both lanes' transactions stand in their midst.
    let held = stage.hold_accounts(2).await;
    stage.shut_postgres_down().await;
    drop(held);
    load.until_unanswered(10).await;
    stage.supervise().await;
    load.until_taken().await;
    load.stop().await.is_true_of(&stage).await;
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
    load.stop().await.is_true_of(&stage).await;
}
