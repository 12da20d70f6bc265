//! `bench odds-read`: markets over HTTP against one server, beside GET from Redis over as many connections.

use super::super::client::{Client, message};
use super::super::load::{Generator, Tally, Window, refusal, unreachable_server};
use super::super::meter::{Measured, Meter};
use super::super::options::{Odds, OddsRead};
use super::super::place::lengths;
use super::super::report::{Figure, Report, Turn, rounds};
use super::super::server::Server;
use super::super::stage::Stage;
use super::super::workload::bearer;
use crate::failure::{Failure, chain};
use crate::issuer;
use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, HOST};
use overround_domain::markets::Snapshot;
use overround_live::bench::Getter;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::process::Command;
use tokio::time::{Instant, sleep_until};

/// What is to be reached: so much of what GET from Redis gets.
const GOAL: f64 = 0.6;
/// redis-benchmark is told how often to ask, not for how long: about so often a second.
const GETS_A_SECOND: u64 = 100_000;

/// Runs it on the stage.
///
/// # Errors
/// When the server cannot be run.
pub async fn read(stage: &Stage<'_>, options: &OddsRead) -> Result<Report, Failure> {
    let OddsRead { redis_benchmark, odds: options } = options;
    let server = Server::start(stage.config, &stage.folder.join("server-1.log")).await?;
    let meter = Meter::new(stage.system.pool(), vec![(server.pid, server.address)], None).await?;
    let readers = Arc::new(Readers::new(stage, options, server.address)?);
    let turns = rounds(options.turns.rounds, async || {
        let reference = match redis_benchmark {
            Some(binary) => gets_by_redis_benchmark(binary, stage, options).await?,
            None => gets(stage, options).await?,
        };
        let measured = reads(&readers, options, &meter).await?;
        Ok(Turn { reference, value: measured.rate(), measured })
    });
    let turns = turns.await;
    server.stop().await?;
    let (rounds, total) = turns?;
    let mut report = Report::new("odds-read", "read", stage);
    report.unit = "reads/s";
    let reference = match redis_benchmark {
        Some(_) => "redis-benchmark GET, same connections, no pipeline",
        None => "GET of three bytes from Redis, same connections",
    };
    report.reference = Figure::of(reference, "gets/s");
    report.goal = Some(GOAL);
    report.set_all(options.settings());
    report.finish(rounds, total);
    Ok(report)
}

struct Readers {
    server: SocketAddr,
    /// A request for each market.
    requests: Vec<Vec<u8>>,
    seed: u64,
}

impl Readers {
    fn new(stage: &Stage<'_>, options: &Odds, server: SocketAddr) -> Result<Self, Failure> {
        let bearer = bearer(&issuer::kept(stage.config)?, "reader")?;
        let request = |market: &Snapshot| {
            let request = Request::get(format!("/v1/markets/{}", market.market_id));
            let request = request.header(HOST, server.to_string()).header(AUTHORIZATION, &bearer);
            request.body(Bytes::new()).map(|request| message(&request))
        };
        let requests: Result<_, _> = stage.markets.iter().map(request).collect();
        let requests = requests.map_err(|error| Failure::failed(error, "report it"))?;
        Ok(Self { server, requests, seed: options.turns.seed })
    }

    fn request(&self, random: &mut ChaCha8Rng) -> Option<&[u8]> {
        self.requests.get(random.random_range(0..self.requests.len())).map(Vec::as_slice)
    }

    /// One connection's reads.
    async fn run(self: Arc<Self>, index: u32, window: Window) -> Result<Tally, Failure> {
        let mut tally = Tally::new()?;
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(index.into());
        let mut client = Client::connect(self.server).await.map_err(|error| unreachable_server(&error))?;
        sleep_until(window.begin).await;
        loop {
            let sent = Instant::now();
            let Some(request) = self.request(&mut random).filter(|_| sent < window.until) else {
                return Ok(tally);
            };
            match client.send(request).await {
                Ok((200, _)) if window.holds(Instant::now()) => tally.accept(sent.elapsed()),
                Ok((200, _)) => {}
                Ok((status, body)) => tally.refuse(refusal(status, &body)),
                Err(error) => return Err(unreachable_server(&error)),
            }
        }
    }
}

async fn reads(readers: &Arc<Readers>, options: &Odds, meter: &Meter) -> Result<Measured, Failure> {
    let (warm_up, measured) = lengths(options.seconds);
    let window = Window::new(warm_up, measured);
    let readers = Arc::clone(readers);
    let generator =
        Generator::start(options.connections, move |index| Arc::clone(&readers).run(index, window))?;
    sleep_until(window.from).await;
    let before = meter.sample(1).await?;
    sleep_until(window.until).await;
    let after = meter.sample(1).await?;
    Ok(meter.between(&before, &after, generator.finish().await?, measured))
}

fn redis_url(stage: &Stage<'_>) -> String {
    stage.config.redis_url.as_ref().map(|url| url.reveal().to_owned()).unwrap_or_default()
}

/// How many times a second redis-benchmark asks Redis.
async fn gets_by_redis_benchmark(binary: &Path, stage: &Stage<'_>, options: &Odds) -> Result<f64, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::failed(
            format!("redis-benchmark: {why}"),
            "give the path of that of Redis 7 or Valkey 7.2, or of a later one",
        )
    };
    let (connections, count) =
        (options.connections.to_string(), (options.seconds * GETS_A_SECOND).to_string());
    // It would take a user that is not named for one without a name.
    let url = redis_url(stage).replacen("://:", "://default:", 1);
    let mut command = Command::new(binary);
    command.args(["-u", &url, "-t", "get", "-c", &connections, "-n", &count, "--csv"]);
    let output = command.kill_on_drop(true).output().await.map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr)));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    gets_in(&said).ok_or_else(|| failed(&format!("its report cannot be read: {said}")))
}

/// The GETs a second in redis-benchmark's CSV.
fn gets_in(csv: &str) -> Option<f64> {
    let (_, rest) = csv.split_once("\"GET\",\"")?;
    rest.split_once('"')?.0.parse().ok()
}

/// How many times a second Redis is asked by a client that does nothing else.
async fn gets(stage: &Stage<'_>, options: &Odds) -> Result<f64, Failure> {
    let url = redis_url(stage);
    let (warm_up, measured) = lengths(options.seconds);
    let window = Window::new(warm_up.min(measured / 4), measured);
    let generator = Generator::start(options.connections, move |_| get(url.clone(), window))?;
    Ok(generator.finish().await?.accepted as f64 / measured.as_secs_f64())
}

async fn get(url: String, window: Window) -> Result<Tally, Failure> {
    let broken = |error: overround_live::Error| {
        Failure::failed(format!("GET from Redis: {}", chain(&error)), "see whether Redis still runs")
    };
    let mut tally = Tally::new()?;
    let mut getter = Getter::connect(&url).await.map_err(broken)?;
    sleep_until(window.begin).await;
    loop {
        let sent = Instant::now();
        if sent >= window.until {
            return Ok(tally);
        }
        getter.get().await.map_err(broken)?;
        if window.holds(Instant::now()) {
            tally.accept(sent.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_benchmark_is_read() {
        let said = "\"test\",\"rps\",\"avg_latency_ms\"\n\"GET\",\"108569.77\",\"0.303\"\n";
        assert_eq!(gets_in(said), Some(108_569.77));
        assert_eq!(gets_in("Could not connect to Redis"), None);
    }
}
