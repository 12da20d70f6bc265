//! A book that an earlier release left, once it is migrated.

use super::{START, broken, clean_book, run};
use crate::migrations::UNDO_NEWEST;
use overround_store::{Role, doctor, migrate};
use serde_json::{Value, json};

/// What was known before such things were told of is told of by the migration.
#[tokio::test]
async fn a_book_of_the_release_before_breaks_nothing_once_it_is_migrated() {
    let (db, mut admin) = clean_book().await;
    run(&mut admin, "SET session_replication_role = replica".to_owned()).await;
    run(&mut admin, UNDO_NEWEST.to_owned()).await;
    run(&mut admin, "UPDATE market.events SET starts_at = t.at(90) WHERE id = t.id('match')".to_owned())
        .await;
    run(&mut admin, "DELETE FROM events.outbox WHERE type IN ('event.changed', 'market.opened')".to_owned())
        .await;
    run(&mut admin, "INSERT INTO events.checkpoints VALUES ('accounts', '700', 7, 1, now())".to_owned())
        .await;
    migrate::migrate(&db.pool(Role::Owner).await).await.unwrap();
    let place: (String, i64) =
        sqlx::query_as("SELECT xid8::text, identity FROM events.checkpoints WHERE consumer = 'teller'")
            .fetch_one(&mut admin)
            .await
            .unwrap();
    assert_eq!(place, ("700".to_owned(), 7), "whoever told of accounts goes on from there");
    assert_eq!(broken(&doctor::examine(&db.pool(Role::App).await).await.unwrap()), []);
    let told: Vec<(String, Value)> = sqlx::query_as(
        "SELECT type, payload FROM events.outbox WHERE aggregate_id IN (t.id('match'), t.id('total')) \
         AND type IN ('event.changed', 'market.opened') ORDER BY type",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    let [(_, event), (_, market)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(
        (&event["name"], &event["version"], &event["starts_at"]),
        (&json!("match"), &json!(1), &json!(START.plus_millis(90 * 60_000).to_string()))
    );
    assert_eq!((&market["name"], &market["market_type"]), (&json!("total"), &json!("TEST")));
}
