//! `bench place`: bets over HTTP against servers in processes of their own.

use super::load::{Generator, Plan, Window};
use super::meter::{Measured, Meter};
use super::options::{Place, Rate};
use super::pgbench::Pgbench;
use super::report::{Figure, Report, Round, Turn, rounds};
use super::server::Server;
use super::stage::Stage;
use super::workload::Shape;
use crate::failure::Failure;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::sleep_until;

/// Before a round counts: caches fill, plans are made, and nine of ten accounts have been seen at half the rate.
const WARM_UP_MAX: Duration = Duration::from_secs(8);
/// The largest share of transactions that two processes may cost each other.
const RUN_AGAIN_SHARE_MAX: f64 = 0.02;

/// Plain `place`, the reference of its variations.
const PLAIN: Shape = Shape { hot: false, legs: 1 };

/// How long a round warms up and measures.
pub fn lengths(seconds: u64) -> (Duration, Duration) {
    let measured = Duration::from_secs(seconds);
    (WARM_UP_MAX.min(measured), measured)
}

/// Runs it on the stage.
///
/// # Errors
/// When a server or pgbench cannot be run.
pub async fn run(stage: &Stage<'_>, options: &Place) -> Result<Report, Failure> {
    let pgbench = Pgbench::prepare(stage.runtime, options.load.reference_scale).await?;
    let mut servers = Vec::new();
    for index in 1..=options.processes {
        servers.push(Server::start(stage.config, &stage.folder.join(format!("server-{index}.log"))).await?);
    }
    let known = servers.iter().map(|server| (server.pid, server.address)).collect();
    let addresses = servers.iter().map(|server| server.address).collect();
    let meter = Meter::new(stage.system.pool(), known, None).await?;
    let report = Rounds { stage, options, meter, addresses, pgbench }.run().await;
    for server in servers {
        server.stop().await?;
    }
    report
}

struct Rounds<'a> {
    stage: &'a Stage<'a>,
    options: &'a Place,
    meter: Meter,
    addresses: Vec<SocketAddr>,
    pgbench: Pgbench<'a>,
}

impl Rounds<'_> {
    async fn run(mut self) -> Result<Report, Failure> {
        let load = &self.options.load;
        let rate = match self.options.rate {
            Some(Rate::Half) => {
                Some(self.measure(self.shape(), self.options.processes, None).await?.rate() / 2.0)
            }
            Some(Rate::PerSecond(rate)) => Some(rate),
            None => None,
        };
        if rate.is_none() && !self.options.varies() {
            self.pgbench.try_clients(load.seconds).await?;
        }
        let (rounds, total) = rounds(load.rounds, async || {
            let reference = self.reference(rate.is_some()).await?;
            let measured = self.measure(self.shape(), self.options.processes, rate).await?;
            let value = match rate {
                Some(_) => measured.tally.latency_us.value_at_quantile(0.99) as f64 / 1_000.0,
                None => measured.rate(),
            };
            Ok(Turn { reference, value, measured })
        })
        .await?;
        Ok(self.report(rounds, total, rate))
    }

    const fn shape(&self) -> Shape {
        Shape { hot: self.options.hot, legs: self.options.legs as usize }
    }

    async fn reference(&self, open: bool) -> Result<f64, Failure> {
        let seconds = self.options.load.seconds;
        if open {
            return Ok(self.pgbench.run(1, seconds).await?.latency_ms);
        }
        if self.options.varies() {
            return Ok(self.measure(PLAIN, 1, None).await?.rate());
        }
        Ok(self.pgbench.run(self.pgbench.clients, seconds).await?.tps)
    }

    /// One round of load on so many of the servers.
    async fn measure(&self, shape: Shape, processes: u32, rate: Option<f64>) -> Result<Measured, Failure> {
        let used = processes as usize;
        let (warm_up, measured) = lengths(self.options.load.seconds);
        let plan = Plan {
            servers: self.addresses.iter().take(used).copied().collect(),
            connections: self.options.load.connections,
            shape,
            rate,
            seed: self.options.load.seed,
        };
        let window = Window::new(warm_up, measured);
        let generator = Generator::bets(&self.stage.workload, &plan, window)?;
        sleep_until(window.from).await;
        let before = self.meter.sample(used).await?;
        sleep_until(window.until).await;
        let after = self.meter.sample(used).await?;
        let tally = generator.finish().await?;
        Ok(self.meter.between(&before, &after, tally, measured))
    }

    fn report(&self, rounds: Vec<Round>, total: Measured, rate: Option<f64>) -> Report {
        let options = self.options;
        let reference = if rate.is_some() {
            ("pgbench TPC-B, mean latency at 1 client".to_owned(), "ms")
        } else if options.varies() {
            ("place".to_owned(), "bets/s")
        } else {
            (format!("pgbench TPC-B, {} clients", self.pgbench.clients), "transactions/s")
        };
        let mut report = Report::new(options.name(), "bet", self.stage);
        report.unit = if rate.is_some() { "ms at p99" } else { "bets/s" };
        report.reference = Figure::of(reference.0, reference.1);
        report.goal = options.goal();
        report.lower_is_better = rate.is_some();
        if options.processes > 1 {
            report.run_again_share_max = Some(RUN_AGAIN_SHARE_MAX);
        }
        report.set_all(options.load.settings());
        report.set("rate", rate.into());
        report.set("legs", options.legs.into());
        report.set("processes", options.processes.into());
        report.set("hot", options.hot.into());
        report.pgbench.clone_from(&self.pgbench.version);
        report.finish(rounds, total);
        report
    }
}
