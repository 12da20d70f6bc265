//! `overround doctor`: every invariant is reported when the data breaks it, and no other with it.
//!
//! What breaks the data runs as a superuser with triggers and foreign keys off, as no role of
//! Overround can.

#[path = "doctor/breakages.rs"]
mod breakages;

use breakages::BREAKAGES;
use overround_domain::time::Timestamp;
use overround_store::doctor::{self, Finding};
use overround_store::{Role, partitions};
use overround_testkit::TestDb;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::collections::BTreeSet;

/// 2026-11-23T12:00:00Z, the book's first moment.
const START: Timestamp = Timestamp::from_millis(1_795_435_200_000);

const CLEAN_BOOK: &str = include_str!("doctor/clean_book.sql");

const CHECKED: [&str; 11] = ["L1", "L2", "L3", "L4", "L5", "B1", "B2", "B3", "B4", "M1", "E1"];

/// The tables that breakages touch.
const TABLES: [&str; 11] = [
    "wallet.accounts",
    "wallet.ledger_entries",
    "wallet.idempotency",
    "wallet.actor_idempotency",
    "market.markets",
    "market.price_versions",
    "market.results",
    "betting.bets",
    "betting.bet_legs",
    "betting.settlements",
    "events.outbox",
];

async fn run(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql.clone()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{error}: {}", sql.chars().take(300).collect::<String>()));
}

/// A database with the clean book, and a superuser's connection to it.
async fn clean_book() -> (TestDb, PgConnection) {
    let db = TestDb::create().await;
    partitions::ensure(&db.pool(Role::Keeper).await, START).await.unwrap();
    let mut admin = PgConnection::connect(db.url()).await.unwrap();
    run(&mut admin, CLEAN_BOOK.to_owned()).await;
    (db, admin)
}

fn broken(findings: &[Finding]) -> Vec<(&str, i64)> {
    findings
        .iter()
        .filter(|finding| !finding.holds())
        .map(|finding| (finding.id, finding.violations))
        .collect()
}

#[tokio::test]
async fn a_clean_book_breaks_nothing() {
    let (db, _admin) = clean_book().await;
    let findings = doctor::examine(&db.pool(Role::App).await).await.unwrap();
    let examined: Vec<(&str, i64)> = findings.iter().map(|finding| (finding.id, finding.examined)).collect();
    assert_eq!(findings.iter().find(|finding| !finding.holds()), None);
    assert_eq!(
        examined,
        [
            ("L1", 13),
            ("L2", 6),
            ("L3", 4),
            ("L4", 30),
            ("L5", 1),
            ("B1", 7),
            ("B2", 5),
            ("B3", 5),
            ("B4", 6),
            ("M1", 5),
            ("E1", 21),
        ]
    );
    assert!(findings.iter().all(|finding| !finding.statement.is_empty()));
}

#[tokio::test]
async fn an_empty_database_breaks_nothing() {
    let db = TestDb::create().await;
    let findings = doctor::examine(&db.pool(Role::App).await).await.unwrap();
    assert_eq!(findings.iter().map(|finding| finding.id).collect::<Vec<_>>(), CHECKED);
    assert_eq!(broken(&findings), []);
}

#[tokio::test]
async fn each_breakage_is_reported_as_its_invariant_and_no_other() {
    let (db, mut admin) = clean_book().await;
    let app = db.pool(Role::App).await;
    run(&mut admin, "SET session_replication_role = replica; CREATE SCHEMA kept".to_owned()).await;
    for table in TABLES {
        run(&mut admin, format!("CREATE TABLE kept.{} AS TABLE {table}", table.replace('.', "_"))).await;
    }
    for (name, id, violations, sql) in BREAKAGES {
        run(&mut admin, (*sql).to_owned()).await;
        let findings = doctor::examine(&app).await.unwrap();
        assert_eq!(broken(&findings), [(*id, *violations)], "{name}: {findings:#?}");
        let finding = findings.iter().find(|finding| finding.id == *id).unwrap();
        assert!(
            !finding.samples.is_empty() && finding.samples.iter().all(|sample| !sample.is_empty()),
            "{name}"
        );
        for table in TABLES {
            run(
                &mut admin,
                format!("DELETE FROM {table}; INSERT INTO {table} TABLE kept.{}", table.replace('.', "_")),
            )
            .await;
        }
    }
    let tried: BTreeSet<&str> = BREAKAGES.iter().map(|(_, id, _, _)| *id).collect();
    assert_eq!(tried, CHECKED.into_iter().collect());
}

#[tokio::test]
async fn samples_are_few_however_much_is_broken() {
    let (db, mut admin) = clean_book().await;
    run(
        &mut admin,
        "SET session_replication_role = replica; \
         UPDATE wallet.ledger_entries SET balance_after = balance_after + account_seq"
            .to_owned(),
    )
    .await;
    let findings = doctor::examine(&db.pool(Role::App).await).await.unwrap();
    let finding = findings.iter().find(|finding| finding.id == "L4").unwrap();
    assert_eq!((finding.violations, finding.samples.len()), (30, 5));
}
