//! Transactions: begun in one place, run to their end, run again when concurrency undid them.

use crate::connect::KEYED_SESSION;
use crate::{Error, Role};
use backon::{ExponentialBuilder, Retryable};
use sqlx::{Executor, PgPool, Postgres};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// An open transaction.
pub type Tx = sqlx::Transaction<'static, Postgres>;

/// What a transaction's work returns.
pub type Work<'t, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 't>>;

/// The isolation a transaction needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// For all that moves money.
    Serializable,
    /// For work that locks the one row it changes.
    ReadCommitted,
}

impl Isolation {
    /// How a transaction begins. What moves money looks rows up one by one: a join that reads a whole index
    /// puts a predicate lock on every row of a small table, and transactions with nothing in common undo
    /// each other.
    const fn begin(self, session: Session) -> &'static str {
        match (self, session) {
            (Self::Serializable, Session::Any) => {
                "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE; \
                 SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
            }
            (Self::Serializable, Session::Keyed) => "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
            (Self::ReadCommitted, _) => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        }
    }
}

/// What the store's sessions are for.
#[derive(Debug, Clone, Copy)]
enum Session {
    /// For reads too, which may join as they like.
    Any,
    /// For the same few transactions only: none of them joins by anything but a nested loop ([`KEYED_SESSION`]).
    Keyed,
}

/// How often a transaction that concurrency undid is run again before its error is passed on.
/// Often and soon rather than seldom and late: who competes with a lane that is never idle wins only in the
/// moment between two of its batches, and long waits miss it again and again.
const RUNS_AGAIN_MAX: usize = 40;

/// The application's PostgreSQL.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    session: Session,
}

impl Store {
    /// The store over a pool of the application's role.
    pub const fn new(pool: PgPool) -> Self {
        Self { pool, session: Session::Any }
    }

    /// A store of the same database over at most so many connections of its own, for who runs the same few transactions
    /// one after another, each by keys: a lane, or who publishes prices. They are made when they are first needed. What a
    /// session has cached (plans, the catalogue, the pages of shared memory it has mapped) is then used by the next
    /// transaction, and no read holds it up.
    #[must_use]
    pub fn keyed(&self, connections: u32) -> Self {
        // Whether a connection still stands shows when a transaction begins on it ([`begun`]).
        let options = self.pool.options().clone().max_connections(connections).test_before_acquire(false);
        let options = options.after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(Role::App.session()).await?;
                connection.execute(KEYED_SESSION).await.map(|_| ())
            })
        });
        let pool = options.connect_lazy_with(self.pool.connect_options().as_ref().clone());
        Self { pool, session: Session::Keyed }
    }

    /// Closes its connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The pool, for single reads outside any transaction. Each has a snapshot of its own, and nothing
    /// that runs beside it makes it fail: its sessions read only, at REPEATABLE READ.
    pub const fn read(&self) -> &PgPool {
        &self.pool
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Runs `work` in one transaction and commits it. What fails on 40001 or 40P01 runs again in
    /// full, a bounded number of times with jitter. The transaction lives in a task of its own, so a
    /// caller that goes away never leaves it half done.
    ///
    /// # Errors
    /// The work's own, or the database's when the commit fails; nothing was written then.
    pub async fn run<T, F>(&self, name: &'static str, isolation: Isolation, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'t> Fn(&'t mut Tx) -> Work<'t, T> + Send + Sync + 'static,
    {
        let (pool, begin) = (self.pool.clone(), isolation.begin(self.session));
        let work = Arc::new(work);
        let runs = async move {
            let once = || async {
                let mut tx = begun(&pool, begin).await?;
                let value = work(&mut tx).await?;
                tx.commit().await?;
                Ok(value)
            };
            once.retry(
                ExponentialBuilder::default()
                    .with_min_delay(Duration::from_millis(2))
                    .with_max_delay(Duration::from_millis(20))
                    .with_max_times(RUNS_AGAIN_MAX)
                    .with_jitter(),
            )
            .when(Error::may_run_again)
            .notify(|_, _| metrics::counter!("overround_tx_runs_again_total", "tx" => name).increment(1))
            .await
        };
        match tokio::spawn(runs).await {
            Ok(result) => result,
            Err(join) => Err(Error::Unavailable(sqlx::Error::Io(std::io::Error::other(join)))),
        }
    }
}

/// A transaction that has begun. Where the connection that it was to run on turns out to be gone, on another one, until
/// none is left of those that were there.
async fn begun(pool: &PgPool, begin: &'static str) -> Result<Tx, Error> {
    for _ in 0..pool.size() {
        match pool.begin_with(begin).await.map_err(Error::from) {
            Err(Error::Unavailable(why))
                if !matches!(why, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => {}
            begun => return begun,
        }
    }
    Ok(pool.begin_with(begin).await?)
}
