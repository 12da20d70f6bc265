//! Migrations: what they make, who may run them, and which binaries may work on what.

use overround_domain::ids::{AccountId, EventId, PostingId};
use overround_domain::markets::MarketStatus;
use overround_store::betting::bets;
use overround_store::market::{MarketFilter, events, holds, markets};
use overround_store::wallet::entries;
use overround_store::{Error, Role, migrate};
use overround_testkit::TestDb;
use sqlx::postgres::PgPoolOptions;
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool, Row};

const SCHEMAS: [&str; 9] =
    ["meta", "wallet", "market", "betting", "events", "social", "payments", "chat", "compliance"];

/// A pool of the superuser's whose sessions begin with the statement.
async fn session(db: &TestDb, statement: String) -> PgPool {
    PgPoolOptions::new()
        .after_connect(move |connection, _| {
            let statement = statement.clone();
            Box::pin(async move { connection.execute(AssertSqlSafe(statement)).await.map(|_| ()) })
        })
        .connect(db.url())
        .await
        .unwrap()
}

/// Makes of a migrated database one of the binary before.
pub(crate) const UNDO_NEWEST: &str = "ALTER TABLE market.events DROP COLUMN version; \
    DELETE FROM meta.migration_serves WHERE version = (SELECT max(version) FROM meta.migrations); \
    DELETE FROM meta.migrations WHERE version = (SELECT max(version) FROM meta.migrations)";

async fn run(pool: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

fn schema_error<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Schema(detail)) => detail,
        other => panic!("expected an error of the schema, got {other:?}"),
    }
}

#[tokio::test]
async fn a_second_run_does_nothing() {
    let db = TestDb::empty().await;
    let owner = db.pool(Role::Owner).await;
    let first = migrate::migrate(&owner).await.unwrap();
    let second = migrate::migrate(&owner).await.unwrap();
    assert_eq!(first.applied.first().map(|applied| applied.description.as_str()), Some("create meta"));
    assert_eq!(first.applied.last().map(|applied| applied.version), Some(first.version));
    assert_eq!(first.cells, migrate::CELLS);
    assert_eq!(second, migrate::Report { applied: Vec::new(), ..first });
    migrate::check(&db.pool(Role::App).await).await.unwrap();
    migrate::check(&db.pool(Role::Keeper).await).await.unwrap();
}

#[tokio::test]
async fn two_processes_apply_each_migration_once() {
    let db = TestDb::empty().await;
    let (one, other) = (db.pool(Role::Owner).await, db.pool(Role::Owner).await);
    let (one, other) = tokio::join!(migrate::migrate(&one), migrate::migrate(&other));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.version, other.version);
    assert!(one.applied.is_empty() != other.applied.is_empty(), "{one:?} {other:?}");
}

#[tokio::test]
async fn cells_are_chosen_when_a_database_is_made_and_kept() {
    let db = TestDb::empty().await;
    let owner = db.pool(Role::Owner).await;
    assert_eq!(migrate::migrate_with(&owner, 64).await.unwrap().cells, 64);
    assert_eq!(migrate::migrate_with(&owner, 8).await.unwrap().cells, 64);
}

#[tokio::test]
async fn what_is_made_belongs_to_the_owner_whoever_migrates() {
    for statement in ["SELECT 1", "SET ROLE overround_owner", "SET SESSION AUTHORIZATION overround_owner"] {
        let db = TestDb::empty().await;
        migrate::migrate(&session(&db, statement.to_owned()).await).await.unwrap();
        let others: Vec<String> = sqlx::query_scalar(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = any($1) AND c.relowner <> 'overround_owner'::regrole \
             UNION ALL SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
             WHERE n.nspname = any($1) AND p.proowner <> 'overround_owner'::regrole \
             UNION ALL SELECT nspname::text FROM pg_namespace \
             WHERE nspname = any($1) AND nspowner <> 'overround_owner'::regrole",
        )
        .bind(SCHEMAS.as_slice())
        .fetch_all(&db.admin().await)
        .await
        .unwrap();
        assert_eq!(others, Vec::<String>::new(), "{statement}");
    }
}

#[tokio::test]
async fn a_login_that_may_not_migrate_is_told_what_to_ask_for() {
    let db = TestDb::empty().await;
    let login = format!("{}_login", db.name());
    let admin = db.admin().await;
    let made = AssertSqlSafe(format!(
        "CREATE ROLE {login} LOGIN; ALTER DATABASE {} OWNER TO CURRENT_USER; \
         REVOKE CREATE ON DATABASE {} FROM overround_owner",
        db.name(),
        db.name()
    ));
    sqlx::raw_sql(made).execute(&admin).await.unwrap();
    let pool = session(&db, format!("SET SESSION AUTHORIZATION {login}")).await;

    let stranger = schema_error(migrate::migrate(&pool).await);
    sqlx::raw_sql(AssertSqlSafe(format!("GRANT overround_owner TO {login}"))).execute(&admin).await.unwrap();
    let member = schema_error(migrate::migrate(&pool).await);
    sqlx::raw_sql(AssertSqlSafe(format!("DROP ROLE {login}"))).execute(&admin).await.unwrap();

    assert!(
        stranger.ends_with(&format!("let an administrator run: GRANT overround_owner TO {login};")),
        "{stranger}"
    );
    let grant = format!("let its owner run: GRANT CREATE ON DATABASE {} TO overround_owner;", db.name());
    assert!(member.ends_with(&grant), "{member}");
}

#[tokio::test]
async fn a_schema_that_is_older_than_the_binary_is_refused_until_it_is_migrated() {
    let db = TestDb::empty().await;
    let owner = db.pool(Role::Owner).await;
    let none = schema_error(migrate::check(&owner).await);
    assert!(none.contains("overround migrate"), "{none}");

    let version = migrate::migrate(&owner).await.unwrap().version;
    run(&owner, UNDO_NEWEST).await;
    let older = schema_error(migrate::check(&owner).await);
    assert!(older.contains(&version.to_string()) && older.contains("overround migrate"), "{older}");

    assert_eq!(migrate::migrate(&owner).await.unwrap().applied.len(), 1);
    migrate::check(&owner).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_used_only_while_it_serves_this_binary() {
    let db = TestDb::create().await;
    let owner = db.pool(Role::Owner).await;
    run(
        &owner,
        "INSERT INTO meta.migrations (version, description, success, checksum, execution_time) \
         VALUES (99990101000000, 'later', true, 'x', 0); \
         INSERT INTO meta.migration_serves VALUES (99990101000000, '0.1.0')",
    )
    .await;
    migrate::check(&owner).await.unwrap();
    let report = migrate::migrate(&owner).await.unwrap();
    assert_eq!((report.applied.len(), report.version), (0, 99_990_101_000_000));

    run(&owner, "UPDATE meta.migration_serves SET serves_from = '999.0.0' WHERE version = 99990101000000")
        .await;
    for refusal in [
        schema_error(migrate::check(&owner).await),
        schema_error(migrate::check(&db.pool(Role::App).await).await),
        schema_error(migrate::migrate(&owner).await),
    ] {
        assert!(refusal.contains("999.0.0") && refusal.contains("install a newer binary"), "{refusal}");
    }
}

#[tokio::test]
async fn a_migration_that_was_changed_after_it_was_applied_is_refused() {
    let db = TestDb::create().await;
    let owner = db.pool(Role::Owner).await;
    run(&owner, "UPDATE meta.migrations SET checksum = 'x' WHERE version = (SELECT min(version) FROM meta.migrations)")
        .await;
    for refusal in [schema_error(migrate::check(&owner).await), schema_error(migrate::migrate(&owner).await)]
    {
        assert!(refusal.contains("is not the one that was applied"), "{refusal}");
    }
}

/// The entities of the model and their fields, by the names they were asked for under.
const ENTITIES: [(&str, &str); 16] = [
    ("wallet.accounts", "id, user_id, balance_cents, status, created_at"),
    ("wallet.ledger_entries", "id, account_id, amount_cents, type, ref_type, ref_id, created_at"),
    ("wallet.idempotency", "account_id, key, bet_id, created_at"),
    ("betting.bets", "id, account_id, stake_cents, potential_payout_cents, status, created_at"),
    (
        "betting.bet_legs",
        "id, bet_id, event_id, market_id, outcome_id, price_num, price_den, leg_type, attrs",
    ),
    ("market.price_versions", "version, as_of, status, prices, suspensions"),
    (
        "social.profiles",
        "user_id, idp_user_id, handle, is_public, stake_visibility, live_delay_sec, bio, created_at",
    ),
    ("social.public_bets", "bet_id, account_id, visible_from, stake_mode, created_at"),
    ("social.follows", "follower_id, followee_id, created_at"),
    ("social.leaderboard_ranks", "window, metric, rank, account_id, value, n_bets, updated_at"),
    (
        "payments.payments",
        "id, account_id, direction, amount_cents, currency, psp, psp_customer, psp_txn_id, status, \
         idempotency_key, created_at",
    ),
    ("payments.psp_transactions", "psp, psp_txn_id"),
    ("chat.messages", "room_id, ts, msg_id, user_id, text, reactions, flags"),
    ("compliance.kyc_status", "user_id, status, provider_ref, updated_at"),
    ("compliance.geo_checks", "user_id, event_id, check_ts, result, provider_ref"),
    ("events.outbox", "event_id, type, aggregate_id, aggregate_version, payload, created_at"),
];

#[tokio::test]
async fn every_entity_has_its_fields() {
    let db = TestDb::create().await;
    let admin = db.admin().await;
    for (table, fields) in ENTITIES {
        for field in fields.split(", ") {
            let there: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2 AND attnum > 0)",
            )
            .bind(table)
            .bind(field)
            .fetch_one(&admin)
            .await
            .unwrap();
            assert!(there, "{table} has no {field}");
        }
    }
}

#[tokio::test]
async fn every_function_has_its_search_path_pinned_and_is_open_to_nobody() {
    let db = TestDb::create().await;
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
         WHERE n.nspname = any($1) AND (has_function_privilege('public', p.oid, 'EXECUTE') \
            OR NOT coalesce(p.proconfig, '{}') @> '{\"search_path=pg_catalog, pg_temp\"}')",
    )
    .bind(SCHEMAS.as_slice())
    .fetch_all(&db.admin().await)
    .await
    .unwrap();
    assert_eq!(open, Vec::<String>::new());
}

#[tokio::test]
async fn an_id_on_the_wire_is_the_same_uuid_in_sql() {
    let db = TestDb::create().await;
    let app = db.pool(Role::App).await;
    let ids = [Uuid::nil(), Uuid::from_u128(1), Uuid::from_u128(57), Uuid::from_u128(1 << 64), Uuid::max()]
        .into_iter()
        .chain(
            (1..50).map(|n: u128| Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))),
        );
    for id in ids {
        for text in [PostingId::from_uuid(id).to_string(), AccountId::from_uuid(id).to_string()] {
            let found: Option<Uuid> =
                sqlx::query_scalar("SELECT meta.uuid_of($1)").bind(&text).fetch_one(&app).await.unwrap();
            assert_eq!(found, Some(id), "{text}");
        }
    }
    let most = PostingId::from_uuid(Uuid::max()).to_string();
    let others = [
        String::new(),
        "pst_1".to_owned(),
        most.replace("pst_", ""),
        most.replace("pst_", "pst_1"),
        most.replacen('Y', "Z", 1),
        format!("pst_{}", "z".repeat(22)),
        format!("pst_{}", "0".repeat(22)),
    ];
    for text in others {
        let found: Option<Uuid> =
            sqlx::query_scalar("SELECT meta.uuid_of($1)").bind(&text).fetch_one(&app).await.unwrap();
        assert_eq!(found, None, "{text}");
    }
}

/// 300 accounts with 100 entries and 100 bets each, in two months; 20000 markets of 400 events. What is
/// still open is old, so that a walk from the newest would be long.
const FILL: &str = "\
    SET session_replication_role = replica; \
    INSERT INTO wallet.ledger_entries \
    SELECT gen_random_uuid(), 0, md5((n % 300)::text)::uuid, gen_random_uuid(), 1 + n / 300, 1, 'EUR', 1, 'CREDIT', \
        'ADJUSTMENT', gen_random_uuid(), now() + n * interval '90 seconds' FROM generate_series(0, 29999) AS n; \
    INSERT INTO betting.bets \
    SELECT gen_random_uuid(), 0, md5((n % 300)::text)::uuid, 1, 'EUR', 2, status, 'ACCEPTED', \
        CASE status WHEN 'SETTLED' THEN 'LOST' END, 'SINGLE', 'NONE', 'LEG', 1, 0, 0, 0, 1, NULL, NULL, \
        now() + n * interval '90 seconds' \
    FROM generate_series(0, 29999) AS n, LATERAL (SELECT CASE WHEN n < 600 THEN 'PENDING' ELSE 'SETTLED' END) AS s (status); \
    INSERT INTO market.events \
    SELECT md5('e' || n)::uuid, 'test', n::text, 'name', 'tennis', NULL, now() + n * interval '1 hour' \
    FROM generate_series(0, 399) AS n; \
    INSERT INTO market.markets (id, event_id, producer, source_key, market_type, name, kind, number_of_winners, tie_rule, \
        rules_version, source_status, source_prices, status, in_play, bet_delay_ms, cutoff_at, version, status_version, \
        created_at, source) \
    SELECT gen_random_uuid(), md5('e' || n / 50)::uuid, 'test', n::text, 'TEST', 'name', 'ODDS', 1, 'PUSH', 1, 'OPEN', '{}', \
        CASE WHEN n < 200 THEN 'OPEN' ELSE 'SETTLED' END, false, 0, NULL, 1, 1, now() + n * interval '1 minute', 'test' \
    FROM generate_series(0, 19999) AS n; \
    INSERT INTO market.holds \
    SELECT gen_random_uuid(), 'MARKET', id::text, id, CASE WHEN source_key LIKE '%7' THEN 'SUSPENDED' END, false, 1, 'who', \
        'why', created_at FROM market.markets; \
    ANALYZE market.holds, wallet.ledger_entries, betting.bets, market.events, market.markets";

/// Whether a page is read in the index's order and no further than its end; else what matches in one
/// account, or one event, may be read and sorted.
const IN_ORDER: bool = true;
const SORTED: bool = false;

/// The plan of a page, as the application's session would make it for these values, or for any.
async fn plan(app: &mut PgConnection, mode: &str, statement: &str, values: &str) -> String {
    let prepare = format!("SET plan_cache_mode = {mode}; DEALLOCATE ALL; PREPARE page AS {statement}");
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *app).await.unwrap();
    let explain = AssertSqlSafe(format!("EXPLAIN (COSTS OFF) EXECUTE page ({values})"));
    let lines = sqlx::raw_sql(explain).fetch_all(&mut *app).await.unwrap();
    lines.iter().map(|line| line.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn list_screens_read_their_pages_from_an_index() {
    let db = TestDb::create().await;
    run(&db.admin().await, FILL).await;
    let mut app = db.pool(Role::App).await.acquire().await.unwrap().detach();
    let of = |event: bool, status: bool| {
        markets::list_statement(MarketFilter {
            event_id: event.then(|| EventId::from_uuid(Uuid::nil())),
            status: status.then_some(MarketStatus::Open),
        })
    };
    let newest = "'9999-12-31Z', 'ffffffff-ffff-ffff-ffff-ffffffffffff'";
    let account = format!("md5('7')::uuid, '{{0}}', {newest}, 51");
    let (open, event) = ("'OPEN'", "md5('e7')::uuid");
    let pages = [
        (entries::list_statement(), account.clone(), "_pkey", IN_ORDER),
        (bets::list_statement(false), account.clone(), "bets_pkey", IN_ORDER),
        (bets::list_statement(true), format!("{account}, 'SETTLED'"), "bets_pkey", IN_ORDER),
        (bets::list_statement(true), format!("{account}, 'PENDING'"), "bets_pkey", SORTED),
        (events::list_statement(), format!("{newest}, 51"), "events_list", IN_ORDER),
        (holds::list_statement(), format!("{newest}, 51"), "holds_list", IN_ORDER),
        (of(false, false), format!("{newest}, 51"), "markets_list", IN_ORDER),
        (of(false, true), format!("{newest}, 51, {open}"), "markets_status_list", IN_ORDER),
        (of(true, false), format!("{newest}, 51, {event}"), "markets_event_list", IN_ORDER),
        (of(true, true), format!("{newest}, 51, {event}, {open}"), "markets_event_list", SORTED),
    ];
    for (statement, values, index, order) in pages {
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let plan = plan(&mut app, mode, statement, &values).await;
            let used = plan.split_whitespace().any(|word| word.ends_with(index));
            assert!(used, "{mode}: {statement} does not use {index}: {plan}");
            assert!(!plan.contains("Seq Scan"), "{mode}: {statement}: {plan}");
            assert!(order == SORTED || !plan.contains("Sort"), "{mode}: {statement}: {plan}");
        }
    }
}
