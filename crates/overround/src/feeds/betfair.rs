//! Betfair's Exchange Stream: its session's events become the house's prices.

use super::keeper::Keeper;
use super::state_of;
use crate::failure::{Failure, chain};
use crate::signals;
use overround_adapters::betfair::{self, Endpoint, Event, Retry};
use overround_app::{App, Error};
use overround_domain::markets::ProducerState;
use overround_feed::Applied;
use overround_feed::betfair::{HEARTBEAT_MS_MAX, Session};
use overround_feed::health::{BETFAIR_HEARTBEATS_MISSED_MAX, State};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

/// The name of the producer.
const PRODUCER: &str = "betfair";
/// How often the house is told what it could not be told before.
const TICK: Duration = Duration::from_secs(1);
/// How many events wait for the house. Beyond that nothing is read: the source gathers what it cannot send.
const ROOM: usize = 256;

/// Hears the stream for the house until a signal, over one connection after another.
///
/// # Errors
/// When Betfair refuses what no new attempt can change.
pub async fn hear(app: &App, endpoint: Endpoint, session: Session) -> Result<(), Failure> {
    let silence_ms_max = i64::from(HEARTBEAT_MS_MAX) * i64::from(BETFAIR_HEARTBEATS_MISSED_MAX);
    let mut stream = Stream {
        keeper: Keeper::new(app.clone(), PRODUCER, PRODUCER, silence_ms_max),
        health: State::Down,
        late: false,
    };
    let ended = tokio::select! {
        ended = stream.live(endpoint, session) => ended,
        () = signals::asked_to_end() => Ok(()),
    };
    stream.keeper.end().await;
    ended
}

struct Stream {
    keeper: Keeper,
    /// The session's health.
    health: State,
    /// Whether the source says that what it sends is late.
    late: bool,
}

impl Stream {
    /// Connections as long as this process speaks for the producer, and from when it does again.
    async fn live(&mut self, endpoint: Endpoint, mut session: Session) -> Result<(), Failure> {
        loop {
            self.take().await;
            let (events, heard) = mpsc::channel(ROOM);
            let cut = CancellationToken::new();
            // Dropped with this future: the driver ends, too.
            let _guard = cut.clone().drop_guard();
            let (endpoint, stop) = (endpoint.clone(), cut.clone());
            let driver = tokio::spawn(async move {
                let ended = betfair::run(&mut session, &endpoint, Retry::default(), &events, &stop).await;
                (session, ended)
            });
            self.follow(heard).await;
            cut.cancel();
            let (kept, ended) = driver.await.map_err(|error| {
                Failure::failed(
                    format!("the stream's driver failed: {error}"),
                    "look at the log, then start again",
                )
            })?;
            if let Err(refused) = ended {
                return Err(Failure::failed(chain(&refused), "do as it says, then start again"));
            }
            // What this process missed meanwhile comes again: the next connection goes on from there.
            session = kept;
            self.health = State::Down;
        }
    }

    /// Waits until this process speaks for the producer.
    async fn take(&mut self) {
        let mut told = false;
        while let Err(error) = self.keeper.take().await {
            if !std::mem::replace(&mut told, true) {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "waiting to hear Betfair for the house"
                );
            }
            sleep(TICK).await;
        }
    }

    /// Tells the house what is heard, until the driver ends or what is known here is old.
    async fn follow(&mut self, mut heard: mpsc::Receiver<Event>) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = heard.recv() => match event {
                    Some(event) => self.hear(event),
                    None => return,
                },
                _ = tick.tick() => {}
            }
            self.judge();
            if let Err(Error::Conflict { .. }) = self.keeper.settle().await {
                return;
            }
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Applied(Applied { changed, stale_upstream, .. }) => {
                self.late = stale_upstream;
                self.keeper.sign();
                changed.into_iter().for_each(|market| self.keeper.say(market));
                let outcome = if self.late { "late" } else { "taken" };
                metrics::counter!("overround_feed_messages_total",
                    "producer" => PRODUCER, "message" => "mcm", "outcome" => outcome)
                .increment(1);
            }
            Event::Health(turn) => self.health = turn.to,
        }
    }

    /// Says how far the producer may be trusted.
    fn judge(&mut self) {
        match (state_of(self.health), self.late) {
            (ProducerState::Up, false) => {
                // A session's image, and what resumes it, are whole.
                self.keeper.is_up(None);
            }
            (ProducerState::Down, _) => {
                self.keeper
                    .is(ProducerState::Down, "the stream of betfair is silent, or its connection is cut");
            }
            (ProducerState::Recovering, false) => {
                self.keeper.is(ProducerState::Recovering, "the image of betfair's stream is awaited");
            }
            (_, true) => {
                self.keeper.is(ProducerState::Recovering, "betfair says that what it sends is late (503)");
            }
        }
    }
}
