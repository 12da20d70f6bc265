//! What a round cost: CPU by process, write-ahead log, disk, transactions.

use super::client::{Client, message};
use super::exposition::Exposition;
use super::load::Tally;
use super::machine::{Ticks, cpu_us, parent, tree_cpu_us};
use crate::failure::{Failure, chain};
use bytes::Bytes;
use http::Request;
use http::header::HOST;
use overround_api::PrometheusHandle;
use overround_store::{Pool, bench};
use std::net::SocketAddr;
use std::time::Duration;

/// Reads what processes and PostgreSQL count.
pub struct Meter {
    pool: Pool,
    /// PostgreSQL's main process, where it runs on this machine.
    postmaster: Option<i32>,
    /// The servers under test, by process and address; none where the work is done in this process.
    servers: Vec<(u32, SocketAddr)>,
    /// This process's metrics, where the work is done in it.
    own: Option<PrometheusHandle>,
}

/// The counters at one instant.
#[derive(Debug, Clone)]
pub struct Sample {
    server_us: u64,
    postgres_us: u64,
    own_us: u64,
    wal_bytes: i64,
    disk_bytes: i64,
    ticks: Ticks,
    metrics: Exposition,
}

/// What one or more rounds came to and cost.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The answers.
    pub tally: Tally,
    /// How long it was measured, in seconds.
    pub seconds: f64,
    /// CPU time of the servers under test, in microseconds; none where there are none.
    pub server_us: Option<u64>,
    /// CPU time of PostgreSQL; none where it runs elsewhere.
    pub postgres_us: Option<u64>,
    /// CPU time of this process.
    pub own_us: u64,
    /// Bytes of write-ahead log.
    pub wal_bytes: i64,
    /// Bytes that the database grew by.
    pub disk_bytes: i64,
    /// The share of the machine that was idle, and that its host gave to others; of the last round.
    pub idle_and_stolen: (f64, f64),
    /// What the servers' metrics counted.
    pub metrics: Exposition,
    /// Quantiles of the batches' sizes, as the servers last showed them.
    pub batch_quantiles: Vec<(String, f64)>,
}

impl Measured {
    /// Accepted a second.
    pub fn rate(&self) -> f64 {
        self.tally.accepted as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }

    /// A share of something for each that was accepted.
    pub fn each(&self, amount: f64) -> f64 {
        amount / (self.tally.accepted.max(1) as f64)
    }

    /// Counts another round too.
    pub fn add(&mut self, other: &Self) {
        let sum = |one: Option<u64>, other: Option<u64>| one.zip(other).map(|(one, other)| one + other);
        self.tally.add(&other.tally);
        self.seconds += other.seconds;
        self.server_us = sum(self.server_us, other.server_us);
        self.postgres_us = sum(self.postgres_us, other.postgres_us);
        self.own_us += other.own_us;
        self.wal_bytes += other.wal_bytes;
        self.disk_bytes += other.disk_bytes;
        self.idle_and_stolen = other.idle_and_stolen;
        self.metrics = self.metrics.clone().plus(&other.metrics);
        self.batch_quantiles.clone_from(&other.batch_quantiles);
    }
}

impl Meter {
    /// A meter of PostgreSQL and of those servers, or of this process's own metrics.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn new(
        pool: &Pool,
        servers: Vec<(u32, SocketAddr)>,
        own: Option<PrometheusHandle>,
    ) -> Result<Self, Failure> {
        let backend = bench::written(pool).await.map_err(|error| unreadable(&error))?.backend_pid;
        // A backend's number may be of another machine's process, or of another's container.
        let is_postgres = |pid: i32| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "postgres")
        };
        let postmaster = Some(backend).filter(|pid| is_postgres(*pid)).and_then(parent);
        let postmaster = postmaster.filter(|pid| is_postgres(*pid));
        Ok(Self { pool: pool.clone(), postmaster, servers, own })
    }

    /// Reads the counters of those servers that a round uses.
    ///
    /// # Errors
    /// When PostgreSQL or a server does not answer.
    pub async fn sample(&self, used: usize) -> Result<Sample, Failure> {
        let mut metrics = match &self.own {
            Some(own) => Exposition::read(&own.render()),
            None => Exposition::default(),
        };
        for (_, server) in self.servers.iter().take(used) {
            metrics = metrics.plus(&scrape(*server).await?);
        }
        let written = bench::written(&self.pool).await.map_err(|error| unreadable(&error))?;
        Ok(Sample {
            server_us: self.servers.iter().take(used).map(|(pid, _)| cpu_us(*pid)).sum(),
            postgres_us: self.postmaster.map_or(0, tree_cpu_us),
            own_us: cpu_us(std::process::id()),
            wal_bytes: written.wal_bytes,
            disk_bytes: written.disk_bytes,
            ticks: Ticks::read(),
            metrics,
        })
    }

    /// What happened between two samples, with what was answered in the time that was measured.
    pub fn between(&self, before: &Sample, after: &Sample, tally: Tally, measured: Duration) -> Measured {
        let quantiles = after.metrics.labelled(BATCH_SIZE).filter(|(labels, _)| labels.contains("quantile="));
        let batch_quantiles = quantiles.map(|(labels, size)| (quantile(labels), size)).collect();
        let server_us = after.server_us.saturating_sub(before.server_us);
        let postgres_us = after.postgres_us.saturating_sub(before.postgres_us);
        Measured {
            tally,
            seconds: measured.as_secs_f64(),
            server_us: (!self.servers.is_empty()).then_some(server_us),
            postgres_us: self.postmaster.map(|_| postgres_us),
            own_us: after.own_us.saturating_sub(before.own_us),
            wal_bytes: after.wal_bytes - before.wal_bytes,
            disk_bytes: after.disk_bytes - before.disk_bytes,
            idle_and_stolen: after.ticks.shares_since(before.ticks),
            metrics: after.metrics.since(&before.metrics),
            batch_quantiles,
        }
    }
}

/// The lanes' batches.
pub const BATCH_SIZE: &str = "overround_lane_batch_size";

/// The value of the label `quantile`, as `p95` has it.
fn quantile(labels: &str) -> String {
    let value = labels.split(',').find_map(|label| label.strip_prefix("quantile=")).unwrap_or_default();
    let share = value.trim_matches('"').parse::<f64>().unwrap_or_default();
    format!("p{}", (share * 1_000.0).round() / 10.0)
}

async fn scrape(server: SocketAddr) -> Result<Exposition, Failure> {
    let failed = |why: String| {
        Failure::failed(format!("the metrics of the server at {server}: {why}"), "look at the server's log")
    };
    let request = Request::get("/metrics").header(HOST, server.to_string()).body(Bytes::new());
    let request = request.map_err(|error| failed(error.to_string()))?;
    let mut client = Client::connect(server).await.map_err(|error| failed(chain(&error)))?;
    match client.send(&message(&request)).await.map_err(|error| failed(chain(&error)))? {
        (200, body) => Ok(Exposition::read(&String::from_utf8_lossy(&body))),
        (status, _) => Err(failed(format!("it answered {status}"))),
    }
}

fn unreadable(error: &overround_store::Error) -> Failure {
    Failure::failed(
        format!("PostgreSQL's counters cannot be read: {}", chain(error)),
        "see whether PostgreSQL still runs",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_named_by_their_percentage() {
        assert_eq!(quantile(r#"quantile="0.5""#), "p50");
        assert_eq!(quantile(r#"lane="0",quantile="0.95""#), "p95");
        assert_eq!(quantile(r#"quantile="0.999""#), "p99.9");
        assert_eq!(quantile(r#"quantile="1""#), "p100");
    }
}
