//! Benchmarks: each with its reference in the same run, in turns, so that what decides is a ratio and not
//! the machine; and with the books examined afterwards. Durability is never traded: what the server says
//! of it is part of the report.

mod client;
mod exposition;
mod fanout;
mod fill;
mod load;
mod machine;
mod meter;
mod odds;
mod options;
mod pgbench;
mod place;
mod post;
mod report;
mod server;
mod stage;
mod table;
mod workload;

pub use fanout::broadcast;
pub use options::Benchmark;
pub use report::Report;
pub use table::tables;

use crate::commands::examine;
use crate::config::Config;
use crate::failure::{Failure, chain};
use overround_store::{Store, bench};

/// Runs a benchmark, then examines what it left.
///
/// # Errors
/// When a part of it cannot be run.
pub async fn run(config: &Config, benchmark: &Benchmark) -> Result<Report, Failure> {
    stage::with(config, benchmark.furnished(), async |stage| {
        let mut report = match benchmark {
            Benchmark::Place(place) => place::run(stage, place).await?,
            Benchmark::Post(load) => post::run(stage, load).await?,
            Benchmark::OddsRead(options) => odds::read(stage, options).await?,
            Benchmark::OddsWrite(odds) => odds::write(stage, odds).await?,
            Benchmark::OddsExpiry(expiry) => odds::expiry(stage, expiry).await?,
            Benchmark::Fanout(options) => fanout::run(stage, options).await?,
            Benchmark::Broadcast => return Err(Failure::usage("it is no benchmark", "run `bench fanout`")),
        };
        let store = Store::new(stage.system.pool().clone());
        let durability = bench::durability(&store).await.map_err(|error| {
            Failure::failed(
                format!("the server's settings cannot be read: {}", chain(&error)),
                "see whether PostgreSQL still runs",
            )
        })?;
        report.afterwards(durability, examine(stage.system.pool()).await?);
        Ok(report)
    })
    .await
}
