//! Partitions are there before the rows that need them, whatever the date and however many make them.

use chrono::{DateTime, Utc};
use overround_domain::time::Timestamp;
use overround_store::{Role, migrate, partitions};
use overround_testkit::TestDb;
use sqlx::PgPool;
use std::collections::BTreeSet;

fn at(text: &str) -> Timestamp {
    text.parse::<DateTime<Utc>>().unwrap().into()
}

/// A migrated database that has no partition yet.
async fn bare() -> TestDb {
    let db = TestDb::empty().await;
    migrate::migrate(&db.pool(Role::Owner).await).await.unwrap();
    db
}

async fn run(pool: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

async fn texts(pool: &PgPool, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(pool).await.unwrap()
}

async fn made(keeper: &PgPool, now: &str) -> BTreeSet<String> {
    partitions::ensure(keeper, at(now)).await.unwrap().made.into_iter().collect()
}

fn expected(months: &[&str], days: &[&str]) -> BTreeSet<String> {
    let monthly = ["wallet.ledger_entries", "events.outbox", "chat.messages"];
    let months = months.iter().flat_map(|month| monthly.map(|table| format!("{table}_{month}")));
    months.chain(days.iter().map(|day| format!("market.price_versions_{day}"))).collect()
}

/// Balanced pairs of entries in the last and the first millisecond of two months.
const ENTRIES_AT_MONTHS_END: &str = "\
    SET session_replication_role = replica; \
    INSERT INTO wallet.ledger_entries \
    SELECT gen_random_uuid(), 0, gen_random_uuid(), md5(at::text)::uuid, 1, amount, 'EUR', 1, 'CREDIT', 'ADJUSTMENT', \
        gen_random_uuid(), at \
    FROM unnest(ARRAY['2026-11-30T23:59:59.999Z', '2026-12-01T00:00:00Z']::timestamptz[]) AS at, \
        unnest(ARRAY[1, -1]) AS amount";

#[tokio::test]
async fn a_month_ends_without_a_gap() {
    let db = bare().await;
    let (keeper, admin) = (db.pool(Role::Keeper).await, db.admin().await);
    let before = made(&keeper, "2026-11-30T23:59:59.999Z").await;
    run(&admin, ENTRIES_AT_MONTHS_END).await;
    let after = made(&keeper, "2026-12-01T00:00:00Z").await;

    let days = ["20261129", "20261130", "20261201", "20261202", "20261203"];
    assert_eq!(before, expected(&["202611", "202612", "202701"], &days));
    assert_eq!(after, expected(&[], &["20261204"]));
    let found =
        texts(&admin, "SELECT tableoid::regclass::text FROM wallet.ledger_entries GROUP BY 1 ORDER BY 1")
            .await;
    assert_eq!(found, ["wallet.ledger_entries_202611", "wallet.ledger_entries_202612"]);
}

#[tokio::test]
async fn what_exists_is_not_made_again() {
    let db = bare().await;
    let keeper = db.pool(Role::Keeper).await;
    assert!(!made(&keeper, "2026-11-23T12:00:00Z").await.is_empty());
    assert_eq!(made(&keeper, "2026-11-23T12:00:00Z").await, BTreeSet::new());
}

#[tokio::test]
async fn any_instant_gets_its_own_and_the_next_periods() {
    let db = bare().await;
    let keeper = db.pool(Role::Keeper).await;
    let cases = [
        (
            "2021-03-10T09:00:00Z",
            expected(&["202103", "202104"], &["20210309", "20210310", "20210311", "20210312", "20210313"]),
        ),
        (
            "2024-02-28T00:00:00Z",
            expected(
                &["202402", "202404", "202403"],
                &["20240227", "20240228", "20240229", "20240301", "20240302"],
            ),
        ),
        (
            "2027-01-01T00:00:00Z",
            expected(
                &["202612", "202701", "202702"],
                &["20261231", "20270101", "20270102", "20270103", "20270104"],
            ),
        ),
    ];
    for (now, expected) in cases {
        assert_eq!(made(&keeper, now).await, expected, "{now}");
    }
}

#[tokio::test]
async fn two_processes_make_each_partition_once() {
    let db = bare().await;
    let (one, other) = (db.pool(Role::Keeper).await, db.pool(Role::Keeper).await);
    let (one, other) =
        tokio::join!(made(&one, "2026-11-23T12:00:00Z"), made(&other, "2026-11-23T12:00:00Z"),);
    assert_eq!(one.intersection(&other).collect::<Vec<_>>(), Vec::<&String>::new());
    let days = ["20261122", "20261123", "20261124", "20261125", "20261126"];
    assert_eq!(&one | &other, expected(&["202611", "202612"], &days));
}

#[tokio::test]
async fn periods_are_utc_whatever_the_servers_time_zone() {
    let db = bare().await;
    let admin = db.admin().await;
    let zone = format!("ALTER DATABASE {} SET timezone = 'Pacific/Auckland'", db.name());
    sqlx::raw_sql(sqlx::AssertSqlSafe(zone)).execute(&admin).await.unwrap();
    made(&db.pool(Role::Keeper).await, "2026-11-30T23:59:59.999Z").await;
    let bounds = texts(
        &admin,
        "SELECT c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid) FROM pg_class c, set_config('timezone', 'UTC', false) \
         WHERE c.relname IN ('outbox_202612', 'price_versions_20261130') ORDER BY 1",
    )
    .await;
    assert_eq!(
        bounds,
        [
            "outbox_202612 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00')",
            "price_versions_20261130 FOR VALUES FROM ('2026-11-30 00:00:00+00') TO ('2026-12-01 00:00:00+00')",
        ]
    );
}

#[tokio::test]
async fn partitions_have_the_indexes_keys_and_triggers_of_their_tables() {
    let db = bare().await;
    made(&db.pool(Role::Keeper).await, "2026-11-23T12:00:00Z").await;
    // Each partition beside its parent: what differs is an index or a constraint that is not the
    // parent's, or a statement trigger that is missing.
    let differing = texts(
        &db.admin().await,
        "SELECT i.inhrelid::regclass::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r' \
         WHERE (SELECT count(*) FROM pg_index WHERE indrelid = i.inhrelid AND indisvalid) \
            <> (SELECT count(*) FROM pg_index WHERE indrelid = i.inhparent AND indisvalid) \
         OR EXISTS (SELECT FROM pg_index x WHERE x.indrelid = i.inhrelid \
                    AND NOT EXISTS (SELECT FROM pg_inherits p WHERE p.inhrelid = x.indexrelid)) \
         OR (SELECT count(*) FROM pg_constraint WHERE conrelid = i.inhrelid AND convalidated) \
            <> (SELECT count(*) FROM pg_constraint WHERE conrelid = i.inhparent) \
         OR ARRAY(SELECT tgname FROM pg_trigger WHERE tgrelid = i.inhrelid AND tgfoid IN (SELECT tgfoid FROM pg_trigger \
                  WHERE tgrelid = i.inhparent AND NOT tgisinternal) ORDER BY tgname) \
            <> ARRAY(SELECT tgname FROM pg_trigger WHERE tgrelid = i.inhparent AND NOT tgisinternal ORDER BY tgname)",
    )
    .await;
    assert_eq!(differing, Vec::<String>::new());
}

#[tokio::test]
async fn an_open_transaction_that_writes_does_not_hold_up_the_keeper() {
    let db = bare().await;
    let (keeper, admin) = (db.pool(Role::Keeper).await, db.admin().await);
    made(&keeper, "2026-11-23T12:00:00Z").await;
    let mut writer = db.pool(Role::App).await.begin_with("BEGIN READ WRITE").await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO events.outbox (event_id, type, aggregate_type, aggregate_id, aggregate_version, payload, created_at) \
         VALUES (gen_random_uuid(), 'chat.message', 'message', gen_random_uuid(), 1, '{}', '2026-11-23T12:00:00Z')",
    )
    .execute(&mut *writer)
    .await
    .unwrap();
    assert!(!made(&keeper, "2027-05-05T12:00:00Z").await.is_empty());
    writer.commit().await.unwrap();
    assert_eq!(texts(&admin, "SELECT type FROM events.outbox").await, ["chat.message"]);
}

#[tokio::test]
async fn a_past_partition_of_chat_can_be_taken_off_and_is_not_made_anew() {
    let db = bare().await;
    let keeper = db.pool(Role::Keeper).await;
    made(&keeper, "2021-03-10T09:00:00Z").await;
    let detach = "SELECT meta.detach_partition('chat', 'messages', '2021-03-10T09:00:00Z')";
    let name: Option<String> = sqlx::query_scalar(detach).fetch_one(&keeper).await.unwrap();
    let again: Option<String> = sqlx::query_scalar(detach).fetch_one(&keeper).await.unwrap();
    assert_eq!((name.as_deref(), again), (Some("chat.messages_202103"), None));

    let error = partitions::ensure(&keeper, at("2021-03-10T09:00:00Z")).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("chat.messages_202103 exists and is no partition of chat.messages"), "{cause}");
}

#[tokio::test]
async fn partitions_of_money_and_of_running_periods_stay() {
    let db = bare().await;
    let keeper = db.pool(Role::Keeper).await;
    let now = Utc::now().to_rfc3339();
    made(&keeper, &now).await;
    made(&keeper, "2021-03-10T09:00:00Z").await;
    for (schema, table, day, code) in [
        ("wallet", "ledger_entries", "2021-03-10", "42501"),
        ("events", "outbox", "2021-03-10", "42501"),
        ("market", "price_versions", "2021-03-10", "42501"),
        ("wallet", "accounts", "2021-03-10", "42501"),
        ("chat", "messages", now.as_str(), "55006"),
    ] {
        let result = sqlx::query("SELECT meta.detach_partition($1, $2, $3::timestamptz)")
            .bind(schema)
            .bind(table)
            .bind(day.parse::<DateTime<Utc>>().unwrap_or_else(|_| "2021-03-10T00:00:00Z".parse().unwrap()))
            .execute(&keeper)
            .await;
        let error = result.unwrap_err();
        assert_eq!(
            error.as_database_error().and_then(|error| error.code()).as_deref(),
            Some(code),
            "{schema}.{table}: {error}"
        );
    }
}
