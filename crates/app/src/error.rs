//! What a use case answers when it does not do what was asked.

use overround_domain::betting::Refusal;

/// A refusal and the request that was first refused with it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptRefusal {
    /// Why.
    pub refusal: Refusal,
    /// The trace id of the first request.
    pub trace_id: String,
    /// Whether this request repeats an earlier one.
    pub replayed: bool,
}

/// Why a use case did not do what was asked. Nothing was changed, but for the kept answer of a refusal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule refused it.
    #[error("refused: {}", .0.refusal.code.as_str())]
    Refused(Box<KeptRefusal>),
    /// There is no such thing, or it is not the asker's.
    #[error("there is no {kind} {id}")]
    NotFound {
        /// What was looked for, such as `account`.
        kind: &'static str,
        /// Its id on the wire.
        id: String,
    },
    /// It contradicts the state of the thing.
    #[error("{detail}")]
    Conflict {
        /// A code for programs, such as `ACCOUNT_EXISTS`.
        code: &'static str,
        /// What contradicts what.
        detail: String,
    },
    /// The request is not one that could ever be done.
    #[error("{pointer}: {detail}")]
    Invalid {
        /// JSON pointer to the part of the request.
        pointer: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A part is away or full; the same request may be sent again.
    #[error("{part} is away or full")]
    Unavailable {
        /// `postgres`, `redis` or `lane`.
        part: &'static str,
        /// After how many seconds to try again.
        retry_after_s: u32,
    },
    /// A defect or an inconsistency: the operator must look.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A thing that is not there.
    pub fn not_found(kind: &'static str, id: impl ToString) -> Self {
        Self::NotFound { kind, id: id.to_string() }
    }

    /// A defect.
    pub fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// A refusal that answers this request itself.
    pub fn refused(refusal: Refusal, trace_id: impl Into<String>) -> Self {
        Self::Refused(Box::new(KeptRefusal { refusal, trace_id: trace_id.into(), replayed: false }))
    }
}

impl From<overround_store::Error> for Error {
    fn from(error: overround_store::Error) -> Self {
        use overround_store::Error as E;
        match error {
            // Logged here, where the cause is dropped: what the reader gets is "try again".
            E::Unavailable(source) => {
                tracing::warn!(error = %source, "PostgreSQL is away");
                Self::Unavailable { part: "postgres", retry_after_s: 1 }
            }
            E::Serialization(source) => {
                tracing::warn!(error = %source, "a transaction gave up after running again");
                Self::Unavailable { part: "postgres", retry_after_s: 1 }
            }
            other => Self::internal(other),
        }
    }
}

impl From<overround_live::Error> for Error {
    fn from(error: overround_live::Error) -> Self {
        if error.is_away() {
            tracing::warn!(error = %error, "Redis is away");
            Self::Unavailable { part: "redis", retry_after_s: 1 }
        } else {
            Self::internal(error)
        }
    }
}
