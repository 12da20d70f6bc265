//! `bench fanout`: readers who follow one market on the stream of one server, beside a bare broadcast of the same
//! bytes. Prices come at a fixed rate; what counts is what arrives, and what it costs the sender.

mod broadcast;
mod centrifugo;
mod reader;

pub use broadcast::broadcast;

use super::load::{Generator, Tally, Window};
use super::machine::cpu_us;
use super::meter::{Measured, Meter};
use super::options::Fanout;
use super::report::{Figure, Latency, Report, Turn, median, rounded, rounds};
use super::server::Server;
use super::stage::{PRODUCER, Stage, market};
use super::workload::bearer;
use crate::compose::use_case;
use crate::failure::Failure;
use crate::issuer;
use broadcast::{Broadcaster, Program};
use centrifugo::Centrifugo;
use overround_domain::markets::SourceMarket;
use overround_domain::odds::Price;
use reader::{Crowd, Source};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, sleep_until, timeout};

/// What is to be reached: so much of a bare broadcast's deliveries, and of its CPU a delivery.
const GOAL: f64 = 0.7;
/// Before a round counts.
const WARM_UP: Duration = Duration::from_secs(2);
/// How many streams each reader's user has.
const STREAMS_PER_USER: u32 = 10;
/// How long the readers may take to connect.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs it on the stage.
///
/// # Errors
/// When a server cannot be run, or a reader cannot connect.
pub async fn run(stage: &Stage<'_>, options: &Fanout) -> Result<Report, Failure> {
    let server = Server::start(stage.config, &stage.folder.join("server-1.log")).await?;
    let meter = Meter::new(stage.system.pool(), vec![(server.pid, server.address)], None).await?;
    let market = stage.markets.first().map(|market| market.market_id);
    let channel = market.map(|id| format!("markets:{id}"));
    let channel = channel.ok_or_else(|| Failure::failed("there is no market", "report it"))?;
    let issuer = issuer::kept(stage.config)?;
    let users = 0..options.readers.div_ceil(STREAMS_PER_USER);
    let bearers = users.map(|user| bearer(&issuer, &format!("reader-{user}"))).collect::<Result<_, _>>()?;
    let source = Source::Stream { server: server.address, channel, bearers };
    let frame = reader::sample(&source).await?;
    let bench = Bench { stage, options, meter, source: Arc::new(source), frame };
    let (mut seen, mut bare_cpu_us, mut beside) = (reader::Counted::default(), Vec::new(), Vec::new());
    let mut published = Tally::new()?;
    let turns = rounds(options.turns.rounds, async || {
        let (reference, cpu_us) = bench.bare().await?;
        let other = match &options.centrifugo {
            Some(binary) => Some(bench.beside(binary).await?),
            None => None,
        };
        let (measured, counted) = bench.ours(&mut published).await?;
        beside.extend(other.map(|other| (other, Cost::of(&measured))));
        bare_cpu_us.push(cpu_us);
        seen.add(&counted);
        Ok(Turn { reference, value: measured.rate(), measured })
    });
    let turns = turns.await;
    server.stop().await?;
    let (rounds, total) = turns?;
    let mut report = Report::new("fanout", "delivery", stage);
    report.unit = "deliveries/s";
    report.reference = Figure::of("bare broadcast of the same bytes", "deliveries/s");
    report.goal = Some(GOAL);
    let bare_cpu_us = median(bare_cpu_us.into_iter());
    let own_cpu_us = total.each(total.server_us.unwrap_or_default() as f64);
    report.figure("lost", seen.lost.into());
    report.figure("conflated", seen.conflated.into());
    report.figure("behind_at_the_end", seen.behind.into());
    report.figure("frame_bytes", bench.frame.len().into());
    report.figure("publishing_ms", json!(Latency::of(&published.latency_us)));
    if !beside.is_empty() {
        report.figure("centrifugo", Beside::told(&beside));
    }
    report.set("readers", options.readers.into());
    report.set("prices_per_second", options.rate().into());
    report.set("seconds", options.seconds.into());
    report.set("rounds", options.turns.rounds.into());
    report.finish(rounds, total);
    let deliveries_ratio = report.ratio;
    // CPU time is counted in ticks of 10 ms: of a small load there may be none.
    let cpu_ratio = (bare_cpu_us > 0.0 && own_cpu_us > 0.0).then(|| bare_cpu_us / own_cpu_us);
    report.figure("deliveries_ratio", deliveries_ratio.into());
    report.figure("cpu_ratio", cpu_ratio.map(rounded).into());
    report.figure("cpu_us_per_delivery_of_the_reference", rounded(bare_cpu_us).into());
    // The goal is of both.
    report.ratio = cpu_ratio.map_or(deliveries_ratio, |ratio| ratio.min(deliveries_ratio));
    Ok(report)
}

struct Bench<'a> {
    stage: &'a Stage<'a>,
    options: &'a Fanout,
    meter: Meter,
    source: Arc<Source>,
    /// A frame as the server sends it.
    frame: String,
}

impl Bench<'_> {
    fn seconds(&self) -> Duration {
        Duration::from_secs(self.options.seconds)
    }

    /// How many prices a round has.
    fn prices(&self) -> u64 {
        (self.options.seconds + WARM_UP.as_secs()) * u64::from(self.options.rate())
    }

    fn crowd(&self, source: &Arc<Source>) -> Arc<Crowd> {
        Arc::new(Crowd::new(Arc::clone(source), self.options.readers, self.prices()))
    }

    /// Readers connect; the window that begins when all of them are there.
    async fn gathered(&self, crowd: &Arc<Crowd>) -> Result<(Generator, Window), Failure> {
        let crowd_of_readers = Arc::clone(crowd);
        let generator = Generator::start(self.options.readers, move |index| {
            reader::follow(Arc::clone(&crowd_of_readers), index)
        })?;
        let until = Instant::now() + PATIENCE;
        while !crowd.is_complete() {
            if Instant::now() > until {
                let why = format!("{} of {} readers connected", crowd.connected(), self.options.readers);
                return Err(Failure::failed(
                    why,
                    "allow more open files (ulimit -n), or ask for fewer --readers",
                ));
            }
            sleep(Duration::from_millis(20)).await;
        }
        let window = Window::new(WARM_UP, self.seconds());
        crowd.begin(window);
        Ok((generator, window))
    }

    /// A round of the stream: new prices are published in this process, and read from the server.
    async fn ours(&self, published: &mut Tally) -> Result<(Measured, reader::Counted), Failure> {
        let crowd = self.crowd(&self.source);
        let (generator, window) = self.gathered(&crowd).await?;
        let publishing = async {
            sleep_until(window.begin).await;
            self.publish(&crowd, published).await
        };
        let sampled = async {
            sleep_until(window.from).await;
            let before = self.meter.sample(1).await?;
            sleep_until(window.until).await;
            Ok::<_, Failure>((before, self.meter.sample(1).await?))
        };
        let (publishing, sampled) = tokio::join!(publishing, sampled);
        publishing?;
        let (before, after) = sampled?;
        let tally = generator.finish().await?;
        Ok((self.meter.between(&before, &after, tally, self.seconds()), crowd.counted()))
    }

    /// Publishes the round's prices on schedule, and notes how long it takes until each is durable and on its way.
    async fn publish(&self, crowd: &Crowd, published: &mut Tally) -> Result<(), Failure> {
        let app = &self.stage.system.app;
        let mut turns = self.turns();
        let sources = [moved(31)?, moved(32)?, moved(33)?];
        for (_, source) in (0..self.prices()).zip(sources.iter().cycle()) {
            turns.tick().await;
            crowd.sends();
            let begun = Instant::now();
            let answer = app.publish(PRODUCER, app.clock().now(), std::slice::from_ref(source)).await;
            answer.map_err(|error| use_case("publishing the benchmark's prices", &error))?;
            published.accept(begun.elapsed());
        }
        Ok(())
    }

    /// A round of Centrifugo, which is told of each frame over HTTP.
    async fn beside(&self, binary: &Path) -> Result<Beside, Failure> {
        let program = Program::new(&self.frame, self.options.readers, self.options.rate(), self.prices());
        let mut server = Centrifugo::start(binary).await?;
        let (pid, source) = (server.pid, Source::Centrifugo { server: server.address });
        let crowd = self.crowd(&Arc::new(source));
        let (generator, window) = self.gathered(&crowd).await?;
        let published = async {
            sleep_until(window.begin).await;
            let mut turns = self.turns();
            for seq in 1..=self.prices() {
                turns.tick().await;
                server.publish(&program.frame(seq)).await?;
            }
            Ok::<(), Failure>(())
        };
        let sampled = async {
            sleep_until(window.from).await;
            let before = cpu_us(pid);
            sleep_until(window.until).await;
            cpu_us(pid).saturating_sub(before) as f64
        };
        let (published, cpu_us) = tokio::join!(published, sampled);
        published?;
        let tally = generator.finish().await?;
        let (accepted, counted) = (tally.accepted as f64, crowd.counted());
        Ok(Beside {
            rate: accepted / self.seconds().as_secs_f64(),
            cost: Cost { cpu_us: cpu_us / accepted.max(1.0), p99_ms: p99_ms(&tally) },
            missed: counted.lost + counted.behind,
        })
    }

    /// The schedule of a round's prices.
    fn turns(&self) -> Interval {
        let mut turns = interval(Duration::from_secs_f64(1.0 / f64::from(self.options.rate())));
        turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
        turns
    }

    /// A round of the bare broadcast: deliveries a second, and microseconds of CPU each.
    async fn bare(&self) -> Result<(f64, f64), Failure> {
        let program = Program::new(&self.frame, self.options.readers, self.options.rate(), self.prices());
        let mut sender = Broadcaster::start(&program).await?;
        let crowd = self.crowd(&Arc::new(Source::Bare { server: sender.address }));
        let (generator, window) = self.gathered(&crowd).await?;
        sleep_until(window.begin).await;
        sender.begin().await?;
        sleep_until(window.from).await;
        let before = cpu_us(sender.pid);
        sleep_until(window.until).await;
        let cpu_us = cpu_us(sender.pid).saturating_sub(before) as f64;
        let accepted = generator.finish().await?.accepted as f64;
        if timeout(PATIENCE, sender.end()).await.is_err() {
            return Err(Failure::failed("the bare broadcast does not end", "report it"));
        }
        Ok((accepted / self.seconds().as_secs_f64(), cpu_us / accepted.max(1.0)))
    }
}

/// What deliveries of a round cost, and how long the slowest hundredth took.
struct Cost {
    /// Microseconds of CPU each.
    cpu_us: f64,
    p99_ms: f64,
}

impl Cost {
    fn of(ours: &Measured) -> Self {
        Self { cpu_us: ours.each(ours.server_us.unwrap_or_default() as f64), p99_ms: p99_ms(&ours.tally) }
    }
}

fn p99_ms(tally: &Tally) -> f64 {
    tally.latency_us.value_at_quantile(0.99) as f64 / 1_000.0
}

/// A round of another server.
struct Beside {
    /// Deliveries a second.
    rate: f64,
    cost: Cost,
    /// Frames that did not come, and readers who did not get the last one.
    missed: u64,
}

impl Beside {
    /// The medians of rounds, and of what it cost by what it cost us in the same round: above 1 ours is better.
    fn told(rounds: &[(Self, Cost)]) -> serde_json::Value {
        let of = |figure: fn(&(Self, Cost)) -> f64| rounded(median(rounds.iter().map(figure)));
        json!({
            "deliveries_per_second": of(|(one, _)| one.rate),
            "cpu_us_per_delivery": of(|(one, _)| one.cost.cpu_us),
            "p99_ms": of(|(one, _)| one.cost.p99_ms),
            "cpu_by_ours": of(|(one, ours)| one.cost.cpu_us / ours.cpu_us),
            "p99_by_ours": of(|(one, ours)| one.cost.p99_ms / ours.p99_ms),
            "missed": rounds.iter().map(|(one, _)| one.missed).sum::<u64>(),
        })
    }
}

/// The market with other prices.
fn moved(tenths: u32) -> Result<SourceMarket, Failure> {
    let mut source = market(0)?;
    let price = Price::new(tenths, 10).map_err(|error| Failure::failed(error, "report it"))?;
    if let Some(first) = source.outcomes.first_mut() {
        first.best_back = Some(price);
    }
    Ok(source)
}
