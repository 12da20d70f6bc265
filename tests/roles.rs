//! What the application and the keeper may not do, and what nobody may.

use overround_domain::time::Timestamp;
use overround_store::{Role, partitions};
use overround_testkit::TestDb;
use sqlx::PgPool;

/// 2026-11-23T12:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_795_435_200_000);

const DENIED: &str = "42501";
const READ_ONLY: &str = "25006";
const NEVER_CHANGES: &str = "23001";
const UNBALANCED: &str = "23514";

async fn book() -> TestDb {
    let db = TestDb::create().await;
    partitions::ensure(&db.pool(Role::Keeper).await, NOW).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO wallet.accounts (id, cell, kind, currency, created_at) VALUES \
             (md5('house')::uuid, 0, 'HOUSE', 'EUR', '2026-11-23T12:00:00Z'), \
             (md5('clearing')::uuid, 0, 'PSP_CLEARING', 'EUR', '2026-11-23T12:00:00Z'); \
         INSERT INTO wallet.ledger_entries SELECT * FROM (VALUES \
             (md5('e1')::uuid, 0, md5('house')::uuid, md5('p')::uuid, 1, 5, 'EUR', 5, 'CREDIT', 'ADJUSTMENT', md5('p')::uuid, '2026-11-23T12:00:00Z'::timestamptz), \
             (md5('e2')::uuid, 0, md5('clearing')::uuid, md5('p')::uuid, 1, -5, 'EUR', -5, 'DEBIT', 'ADJUSTMENT', md5('p')::uuid, '2026-11-23T12:00:00Z'::timestamptz)) AS entries; \
         INSERT INTO events.outbox (event_id, type, aggregate_type, aggregate_id, aggregate_version, payload, created_at) \
         VALUES (md5('v')::uuid, 'bet.placed', 'bet', md5('b')::uuid, 1, '{}', '2026-11-23T12:00:00Z'); \
         INSERT INTO market.price_versions VALUES (md5('m')::uuid, 1, 1, 'OPEN', false, 0, '{}', '[]', '2026-11-23T12:00:00Z', 'test'); \
         INSERT INTO betting.settlements VALUES (md5('s')::uuid, 0, md5('b')::uuid, md5('a')::uuid, 1, 'VOID', NULL, 0, 2, 'test', NULL, '2026-11-23T12:00:00Z'); \
         INSERT INTO wallet.reversals VALUES (md5('p')::uuid, md5('q')::uuid, 0, 'why', 'who', '2026-11-23T12:00:00Z'); \
         INSERT INTO wallet.freezes VALUES (md5('a')::uuid, 1, 0, 'FREEZE', 'BOTH', 'FROZEN', 'why', 'who', '2026-11-23T12:00:00Z'); \
         INSERT INTO wallet.idempotency VALUES (md5('a')::uuid, 'key', 0, decode(repeat('ab', 32), 'hex'), NULL, '{}', '2026-11-23T12:00:00Z'); \
         INSERT INTO wallet.actor_idempotency VALUES ('trader', 'key', decode(repeat('ab', 32), 'hex'), '{}', '2026-11-23T12:00:00Z')",
    )
    .execute(&db.admin().await)
    .await
    .unwrap();
    db
}

/// The SQLSTATE that each statement fails with; none where it succeeds. Nothing of it stays.
async fn states(pool: &PgPool, statements: &[&'static str]) -> Vec<(&'static str, Option<String>)> {
    let mut states = Vec::new();
    for statement in statements {
        let mut tx = pool.begin_with("BEGIN READ WRITE").await.unwrap();
        let result = sqlx::raw_sql(*statement).execute(&mut *tx).await;
        tx.rollback().await.unwrap();
        let code = result.err().map(|error| {
            error
                .as_database_error()
                .and_then(|error| error.code())
                .map_or(error.to_string(), |code| code.into_owned())
        });
        states.push((*statement, code));
    }
    states
}

async fn assert_all(pool: &PgPool, statements: &[&'static str], code: Option<&str>) {
    let others: Vec<_> =
        states(pool, statements).await.into_iter().filter(|(_, state)| state.as_deref() != code).collect();
    assert_eq!(others, [], "all but these end with {code:?}");
}

const ENTRY: &str = "INSERT INTO wallet.ledger_entries SELECT gen_random_uuid(), cell, account_id, md5('new')::uuid, 2, amount_cents, \
    currency, balance_after, type, ref_type, ref_id, created_at FROM wallet.ledger_entries";
const ENTRY_INTO_PARTITION: &str = "INSERT INTO wallet.ledger_entries_202611 SELECT gen_random_uuid(), cell, account_id, md5('new')::uuid, 2, \
    amount_cents, currency, balance_after, type, ref_type, ref_id, created_at FROM wallet.ledger_entries";
const HALF_AN_ENTRY: &str = "INSERT INTO wallet.ledger_entries SELECT gen_random_uuid(), cell, account_id, md5('new')::uuid, 2, amount_cents, \
    currency, balance_after, type, ref_type, ref_id, created_at FROM wallet.ledger_entries WHERE amount_cents > 0";
const HALF_AN_ENTRY_INTO_PARTITION: &str = "INSERT INTO wallet.ledger_entries_202611 SELECT gen_random_uuid(), cell, account_id, \
    md5('new')::uuid, 2, amount_cents, currency, balance_after, type, ref_type, ref_id, created_at \
    FROM wallet.ledger_entries WHERE amount_cents > 0";
const TWO_CURRENCIES: &str = "INSERT INTO wallet.ledger_entries SELECT gen_random_uuid(), cell, account_id, md5('new')::uuid, 2, amount_cents, \
    CASE WHEN amount_cents > 0 THEN 'EUR' ELSE 'USD' END, balance_after, type, ref_type, ref_id, created_at FROM wallet.ledger_entries";
const TWO_POSTINGS: &str = "INSERT INTO wallet.ledger_entries SELECT gen_random_uuid(), cell, account_id, gen_random_uuid(), 2, amount_cents, \
    currency, balance_after, type, ref_type, ref_id, created_at FROM wallet.ledger_entries";

#[tokio::test]
async fn the_application_does_its_work() {
    let db = book().await;
    let app = db.pool(Role::App).await;
    let statements = [
        ENTRY,
        "SELECT * FROM wallet.accounts FOR UPDATE",
        "UPDATE wallet.accounts SET balance_cents = 1, seq = 1, status = 'FROZEN', recent_bets = '{}'",
        "SELECT * FROM events.outbox, market.price_versions, betting.settlements, market.results, wallet.house",
        "SELECT * FROM market.fences FOR SHARE",
        "UPDATE market.fences SET status = 'SUSPENDED', status_version = 2",
        "UPDATE betting.exposure SET version = version + 1, figures = '{}', changed_at = now()",
        "UPDATE events.checkpoints SET xid8 = '1', identity = 2, cluster = 3, moved_at = now()",
        "UPDATE betting.limits SET stake_cents = NULL, version = 2, actor = 'a', reason = 'b', changed_at = now()",
        "UPDATE betting.account_factors SET factor_pct = 0, version = 2, actor = 'a', reason = 'b', changed_at = now()",
        "UPDATE betting.limits_version SET version = version + 1",
        "UPDATE betting.day_payouts SET day = 1, payout_cents = 0",
        "UPDATE betting.caps SET amount_cents = 0, version = 2, actor = 'a', reason = 'b', changed_at = now()",
        "UPDATE betting.allowances SET share_cents = share_cents, used_cents = used_cents",
        "UPDATE market.holds SET kind = NULL, pending = false, version = 2, actor = 'a', reason = 'b', changed_at = now()",
        "SELECT * FROM meta.migrations, meta.migration_serves",
    ];
    assert_all(&app, &statements, None).await;
}

/// A read that locked predicates could fail because money moves beside it, and make a lane run again.
#[tokio::test]
async fn what_the_application_runs_outside_a_transaction_reads_and_disturbs_nobody() {
    let db = book().await;
    let app = db.pool(Role::App).await;
    let locks: i64 = sqlx::query_scalar(
        "WITH accounts AS MATERIALIZED (SELECT count(*) AS n FROM wallet.accounts WHERE id = md5('house')::uuid) \
         SELECT accounts.n + 100 * (SELECT count(*) FROM pg_locks WHERE mode = 'SIReadLock' AND pid = pg_backend_pid()) \
         FROM accounts",
    )
    .fetch_one(&app)
    .await
    .unwrap();
    assert_eq!(locks, 1, "one account was read, and no predicate locked");
    for statement in [ENTRY, "UPDATE wallet.accounts SET seq = 1", "SELECT * FROM market.fences FOR SHARE"] {
        let error = sqlx::raw_sql(statement).execute(&app).await.unwrap_err();
        assert_eq!(
            error.as_database_error().and_then(|error| error.code()).as_deref(),
            Some(READ_ONLY),
            "{statement}: {error}"
        );
    }
}

#[tokio::test]
async fn the_application_changes_no_fact() {
    let db = book().await;
    let app = db.pool(Role::App).await;
    let statements = [
        "UPDATE wallet.ledger_entries SET amount_cents = 1",
        "DELETE FROM wallet.ledger_entries",
        "TRUNCATE wallet.ledger_entries",
        "UPDATE events.outbox SET payload = '{}'",
        "DELETE FROM events.outbox",
        "UPDATE market.price_versions SET prices = '{}'",
        "DELETE FROM market.price_versions",
        "UPDATE market.results SET outcomes = '{}'",
        "DELETE FROM betting.exposure",
        "DELETE FROM events.checkpoints",
        "UPDATE betting.limits SET scope = 'DEFAULT'",
        "DELETE FROM betting.limits",
        "UPDATE betting.account_factors SET account_id = id",
        "DELETE FROM betting.account_factors",
        "DELETE FROM betting.limits_version",
        "UPDATE betting.caps SET measure = 'STAKES'",
        "DELETE FROM betting.caps",
        "UPDATE betting.day_payouts SET cell = 1",
        "DELETE FROM betting.day_payouts",
        "DELETE FROM betting.allowances",
        "UPDATE betting.bets SET limit_decision = NULL",
        "UPDATE market.holds SET scope = 'ALL'",
        "DELETE FROM market.holds",
        "UPDATE market.producers SET id = gen_random_uuid()",
        "DELETE FROM market.producers",
        "DELETE FROM betting.settlements",
        "UPDATE betting.settlements SET return_cents = 1",
        "UPDATE betting.bets SET stake_cents = 1",
        "UPDATE betting.bets SET potential_payout_cents = 1",
        "DELETE FROM betting.bets",
        "UPDATE betting.bet_legs SET price_num = 2",
        "UPDATE wallet.accounts SET floor_cents = -1",
        "UPDATE wallet.accounts SET cell = 1",
        "DELETE FROM wallet.accounts",
        "UPDATE wallet.house SET cells = 1",
        "UPDATE wallet.idempotency SET request_hash = ''",
        "TRUNCATE wallet.idempotency",
    ];
    assert_all(&app, &statements, Some(DENIED)).await;
}

#[tokio::test]
async fn the_application_has_no_part_in_partitions_and_schema() {
    let db = book().await;
    let app = db.pool(Role::App).await;
    let statements = [
        "SELECT * FROM wallet.ledger_entries_202611",
        ENTRY_INTO_PARTITION,
        "DELETE FROM wallet.ledger_entries_202611",
        "DROP TABLE wallet.ledger_entries_202611",
        "SELECT * FROM events.outbox_202611",
        "SELECT meta.make_partition('wallet', 'ledger_entries', '2030-01-01Z')",
        "SELECT meta.detach_partition('chat', 'messages', '2020-01-01Z')",
        "ALTER TABLE wallet.ledger_entries DISABLE TRIGGER ALL",
        "DROP TRIGGER ledger_entries_append_only ON wallet.ledger_entries",
        "CREATE TABLE wallet.mine ()",
        "CREATE TABLE meta.mine ()",
        "UPDATE meta.migration_serves SET serves_from = '0.0.1'",
        "SELECT * FROM meta.partitioned",
        "SET session_replication_role = replica",
        "SELECT * FROM compliance.kyc_status",
    ];
    assert_all(&app, &statements, Some(DENIED)).await;
}

#[tokio::test]
async fn the_keeper_keeps_partitions_and_reads_no_money() {
    let db = book().await;
    let keeper = db.pool(Role::Keeper).await;
    let allowed = [
        "SELECT * FROM meta.missing_partitions('2031-01-01Z')",
        "SELECT meta.make_partition('wallet', 'ledger_entries', '2031-01-01Z')",
        "SELECT meta.detach_partition('chat', 'messages', '2020-01-01Z')",
    ];
    assert_all(&keeper, &allowed, None).await;
    let denied = [
        "SELECT * FROM wallet.accounts",
        "SELECT * FROM wallet.ledger_entries",
        "SELECT * FROM wallet.ledger_entries_202611",
        "SELECT * FROM betting.bets",
        "SELECT * FROM events.outbox",
        "INSERT INTO chat.messages SELECT * FROM chat.messages",
        "ALTER TABLE wallet.ledger_entries DETACH PARTITION wallet.ledger_entries_202611",
        "DROP TABLE wallet.ledger_entries_202611",
        "CREATE TABLE wallet.ledger_entries_203101 PARTITION OF wallet.ledger_entries FOR VALUES FROM ('2031-01-01') TO ('2031-02-01')",
        "GRANT SELECT ON wallet.ledger_entries_202611 TO overround_keeper",
        "SELECT meta.detach_partition('wallet', 'ledger_entries', '2020-01-01Z')",
        "UPDATE meta.partitioned SET detachable = true",
        "SELECT meta.trigger_copies('wallet.ledger_entries', 'x', true)",
    ];
    assert_all(&keeper, &denied, Some(DENIED)).await;
}

#[tokio::test]
async fn no_role_has_a_right_on_a_partition() {
    let db = book().await;
    let rights: Vec<String> = sqlx::query_scalar(
        "SELECT role || ' may ' || privilege || ' ' || i.inhrelid::regclass \
         FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r', \
             unnest(ARRAY['overround_app', 'overround_keeper', 'public']) AS role, \
             unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege \
         WHERE has_table_privilege(role, i.inhrelid, privilege)",
    )
    .fetch_all(&db.admin().await)
    .await
    .unwrap();
    assert_eq!(rights, Vec::<String>::new());
}

#[tokio::test]
async fn nobody_changes_a_fact_while_triggers_are_on() {
    let db = book().await;
    let statements = [
        "UPDATE wallet.ledger_entries SET amount_cents = 1",
        "DELETE FROM wallet.ledger_entries",
        "TRUNCATE wallet.ledger_entries",
        "UPDATE wallet.ledger_entries_202611 SET amount_cents = 1",
        "DELETE FROM wallet.ledger_entries_202611",
        "TRUNCATE wallet.ledger_entries_202611",
        "MERGE INTO wallet.ledger_entries_202611 t USING (VALUES (1)) v ON true WHEN MATCHED THEN DELETE",
        "UPDATE events.outbox SET payload = '{}'",
        "DELETE FROM events.outbox_202611",
        "UPDATE events.outbox_202611 SET payload = '{}'",
        "TRUNCATE events.outbox",
        "TRUNCATE events.outbox_202611",
        "UPDATE market.price_versions SET prices = '{}'",
        "DELETE FROM market.price_versions_20261123",
        "TRUNCATE market.price_versions_20261123",
        "UPDATE betting.settlements SET return_cents = 1",
        "TRUNCATE betting.settlements",
        "DELETE FROM wallet.reversals",
        "UPDATE wallet.freezes SET status = 'ACTIVE'",
        "DELETE FROM wallet.freezes",
        "TRUNCATE wallet.freezes",
        "UPDATE wallet.idempotency SET answer = '[]'",
        "DELETE FROM wallet.idempotency",
        "TRUNCATE wallet.idempotency",
        "UPDATE wallet.actor_idempotency SET answer = '[]'",
        "DELETE FROM wallet.actor_idempotency",
    ];
    assert_all(&db.pool(Role::Owner).await, &statements, Some(NEVER_CHANGES)).await;
    assert_all(&db.admin().await, &statements, Some(NEVER_CHANGES)).await;
}

#[tokio::test]
async fn nobody_writes_an_unbalanced_posting_while_triggers_are_on() {
    let db = book().await;
    let owner = db.pool(Role::Owner).await;
    let unbalanced = [HALF_AN_ENTRY, HALF_AN_ENTRY_INTO_PARTITION, TWO_CURRENCIES, TWO_POSTINGS];
    assert_all(&owner, &unbalanced, Some(UNBALANCED)).await;
    assert_all(&owner, &[ENTRY, ENTRY_INTO_PARTITION], None).await;
    assert_all(&db.pool(Role::App).await, &[HALF_AN_ENTRY], Some(UNBALANCED)).await;
}

#[tokio::test]
async fn a_key_is_answered_or_given_back_only_by_the_transaction_that_claimed_it() {
    let db = book().await;
    let app = db.pool(Role::App).await;
    let claim = "INSERT INTO wallet.idempotency VALUES (md5('a')::uuid, 'new', 0, decode(repeat('ab', 32), 'hex'), md5('b')::uuid, NULL, now())";
    let mut tx = app.begin_with("BEGIN READ WRITE").await.unwrap();
    for statement in [
        claim,
        "UPDATE wallet.idempotency SET answer = '{}', bet_id = NULL WHERE key = 'new'",
        "UPDATE wallet.idempotency SET answer = '[]' WHERE key = 'new'",
        "DELETE FROM wallet.idempotency WHERE key = 'new'",
        claim,
    ] {
        sqlx::raw_sql(statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    let late = [
        "UPDATE wallet.idempotency SET answer = '{}' WHERE key = 'new'",
        "UPDATE wallet.idempotency SET bet_id = NULL WHERE key = 'new'",
        "DELETE FROM wallet.idempotency WHERE key = 'new'",
    ];
    assert_all(&app, &late, Some(NEVER_CHANGES)).await;
}

#[tokio::test]
async fn an_event_carries_the_transaction_that_wrote_it_whatever_the_writer_says() {
    let db = book().await;
    let app = db.pool(Role::App).await;
    let mut tx = app.begin_with("BEGIN READ WRITE").await.unwrap();
    let own: bool = sqlx::query_scalar(
        "INSERT INTO events.outbox (xid8, event_id, type, aggregate_type, aggregate_id, aggregate_version, payload, created_at) \
         VALUES ('1', gen_random_uuid(), 'bet.placed', 'bet', gen_random_uuid(), 1, '{}', '2026-11-23T12:00:00Z') \
         RETURNING xid8 = pg_current_xact_id()",
    )
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    assert!(own);
}
