//! `bench odds-expiry`: readers who all ask for one market right after it ran out, over two servers.

use super::super::client::{Client, message};
use super::super::load::{Generator, Tally, refusal, unreachable_server};
use super::super::meter::{Measured, Meter};
use super::super::options::Expiry;
use super::super::report::{Figure, Report, Turn, rounds};
use super::super::server::Server;
use super::super::stage::{Stage, market};
use super::super::workload::bearer;
use super::provider::Provider;
use crate::compose::use_case;
use crate::config::Config;
use crate::failure::Failure;
use crate::{issuer, out};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderValue, Request};
use overround_domain::ids::MarketId;
use overround_domain::markets::SourceMarket;
use overround_live::Window as Windows;
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Whose market it is: nobody confirms it but the provider.
const PRODUCER: &str = "bench-expiry";
/// How many servers there are.
const SERVERS: usize = 2;
/// How long the readers may take to connect, and their answers to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs it on the stage.
///
/// # Errors
/// When a server cannot be run, or a reader cannot connect.
pub async fn expiry(stage: &Stage<'_>, options: &Expiry) -> Result<Report, Failure> {
    let source = SourceMarket { key: "expiry".to_owned(), ..market(0)? };
    let provider = Provider::start(&source).await?;
    let config = Config {
        price_provider_url: Some(format!("http://{}/", provider.address).into()),
        price_provider_producer: PRODUCER.to_owned(),
        ..stage.config.clone()
    };
    let mut servers = Vec::new();
    for index in 1..=SERVERS {
        servers.push(Server::start(&config, &stage.folder.join(format!("server-{index}.log"))).await?);
    }
    let known = servers.iter().map(|server| (server.pid, server.address)).collect();
    let meter = Meter::new(stage.system.pool(), known, None).await?;
    let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
    let mut most = 0;
    let mut stale = 0;
    let turns = rounds(options.turns.rounds, async || {
        let market = published(stage, &source).await?;
        let readers = Arc::new(Readers::new(stage, options, market, &addresses)?);
        let (asked, turn) = (provider.asked(), turn(&readers, options, &meter).await?);
        let loads = provider.asked() - asked;
        most = most.max(loads);
        stale += readers.stale.load(Ordering::SeqCst);
        Ok(Turn { reference: 1.0, value: loads as f64, measured: turn })
    });
    let turns = turns.await;
    for server in servers {
        server.stop().await?;
    }
    let (rounds, total) = turns?;
    let mut report = Report::new("odds-expiry", "read", stage);
    report.unit = "origin loads";
    report.reference = Figure::of("one load", "origin loads");
    report.goal = Some(1.0);
    report.lower_is_better = true;
    report.figure("origin_loads", most.into());
    report.figure("stale_answers", stale.into());
    report.set("readers", options.readers.into());
    report.set("processes", SERVERS.into());
    report.set("rounds", options.turns.rounds.into());
    report.finish(rounds, total);
    Ok(report)
}

/// Puts the market on sale for the last time, and waits until it ran out.
async fn published(stage: &Stage<'_>, source: &SourceMarket) -> Result<MarketId, Failure> {
    let app = &stage.system.app;
    let published = app.publish(PRODUCER, app.clock().now(), std::slice::from_ref(source)).await;
    let published = published.map_err(|error| use_case("publishing the benchmark's market", &error))?;
    let windows = Windows::default();
    let longest = windows.fresh_ms.end() + windows.stale_ms.end() + 500;
    out::note(format!("waiting {longest} ms for the market to run out"));
    sleep(Duration::from_millis(u64::try_from(longest).unwrap_or(0))).await;
    let id = published.first().map(|one| one.market_id);
    id.ok_or_else(|| Failure::failed("no market was published", "report it"))
}

struct Readers {
    servers: Vec<(SocketAddr, HeaderValue)>,
    bearer: HeaderValue,
    path: String,
    /// How many stand ready, and how many there are.
    ready: AtomicU64,
    count: u64,
    stale: AtomicU64,
}

#[derive(Deserialize)]
struct Board {
    stale: bool,
}

impl Readers {
    fn new(
        stage: &Stage<'_>,
        options: &Expiry,
        market: MarketId,
        servers: &[SocketAddr],
    ) -> Result<Self, Failure> {
        let broken = |error: &dyn std::fmt::Display| Failure::failed(error, "report it");
        let host = |server: &SocketAddr| HeaderValue::try_from(server.to_string());
        let servers =
            servers.iter().map(|server| Ok((*server, host(server).map_err(|error| broken(&error))?)));
        Ok(Self {
            servers: servers.collect::<Result<_, Failure>>()?,
            bearer: bearer(&issuer::kept(stage.config)?, "reader")?,
            path: format!("/v1/markets/{market}"),
            ready: AtomicU64::new(0),
            count: options.readers.into(),
            stale: AtomicU64::new(0),
        })
    }

    /// One reader: connects, waits for all others, and asks once.
    async fn run(self: Arc<Self>, index: u32) -> Result<Tally, Failure> {
        let mut tally = Tally::new()?;
        let at = usize::try_from(index).unwrap_or_default() % self.servers.len().max(1);
        let Some((server, host)) = self.servers.get(at) else { return Ok(tally) };
        let mut client = Client::connect(*server).await.map_err(|error| unreachable_server(&error))?;
        let request = Request::get(&self.path).header(HOST, host).header(AUTHORIZATION, &self.bearer);
        let request = request.body(Bytes::new());
        let request = message(&request.map_err(|error| Failure::failed(error, "report it"))?);
        self.ready.fetch_add(1, Ordering::SeqCst);
        let until = Instant::now() + PATIENCE;
        while self.ready.load(Ordering::SeqCst) < self.count && Instant::now() < until {
            sleep(Duration::from_millis(5)).await;
        }
        let sent = Instant::now();
        match client.send(&request).await {
            Ok((200, body)) => {
                let board: Result<Board, _> = serde_json::from_slice(&body);
                if board.is_ok_and(|board| !board.stale) {
                    tally.accept(sent.elapsed());
                } else {
                    self.stale.fetch_add(1, Ordering::SeqCst);
                    tally.refuse("200 stale".to_owned());
                }
            }
            Ok((status, body)) => tally.refuse(refusal(status, &body)),
            Err(error) => tally.refuse(format!("no answer: {error}")),
        }
        Ok(tally)
    }
}

/// One turn: all readers connect, and ask at once.
async fn turn(readers: &Arc<Readers>, options: &Expiry, meter: &Meter) -> Result<Measured, Failure> {
    let began = Instant::now();
    let before = meter.sample(SERVERS).await?;
    let readers = Arc::clone(readers);
    let generator = Generator::start(options.readers, move |index| Arc::clone(&readers).run(index))?;
    let tally = generator.finish().await?;
    let after = meter.sample(SERVERS).await?;
    Ok(meter.between(&before, &after, tally, began.elapsed()))
}
