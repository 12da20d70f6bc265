//! Pools, one a database role.

use crate::Error;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, PgPool};
use std::str::FromStr;
use std::time::Duration;

/// A database role: what a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Owns the schema and migrates it.
    Owner,
    /// Runs the use cases: inserts and reads; changes only what may change.
    App,
    /// Makes, attaches and detaches partitions; reads no money.
    Keeper,
}

impl Role {
    /// The role's name in PostgreSQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "overround_owner",
            Self::App => "overround_app",
            Self::Keeper => "overround_keeper",
        }
    }

    /// What every session of the role begins with. Lanes read by key, and a plan by sequential scan
    /// would put predicate locks on whole tables, so the application plans on indexes. The last
    /// setting exists from PostgreSQL 17 on.
    ///
    /// Whoever writes as the application says so, and at which isolation ([`crate::Store::run`] does):
    /// what says nothing reads, on one snapshot, and can change nothing. At REPEATABLE READ a read takes
    /// no predicate locks, so it neither fails because money moves beside it nor makes a lane run again.
    pub(crate) const fn session(self) -> &'static str {
        match self {
            Self::Owner => "SET ROLE overround_owner; SET lock_timeout = '30s'",
            Self::App => {
                "SET ROLE overround_app; SET default_transaction_isolation = 'repeatable read'; \
                 SET default_transaction_read_only = on; SET enable_seqscan = off; SET statement_timeout = '30s'; \
                 SET idle_in_transaction_session_timeout = '10s'; \
                 SELECT set_config(name, '60s', false) FROM pg_settings WHERE name = 'transaction_timeout'"
            }
            Self::Keeper => {
                "SET ROLE overround_keeper; SET lock_timeout = '5s'; SET statement_timeout = '60s'"
            }
        }
    }
}

/// What is added to a session that does nothing but run the same few transactions by keys: a lane's, or a publisher's.
/// Their plans are made once: left to itself PostgreSQL plans a batch of one anew each time, which costs more
/// than carrying it out. On Citus, whose plans need the arguments, it is left to itself.
pub(crate) const KEYED_SESSION: &str = "SET enable_hashjoin = off; SET enable_mergejoin = off; \
     SELECT set_config('plan_cache_mode', 'force_generic_plan', false) \
     WHERE NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')";

/// What is not worth a line of a log, as a filter's directive: the driver rolls back a transaction whose COMMIT
/// failed, and PostgreSQL warns that none is in progress. That it is run again is counted.
pub const NO_NEWS: &str = "sqlx::postgres::notice=error";

/// How to reach PostgreSQL as one role.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// `postgres://login:password@host:port/database`; the login is the role or a member of it.
    pub url: String,
    /// The role that every connection takes.
    pub role: Role,
    /// The largest number of connections.
    pub connections_max: u32,
}

/// A pool whose connections have taken the role.
///
/// # Errors
/// [`Error::Unavailable`] when the server cannot be reached, [`Error::Schema`] when the URL is no
/// URL or the login may not take the role.
pub async fn connect(options: &ConnectOptions) -> Result<PgPool, Error> {
    let parsed = PgConnectOptions::from_str(&options.url)
        .map_err(|error| Error::Schema(format!("the PostgreSQL URL cannot be read: {error}")))?
        .application_name(options.role.name());
    let session = options.role.session();
    PgPoolOptions::new()
        .max_connections(options.connections_max)
        .acquire_timeout(Duration::from_secs(5))
        .after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(session).await.map(|_| ()) })
        })
        .connect_with(parsed)
        .await
        .map_err(|error| match Error::from(error) {
            Error::Database(source) => {
                Error::Schema(format!("the login cannot take the role {}: {source}", options.role.name()))
            }
            other => other,
        })
}
