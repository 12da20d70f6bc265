//! `sim`: the seeded workload against the reference model.

use crate::cli::Sim;
use crate::config::Config;
use crate::failure::Failure;
use crate::sim::{run, tables};
use crate::{out, stores};

/// Runs it and prints the report.
///
/// # Errors
/// When house and model differ, an invariant is violated, or a datastore is away.
pub async fn sim(config: &Config, options: &Sim) -> Result<(), Failure> {
    let report = stores::with(config, async |stores| run(config, stores, options).await).await?;
    out::line(if options.json {
        serde_json::to_string(&report).map_err(|error| Failure::failed(error, "report it"))?
    } else {
        tables(&report)
    });
    Ok(())
}
