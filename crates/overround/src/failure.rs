//! How a command ends when it does not end well.

use std::fmt;
use std::process::ExitCode;

/// What `overround --help` says of the exit codes.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done; for replay, simulate, sim and doctor: every invariant holds
  1    failed, or an invariant is violated
  2    wrong usage, an unreadable input or an impossible setting; nothing was changed
  130  interrupted";

/// The kinds of ends, by exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It went wrong while running, or an invariant is violated.
    Failed,
    /// It was asked for something that cannot be done.
    Usage,
    /// Ctrl-C, or a signal to end.
    Interrupted,
}

/// Why a command ended: one line of cause and one of what to do.
#[derive(Debug)]
pub struct Failure {
    /// What kind of end.
    pub kind: Kind,
    /// What happened, to what.
    pub cause: String,
    /// What the reader can do about it.
    pub advice: String,
}

impl Failure {
    /// It went wrong while running.
    pub fn failed(cause: impl fmt::Display, advice: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, cause: cause.to_string(), advice: advice.into() }
    }

    /// It was asked for something that cannot be done.
    pub fn usage(cause: impl fmt::Display, advice: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, cause: cause.to_string(), advice: advice.into() }
    }

    /// A signal ended it.
    pub fn interrupted() -> Self {
        Self {
            kind: Kind::Interrupted,
            cause: "interrupted".to_owned(),
            advice: "what was committed stays; start it again, or run `overround doctor`".to_owned(),
        }
    }

    /// The exit code.
    pub fn code(&self) -> ExitCode {
        match self.kind {
            Kind::Failed => ExitCode::from(1),
            Kind::Usage => ExitCode::from(2),
            Kind::Interrupted => ExitCode::from(130),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\n{}", one_line(&self.cause), one_line(&self.advice))
    }
}

/// An error with all its sources in one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let said = inner.to_string();
        // Some libraries repeat their source in their own text.
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = inner.source();
    }
    text
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_two_lines_whatever_its_cause_says() {
        let failure = Failure::failed("first\nsecond", "do\nthis");
        assert_eq!(failure.to_string(), "error: first second\ndo this");
    }
}
