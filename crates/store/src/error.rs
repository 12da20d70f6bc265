//! What can go wrong with PostgreSQL, as its callers need to tell it apart.

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server cannot be reached, is full, out of time or shutting down; the same again may succeed.
    #[error("PostgreSQL is away")]
    Unavailable(#[source] sqlx::Error),
    /// A constraint refused the write; the field is the constraint's name.
    #[error("the constraint {0} refused the write")]
    Constraint(String),
    /// Concurrent transactions got in each other's way (40001, 40P01): the same again may succeed.
    #[error("concurrent transactions got in each other's way")]
    Serialization(#[source] sqlx::Error),
    /// A stored row cannot be read back: the data is not what the schema promises.
    #[error("{table} has a row that cannot be read: column {column}, key {key}: {detail}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        key: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The schema and this binary do not fit, or the connection's settings do not; what to do about it.
    #[error("{0}")]
    Schema(String),
    /// Anything else from the database.
    #[error("PostgreSQL refused a statement")]
    Database(#[source] sqlx::Error),
}

impl Error {
    /// An inconsistent row.
    pub fn inconsistent(
        table: &'static str,
        column: &'static str,
        key: impl ToString,
        detail: impl ToString,
    ) -> Self {
        Self::Inconsistent { table, column, key: key.to_string(), detail: detail.to_string() }
    }

    /// Whether the same transaction may be run again in full.
    pub const fn may_run_again(&self) -> bool {
        matches!(self, Self::Serialization(_))
    }
}

/// SQLSTATEs that say nothing about the statement and all about the server at this moment: its time
/// limits (57014, 55P03, 25P03, 25P04), a shutdown or recovery, and a server that became a standby.
const AWAY: [&str; 10] =
    ["25006", "25P03", "25P04", "55P03", "57014", "57P01", "57P02", "57P03", "57P04", "57P05"];

/// Classes of such: 08, the connection; 53, memory, disk or connections run out.
const AWAY_CLASSES: [&str; 2] = ["08", "53"];

/// Keys whose rows are numbered on from what the transaction has read: that such a key is taken means that another
/// transaction did the same meanwhile. PostgreSQL says so by 40001 or by 23505, whichever it meets first (its
/// manual, 13.2.3).
const NUMBERED_ON: [&str; 3] = ["freezes_pkey", "reversals_pkey", "settlements_pkey"];

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            // Tls, Protocol and BeginFailed: the connection is unusable, and the next is another.
            E::Io(_)
            | E::Tls(_)
            | E::Protocol(_)
            | E::AnyDriverError(_)
            | E::BeginFailed
            | E::PoolTimedOut
            | E::PoolClosed
            | E::WorkerCrashed => return Self::Unavailable(error),
            E::Database(database) => {
                let code = database.code().unwrap_or_default();
                if matches!(code.as_ref(), "40001" | "40P01") {
                    return Self::Serialization(error);
                }
                if AWAY.contains(&code.as_ref()) || AWAY_CLASSES.iter().any(|class| code.starts_with(class)) {
                    return Self::Unavailable(error);
                }
                if let Some(name) = database.constraint() {
                    if NUMBERED_ON.iter().any(|key| is_of_constraint(name, key)) {
                        return Self::Serialization(error);
                    }
                    return Self::Constraint(name.to_owned());
                }
            }
            _ => {}
        }
        Self::Database(error)
    }
}

/// Whether a constraint that was reported is that one: on Citus a shard's number follows the name.
pub(crate) fn is_of_constraint(reported: &str, name: &str) -> bool {
    let shard = reported.strip_prefix(name);
    shard.is_some_and(|shard| {
        shard.is_empty() || shard.strip_prefix('_').is_some_and(|digits| digits.parse::<u64>().is_ok())
    })
}

#[cfg(test)]
mod tests;
