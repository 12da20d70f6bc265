//! `bench`: one benchmark with its reference in the same run.

use crate::bench::{Benchmark, broadcast, run, tables};
use crate::config::Config;
use crate::failure::Failure;
use crate::out;

/// Runs it and prints the report.
///
/// # Errors
/// When a part of it cannot be run, something was refused, or the books are wrong afterwards.
pub async fn bench(config: &Config, benchmark: &Benchmark) -> Result<(), Failure> {
    if matches!(benchmark, Benchmark::Broadcast) {
        return broadcast().await;
    }
    let report = run(&config.with_limits_lifted(), benchmark).await?;
    out::line(if benchmark.json() { report.to_json().to_string() } else { tables(&report) });
    report.verdict()
}
