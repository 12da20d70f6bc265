//! A PostgreSQL database for one test, copied from a template that is migrated once.
//!
//! Every database of a test is guarded by an advisory lock that its process holds while it lives, so
//! that what a killed test leaves is known from what a running one uses.

use crate::{done, required, until, with_database};
use chrono::Utc;
use overround_domain::time::Timestamp;
use overround_store::{ConnectOptions, Role, connect, migrate, partitions};
use sha2::{Digest, Sha256};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use std::path::Path;

/// A test may hold several pools; the server has connections for many tests at once.
const POOL_CONNECTIONS_MAX: u32 = 8;

/// How the names of the tests' databases begin.
const PREFIX: &str = "overround_test_";

/// A database of one test's own. It is dropped, with whatever is still connected to it, when this is.
#[derive(Debug)]
pub struct TestDb {
    name: String,
    url: String,
    admin_url: String,
    /// Holds the advisory lock that says that the database is in use.
    _guard: PgConnection,
}

impl TestDb {
    /// A migrated database with the partitions that today needs.
    ///
    /// # Panics
    /// When the server cannot be reached or the migrations fail.
    pub async fn create() -> Self {
        let mut guard = admin().await;
        let template = template(&mut guard).await;
        // Copied as files: measured, a fifth faster than through the write-ahead log.
        Self::make(guard, &format!("TEMPLATE {template} STRATEGY file_copy")).await
    }

    /// An empty database that `overround_owner` may fill, for tests of the migrations themselves.
    ///
    /// # Panics
    /// When the server cannot be reached.
    pub async fn empty() -> Self {
        let guard = admin().await;
        done("make the roles", migrate::prepare(&required("OVERROUND_TEST_ADMIN_URL")).await);
        Self::make(guard, "TEMPLATE template0").await
    }

    async fn make(mut guard: PgConnection, from: &str) -> Self {
        let name = format!("{PREFIX}{:032x}", rand::random::<u128>());
        // Taken before the database exists: see `drop_leftovers`.
        let lock = sqlx::query("SELECT pg_advisory_lock(hashtextextended($1, 0))").bind(&name);
        done("lock a test's database", lock.execute(&mut guard).await);
        run(
            &mut guard,
            "create a test's database",
            format!("CREATE DATABASE {name} OWNER overround_owner {from}"),
        )
        .await;
        let admin_url = required("OVERROUND_TEST_ADMIN_URL");
        let url = with_database(&admin_url, &name);
        Self { name, url, admin_url, _guard: guard }
    }

    /// The URL of the database, whose login may take every role.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A pool whose connections have taken a role, made as the application makes it.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn pool(&self, role: Role) -> PgPool {
        pool(&self.url, role).await
    }

    /// A pool of the superuser's, for what no role may do: breaking data on purpose, for one.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn admin(&self) -> PgPool {
        let options = PgPoolOptions::new().max_connections(POOL_CONNECTIONS_MAX);
        done("connect to a test's database", options.connect(&self.url).await)
    }
}

/// Waits until the log of a database's events can be read to its end: it is read up to the oldest open write of the whole
/// PostgreSQL, which other tests use too.
///
/// # Panics
/// When writes stay open.
pub async fn until_log_is_past(admin: &PgPool) {
    let all_is_past = "SELECT NOT EXISTS (SELECT 1 FROM events.outbox \
         WHERE xid8 >= pg_snapshot_xmin(pg_current_snapshot()))";
    until("open writes end", async || {
        done("ask whether the log is past", sqlx::query_scalar(all_is_past).fetch_one(admin).await)
    })
    .await;
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let (admin_url, sql) =
            (self.admin_url.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        // The test's own runtime may be gone by now, or be the thread that this runs on.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(sqlx::Error::Io).and_then(|runtime| {
                runtime.block_on(async {
                    let mut admin = PgConnection::connect(&admin_url).await?;
                    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut admin).await?;
                    admin.close().await
                })
            })
        });
        match dropped.join() {
            Ok(Err(error)) if !std::thread::panicking() => {
                panic!("the database {} could not be dropped: {error}", self.name);
            }
            // A panic is on its way already; what is left behind goes with the next template.
            _ => {}
        }
    }
}

async fn admin() -> PgConnection {
    let url = required("OVERROUND_TEST_ADMIN_URL");
    done("connect to PostgreSQL as its superuser", PgConnection::connect(&url).await)
}

async fn pool(url: &str, role: Role) -> PgPool {
    let options = ConnectOptions { url: url.to_owned(), role, connections_max: POOL_CONNECTIONS_MAX };
    done("connect to a test's database", connect(&options).await)
}

/// The name of the template, which is made when it is missing.
async fn template(admin: &mut PgConnection) -> String {
    let name = template_name();
    if exists(admin, &name).await {
        return name;
    }
    run(
        admin,
        "wait for the template",
        "SELECT pg_advisory_lock(hashtextextended('overround_template', 0))".into(),
    )
    .await;
    if !exists(admin, &name).await {
        drop_leftovers(admin).await;
        build_template(admin, &name).await;
    }
    run(
        admin,
        "let go of the template",
        "SELECT pg_advisory_unlock(hashtextextended('overround_template', 0))".into(),
    )
    .await;
    name
}

/// Named by the migrations and the day: partitions are made ahead of today.
fn template_name() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/migrations");
    let entries = done("list the migrations", std::fs::read_dir(&folder));
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(done("read a migration", std::fs::read(file)));
    }
    let hash: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("overround_template_{}_{hash}", Utc::now().format("%Y%m%d"))
}

async fn build_template(admin: &mut PgConnection, name: &str) {
    let admin_url = required("OVERROUND_TEST_ADMIN_URL");
    done("make the roles", migrate::prepare(&admin_url).await);
    let unfinished = format!("{name}_unfinished");
    run(admin, "drop an unfinished template", format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)"))
        .await;
    run(admin, "create the template", format!("CREATE DATABASE {unfinished} OWNER overround_owner")).await;
    let url = with_database(&admin_url, &unfinished);
    let owner = pool(&url, Role::Owner).await;
    done("migrate the template", migrate::migrate(&owner).await);
    owner.close().await;
    let keeper = pool(&url, Role::Keeper).await;
    let now = Timestamp::from_millis(Utc::now().timestamp_millis());
    done("make the template's partitions", partitions::ensure(&keeper, now).await);
    keeper.close().await;
    // A template that somebody is connected to cannot be copied.
    run(admin, "close the template", format!("ALTER DATABASE {unfinished} ALLOW_CONNECTIONS false")).await;
    // It takes its name last: a template with its name is whole.
    run(admin, "name the template", format!("ALTER DATABASE {unfinished} RENAME TO {name}")).await;
}

/// Drops the databases whose tests are dead and the templates of other days.
async fn drop_leftovers(admin: &mut PgConnection) {
    let today = format!("overround_template_{}_%", Utc::now().format("%Y%m%d"));
    let left: Vec<String> = done(
        "list what tests left",
        sqlx::query_scalar(
            "SELECT datname::text FROM pg_database \
             WHERE starts_with(datname, $1) OR (starts_with(datname, 'overround_template_') AND datname NOT LIKE $2)",
        )
        .bind(PREFIX)
        .bind(today)
        .fetch_all(&mut *admin)
        .await,
    );
    for name in left {
        let lock = sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))").bind(&name);
        if done("look whether a test lives", lock.fetch_one(&mut *admin).await) {
            run(admin, "drop what a test left", format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
            let unlock = sqlx::query("SELECT pg_advisory_unlock(hashtextextended($1, 0))").bind(&name);
            done("unlock", unlock.execute(&mut *admin).await);
        }
    }
}

async fn exists(admin: &mut PgConnection, name: &str) -> bool {
    let query = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)").bind(name);
    done("look for the template", query.fetch_one(admin).await)
}

async fn run(admin: &mut PgConnection, doing: &str, sql: String) {
    done(doing, sqlx::raw_sql(AssertSqlSafe(sql)).execute(admin).await);
}
