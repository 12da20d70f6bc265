//! What can go wrong with Redis, as its callers need to tell it apart.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// An error of the hot copy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is none that Redis can be reached by.
    #[error("the Redis URL cannot be read")]
    Url(#[source] RedisError),
    /// The server cannot be reached, is loading, or did not answer in time; the same again may succeed.
    #[error("Redis is away")]
    Unavailable(#[source] Option<RedisError>),
    /// The server answered with an error.
    #[error("Redis refused a command")]
    Refused(#[source] RedisError),
    /// A stored value cannot be read back: it is not what was written.
    #[error("{key} in Redis has a field that cannot be read: {field}: {detail}")]
    Unreadable {
        /// The key.
        key: String,
        /// The field of the hash.
        field: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A value cannot be written in a form that could be read back.
    #[error("{key} cannot be written to Redis: {field}: {detail}")]
    Unwritable {
        /// The key.
        key: String,
        /// The field of the hash.
        field: &'static str,
        /// What is wrong with it.
        detail: String,
    },
}

impl Error {
    /// Whether the server is what fails, so that the same again may succeed later.
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        let away = error.is_io_error()
            || error.is_unrecoverable_error()
            || matches!(
                error.kind(),
                ErrorKind::Server(
                    ServerErrorKind::BusyLoading
                        | ServerErrorKind::TryAgain
                        | ServerErrorKind::ClusterDown
                        | ServerErrorKind::MasterDown
                        | ServerErrorKind::ReadOnly
                )
            );
        if away { Self::Unavailable(Some(error)) } else { Self::Refused(error) }
    }
}
