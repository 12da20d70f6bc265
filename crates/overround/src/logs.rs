//! Logs: to standard error, for people on a terminal and JSON otherwise.

use crate::config::{Config, LogFormat};
use crate::failure::Failure;
use overround_store::NO_NEWS;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Starts logging. `quiet` commands show warnings only, unless the filter was set on purpose.
///
/// # Errors
/// When the filter cannot be read.
pub fn start(config: &Config, quiet: bool) -> Result<(), Failure> {
    // That a statement of theirs takes long is no news of commands that examine or measure.
    let wanted = if quiet { "warn,sqlx=error" } else { config.log.as_str() };
    let wanted = if wanted.contains("sqlx") { wanted.to_owned() } else { format!("{wanted},{NO_NEWS}") };
    let filter = EnvFilter::try_new(wanted).map_err(|error| {
        Failure::usage(
            format!("the setting log is impossible: {error}"),
            "write it as `info`, or `info,sqlx=warn`; `overround config` says where it was set",
        )
    })?;
    let terminal = std::io::stderr().is_terminal();
    let json = match config.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Pretty => false,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(terminal && std::env::var_os("NO_COLOR").is_none());
    // A second start in one process keeps the first one's format.
    let _ = if json { builder.json().flatten_event(true).try_init() } else { builder.compact().try_init() };
    Ok(())
}
