//! The load generator: keep-alive connections in a closed loop, or arrivals by a schedule.

use super::client::{Client, message};
use super::workload::{Draw, Shape, Workload, zipf};
use crate::failure::{Failure, chain};
use hdrhistogram::Histogram;
use http::HeaderValue;
use rand::RngExt;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, sleep_until};

/// Answers slower than this are counted as this slow, in microseconds.
const LATENCY_US_MAX: u64 = 60_000_000;
/// How long connecting may take before the first request.
const HEAD_START: Duration = Duration::from_millis(500);
/// How long the last answers may take after the end.
const TAIL: Duration = Duration::from_secs(20);
/// What a client waits that was told to try again.
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// A round of load.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The servers; each request goes to one of them at random.
    pub servers: Vec<SocketAddr>,
    /// Connections to each.
    pub connections: u32,
    /// How bets are drawn.
    pub shape: Shape,
    /// Bets a second that arrive by a schedule; none sends the next bet when the last was answered.
    pub rate: Option<f64>,
    /// What is drawn from.
    pub seed: u64,
}

/// When what counts begins and ends.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// When the first request is sent.
    pub begin: Instant,
    /// From here on answers count.
    pub from: Instant,
    /// Up to here.
    pub until: Instant,
}

impl Window {
    /// The window of a round that begins now.
    pub fn new(warm_up: Duration, measured: Duration) -> Self {
        let begin = Instant::now() + HEAD_START;
        let from = begin + warm_up;
        Self { begin, from, until: from + measured }
    }

    /// Whether what happens then counts.
    pub fn holds(&self, at: Instant) -> bool {
        at >= self.from && at < self.until
    }
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Accepted within the window.
    pub accepted: u64,
    /// Other answers, warm-up included, by status and code.
    pub refused: BTreeMap<String, u64>,
    /// How long accepted ones took, in microseconds: from when they were due.
    pub latency_us: Histogram<u64>,
}

impl Tally {
    /// Nothing yet.
    ///
    /// # Errors
    /// When there is no memory for a histogram.
    pub fn new() -> Result<Self, Failure> {
        let latency_us = Histogram::new_with_max(LATENCY_US_MAX, 3)
            .map_err(|error| Failure::failed(error, "free some memory"))?;
        Ok(Self { accepted: 0, refused: BTreeMap::new(), latency_us })
    }

    /// Counts another's too.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        for (answer, count) in &other.refused {
            *self.refused.entry(answer.clone()).or_default() += count;
        }
        // Both have the same bounds.
        let _ = self.latency_us.add(&other.latency_us);
    }

    /// Counts one that was accepted and took that long.
    pub fn accept(&mut self, took: Duration) {
        self.accepted += 1;
        self.latency_us.saturating_record(u64::try_from(took.as_micros()).unwrap_or(LATENCY_US_MAX));
    }

    /// Counts one that was not.
    pub fn refuse(&mut self, answer: String) {
        *self.refused.entry(answer).or_default() += 1;
    }
}

/// Load that is being generated.
pub struct Generator(Vec<std::thread::JoinHandle<Result<Tally, Failure>>>);

impl Generator {
    /// Starts so many connections, each of which counts what it was answered, in threads of their own: one for two
    /// cores, so that most of the machine is left to what is measured.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start<F>(
        connections: u32,
        connection: impl Fn(u32) -> F + Clone + Send + 'static,
    ) -> Result<Self, Failure>
    where
        F: Future<Output = Result<Tally, Failure>> + 'static,
    {
        let threads = u32::try_from(super::machine::cores() / 2).unwrap_or(1).clamp(1, connections);
        let no_thread = |error: std::io::Error| Failure::failed(error, "check the machine's limits");
        let mut handles = Vec::new();
        for thread in 0..threads {
            let connection = connection.clone();
            let run = move || {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
                let local = LocalSet::new();
                let indexes = (thread..connections).step_by(threads as usize);
                let running: Vec<_> = indexes.map(|index| local.spawn_local(connection(index))).collect();
                let mut tally = Tally::new()?;
                local.block_on(&runtime, async {
                    for connection in running {
                        let ended = connection.await;
                        tally.add(&ended.map_err(|error| Failure::failed(error, "report it"))??);
                    }
                    Ok(tally)
                })
            };
            let named = std::thread::Builder::new().name("load".to_owned());
            handles.push(named.spawn(run).map_err(no_thread)?);
        }
        Ok(Self(handles))
    }

    /// Starts connections that bet as planned.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn bets(workload: &Arc<Workload>, plan: &Plan, window: Window) -> Result<Self, Failure> {
        let by_rank = if plan.shape.hot { zipf(workload.accounts().count()) } else { None };
        let (workload, plan) = (Arc::clone(workload), plan.clone());
        Self::start(plan.connections, move |index| {
            let draw = Draw::new(&workload, plan.shape, by_rank.clone(), plan.seed, u64::from(index));
            bet(draw, plan.clone(), window, index)
        })
    }

    /// Waits for the last answers.
    ///
    /// # Errors
    /// When a server could not be reached.
    pub async fn finish(self) -> Result<Tally, Failure> {
        let joined = tokio::task::spawn_blocking(move || {
            let mut tally = Tally::new()?;
            for handle in self.0 {
                let part =
                    handle.join().map_err(|_| Failure::failed("the load generator failed", "report it"));
                tally.add(&part??);
            }
            Ok(tally)
        });
        joined.await.map_err(|error| Failure::failed(error, "report it"))?
    }
}

/// A client with a connection to each server.
struct Clients {
    servers: Vec<(SocketAddr, HeaderValue)>,
    open: Vec<Client>,
}

impl Clients {
    async fn connect(servers: &[SocketAddr]) -> Result<Self, Failure> {
        let mut clients = Self { servers: Vec::new(), open: Vec::new() };
        for server in servers {
            let host = HeaderValue::try_from(server.to_string())
                .map_err(|error| Failure::failed(error, "report it"))?;
            clients.open.push(Client::connect(*server).await.map_err(|error| unreachable_server(&error))?);
            clients.servers.push((*server, host));
        }
        Ok(clients)
    }

    /// Sends the next bet to a server at random, and counts its answer.
    async fn send(
        &mut self,
        draw: &mut Draw,
        tally: &mut Tally,
        due: Instant,
        window: Window,
        scheduled: bool,
    ) {
        let which = if self.open.len() > 1 { rand::rng().random_range(0..self.open.len()) } else { 0 };
        let (Some(client), Some((server, host))) = (self.open.get_mut(which), self.servers.get(which)) else {
            return;
        };
        let Some(request) = draw.request(host) else { return };
        match client.send(&message(&request)).await {
            Ok((201, _)) => {
                let now = Instant::now();
                if window.holds(if scheduled { due } else { now }) {
                    tally.accept(now - due);
                }
            }
            Ok((status, body)) => {
                tally.refuse(refusal(status, &body));
                if status == 503 {
                    sleep(TRY_AGAIN).await;
                }
            }
            Err(error) => {
                tally.refuse(format!("no answer: {}", chain(&error)));
                sleep(TRY_AGAIN).await;
                if let Ok(again) = Client::connect(*server).await {
                    *client = again;
                }
            }
        }
    }
}

async fn bet(mut draw: Draw, plan: Plan, window: Window, index: u32) -> Result<Tally, Failure> {
    let mut tally = Tally::new()?;
    let mut clients = Clients::connect(&plan.servers).await?;
    sleep_until(window.begin).await;
    let Some(rate) = plan.rate else {
        loop {
            let due = Instant::now();
            if due >= window.until {
                return Ok(tally);
            }
            clients.send(&mut draw, &mut tally, due, window, false).await;
        }
    };
    // Arrivals are spread evenly over time, and taken in turns by the connections. One whose last answer
    // is late sends at once, and the wait counts.
    let between = Duration::from_secs_f64(1.0 / rate);
    let mut due = window.begin + between * index;
    while due < window.until {
        sleep_until(due).await;
        if Instant::now() > window.until + TAIL {
            tally.refuse("not sent: the servers fell behind the schedule".to_owned());
            return Ok(tally);
        }
        clients.send(&mut draw, &mut tally, due, window, true).await;
        due += between * plan.connections;
    }
    Ok(tally)
}

#[derive(Deserialize)]
struct Problem {
    code: String,
}

/// An answer that is no acceptance, by status and code.
pub fn refusal(status: u16, body: &[u8]) -> String {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => format!("{status} {}", problem.code),
        Err(_) => status.to_string(),
    }
}

pub fn unreachable_server(error: &super::client::Broken) -> Failure {
    Failure::failed(
        format!("no connection to the server under test: {}", chain(error)),
        "allow more open files (ulimit -n), or ask for fewer --connections",
    )
}
