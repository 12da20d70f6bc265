//! Reads that belong together: all of one snapshot.

use crate::{Error, Store, Tx, Work};

impl Store {
    /// Runs `work`, which only reads, on one snapshot of the database. It takes no predicate locks, so that
    /// it waits for nobody and makes nobody run again. It lives in a task of its own: a caller who goes away
    /// never leaves a connection inside a transaction.
    ///
    /// # Errors
    /// The work's own, or the database's.
    pub async fn snapshot<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T> + Send + 'static,
    {
        let pool = self.read().clone();
        let reads = async move {
            let mut tx = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            let value = work(&mut tx).await?;
            tx.commit().await?;
            Ok(value)
        };
        match tokio::spawn(reads).await {
            Ok(result) => result,
            Err(join) => Err(Error::Unavailable(sqlx::Error::Io(std::io::Error::other(join)))),
        }
    }
}
