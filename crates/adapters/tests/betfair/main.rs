//! The driver of Betfair's stream against a source in this process. Nothing here waits for a time: tests
//! wait for what comes over the channel or over the connection.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a helper of a test fails the test; what was not run is said"
)]

mod endings;
mod source;
mod streams;
mod tls;

use overround_adapters::betfair::{self, Endpoint, Error, Event, Retry, Transport};
use overround_domain::markets::SourceMarket;
use overround_domain::odds::Price;
use overround_feed::Applied;
use overround_feed::betfair::{Credentials, MarketFilter, Session, Subscription};
use overround_feed::health::State;
use source::Source;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const KEY: &str = "the-app-key";
pub(crate) const TOKEN: &str = "the-session-token";
/// Waits shorter than anybody would notice.
const RETRY: Retry = Retry { min: Duration::from_millis(1), max: Duration::from_millis(5) };
/// How long a test waits for anything before it fails: shorter than the silence that would end a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// A driver at work, and what comes from it.
pub(crate) struct Running {
    events: mpsc::Receiver<Event>,
    pub(crate) stop: CancellationToken,
    task: JoinHandle<(Session, Result<(), Error>)>,
}

pub(crate) fn session(heartbeat_ms: u32) -> Session {
    let subscription = Subscription::new(MarketFilter::default()).with_heartbeat(heartbeat_ms).unwrap();
    Session::new(Credentials::new(KEY, TOKEN), subscription)
}

/// Waits for what must come.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap()
}

impl Running {
    /// A driver to this source, with room for so many events.
    pub(crate) fn start_with(endpoint: Endpoint, mut session: Session, room: usize) -> Self {
        let (sender, events) = mpsc::channel(room);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let ended = betfair::run(&mut session, &endpoint, RETRY, &sender, &stopped).await;
            (session, ended)
        });
        Self { events, stop, task }
    }

    pub(crate) fn start(source: &Source) -> Self {
        Self::start_with(source.endpoint(Transport::Tcp), session(5_000), 100)
    }

    /// The next event, whenever it comes.
    pub(crate) async fn heard(&mut self) -> Event {
        self.events.recv().await.unwrap()
    }

    /// The next event.
    async fn next(&mut self) -> Event {
        soon(self.heard()).await
    }

    /// The next message that was applied, which nothing else may come before.
    pub(crate) async fn applied(&mut self) -> Applied {
        let applied = match self.next().await {
            Event::Applied(applied) => Ok(applied),
            Event::Health(turn) => Err(turn),
        };
        applied.unwrap()
    }

    /// Waits for a turn of health, which nothing else may come before.
    pub(crate) async fn turns(&mut self, from: State, to: State) {
        let next = self.next().await;
        let turned = matches!(&next, Event::Health(turn) if (turn.from, turn.to) == (from, to));
        assert!(turned, "{next:?} is not {from:?} to {to:?}");
    }

    /// Waits for the driver to end of itself.
    pub(crate) async fn ended(self) -> (Session, Result<(), Error>) {
        soon(self.task).await.unwrap()
    }

    /// Stops the driver.
    pub(crate) async fn stopped(self) -> Session {
        self.stop.cancel();
        let (session, ended) = self.ended().await;
        ended.unwrap();
        session
    }

    /// Drops the receiver.
    pub(crate) async fn left_alone(self) -> Result<(), Error> {
        drop(self.events);
        soon(self.task).await.unwrap().1
    }
}

pub(crate) fn best(market: &SourceMarket) -> Option<Price> {
    market.outcomes.first().unwrap().best_back
}

pub(crate) fn price(num: u32, den: u32) -> Option<Price> {
    Some(Price::new(num, den).unwrap())
}
