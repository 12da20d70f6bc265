//! What can go wrong while reading a recording.

use std::io;

/// Why a part of a recording could not be used. Reading goes on behind a bad line; an input whose
/// reader failed ends there.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The reader failed, or the bz2 data is damaged.
    #[error("{input}: cannot be read on after line {line}: {source}")]
    Read {
        /// The name the input was opened under.
        input: String,
        /// The last line that was read, from 1; 0 when there was none.
        line: u64,
        /// What the reader said.
        source: io::Error,
    },
    /// A line that is not a stream message.
    #[error("{input}: line {line} is not a stream message: {reason}")]
    Malformed {
        /// The name the input was opened under.
        input: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it, and where in the line.
        reason: String,
    },
    /// The last line has no end, and is no message: its recorder was stopped in the middle of it.
    #[error("{input}: line {line} is torn off; it is left out")]
    Torn {
        /// The name the input was opened under.
        input: String,
        /// The line, from 1.
        line: u64,
    },
    /// The parts of a segmented message do not fit together; the message is left out.
    #[error("{input}: line {line}: {reason}; the segmented message is left out")]
    Segments {
        /// The name the input was opened under.
        input: String,
        /// The line at which that showed, from 1.
        line: u64,
        /// What does not fit.
        reason: &'static str,
    },
}

impl FeedError {
    /// The line the error was seen at, from 1; 0 when nothing was read yet.
    pub fn line(&self) -> u64 {
        match self {
            Self::Read { line, .. }
            | Self::Malformed { line, .. }
            | Self::Torn { line, .. }
            | Self::Segments { line, .. } => *line,
        }
    }

    /// Whether it is a loss that recordings have at their ends, or where their connection broke off: the
    /// rest is as good as ever. All else says that the input is not what it was taken for.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Torn { .. } | Self::Segments { .. })
    }
}
