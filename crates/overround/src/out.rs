//! Standard output and standard error: results go to the one, everything else to the other.

use std::io::{IsTerminal, Write};

/// Writes a line of the result. A reader who has gone away is no error.
pub fn line(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Writes a line for the person who watches.
pub fn note(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Whether a person reads standard error as it is written.
pub fn watched() -> bool {
    std::io::stderr().is_terminal()
}
