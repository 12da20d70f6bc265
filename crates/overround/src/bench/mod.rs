//! Benchmarks: each with its reference in the same run, in turns, so that what decides is a ratio and not
//! the machine; and with the books examined afterwards. Durability is never traded: what the server says
//! of it is part of the report.

mod client;
mod exposition;
mod fill;
mod load;
mod machine;
mod meter;
mod options;
mod pgbench;
mod place;
mod post;
mod report;
mod server;
mod stage;
mod table;
mod workload;

pub use options::Benchmark;
pub use report::Report;
pub use table::tables;

use crate::commands::examine;
use crate::config::Config;
use crate::failure::{Failure, chain};
use overround_store::{Store, bench};

impl Benchmark {
    /// Whether the report is for programs.
    pub const fn json(&self) -> bool {
        match self {
            Self::Place(place) => place.load.json,
            Self::Post(load) => load.json,
        }
    }
}

/// Runs a benchmark, then examines what it left.
///
/// # Errors
/// When a part of it cannot be run.
pub async fn run(config: &Config, benchmark: &Benchmark) -> Result<Report, Failure> {
    let load = match benchmark {
        Benchmark::Place(place) => &place.load,
        Benchmark::Post(load) => load,
    };
    stage::with(config, load, async |stage| {
        let mut report = match benchmark {
            Benchmark::Place(place) => place::run(stage, place).await?,
            Benchmark::Post(load) => post::run(stage, load).await?,
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
