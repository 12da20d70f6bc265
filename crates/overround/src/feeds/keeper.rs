//! One live producer in this process: tells the house what it says and whether it may be trusted, and tells it again
//! until the house has taken it.

use overround_app::{App, Error, PRODUCER_TAKEN, Speaker};
use overround_domain::markets::{ProducerState, SourceMarket, SourceStatus};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// How often the house hears that a producer is alive, and its prices are renewed: well within the shortest freshness
/// of a snapshot.
const BEAT: Duration = Duration::from_secs(3);
/// How much longer than its feed others wait for a producer's sign of life, in milliseconds: it may be told two beats
/// late.
const LATE_MS: i64 = 6_000;
/// How many markets are published in one transaction.
const MARKETS_AT_ONCE: usize = 100;

/// What the house is to know of one live producer.
pub struct Keeper {
    app: App,
    /// What it is one of, and its name.
    source: String,
    producer: String,
    silence_ms_max: i64,
    /// This process's right to speak for it.
    speaker: Option<Speaker>,
    /// What the house was told.
    told: ProducerState,
    /// What it is to be told, and why.
    wanted: (ProducerState, String),
    /// The markets that count when it comes up: all others of its are not sold any more.
    named: BTreeSet<String>,
    /// Its last word on each of its markets that is not over, by its own keys.
    book: BTreeMap<String, SourceMarket>,
    /// What the house was not told yet, by the producer's keys.
    untold: BTreeMap<String, SourceMarket>,
    /// What it has from another producer from when the house knows that it is up.
    coming: BTreeMap<String, SourceMarket>,
    /// Whether there was a sign of life since the last beat.
    alive: bool,
    beat_at: Option<Instant>,
    failing: bool,
}

impl Keeper {
    /// A producer of a source that nobody was told of. It may be silent for so long by its feed's own clock.
    pub fn new(app: App, source: &str, producer: impl Into<String>, silence_ms_max: i64) -> Self {
        Self {
            app,
            source: source.to_owned(),
            producer: producer.into(),
            silence_ms_max: silence_ms_max.saturating_add(LATE_MS),
            speaker: None,
            told: ProducerState::Down,
            wanted: (ProducerState::Down, String::new()),
            named: BTreeSet::new(),
            book: BTreeMap::new(),
            untold: BTreeMap::new(),
            coming: BTreeMap::new(),
            alive: false,
            beat_at: None,
            failing: false,
        }
    }

    /// The producer's name.
    pub fn producer(&self) -> &str {
        &self.producer
    }

    /// Whether this process speaks for it.
    pub const fn speaks(&self) -> bool {
        self.speaker.is_some()
    }

    /// What the house was told of its state.
    pub const fn told(&self) -> ProducerState {
        self.told
    }

    /// Makes this process the one that speaks for it, if it is not. Answers how many processes have, this one included.
    ///
    /// # Errors
    /// A conflict while another process hears it; or the database is away.
    pub async fn take(&mut self) -> Result<i64, Error> {
        if let Some(speaker) = &self.speaker {
            return Ok(speaker.epoch());
        }
        let speaker = self.app.speak_for(&self.source, &self.producer, self.silence_ms_max).await?;
        tracing::info!(producer = self.producer, epoch = speaker.epoch(), "this process hears the producer");
        let epoch = speaker.epoch();
        self.speaker = Some(speaker);
        self.told = ProducerState::Down;
        // Another process may have told the house otherwise meanwhile.
        self.untold = self.book.clone();
        self.coming.clear();
        Ok(epoch)
    }

    /// Takes its word on a market, to be told to the house by the next [`settle`](Self::settle).
    pub fn say(&mut self, market: SourceMarket) {
        // What is over is said no more.
        if market.status == SourceStatus::Closed {
            self.book.remove(&market.key);
        } else {
            self.book.insert(market.key.clone(), market.clone());
        }
        self.coming.remove(&market.key);
        self.untold.insert(market.key.clone(), market);
    }

    /// Takes its word on a market that it has from another producer now that it is up: the house is told so first.
    pub fn take_over(&mut self, market: SourceMarket) {
        self.book.insert(market.key.clone(), market.clone());
        self.coming.insert(market.key.clone(), market);
    }

    /// Leaves a market to another producer.
    pub fn leave(&mut self, key: &str) {
        self.book.remove(key);
        self.untold.remove(key);
        self.coming.remove(key);
    }

    /// Whether it is to be up.
    pub fn is_wanted_up(&self) -> bool {
        self.wanted.0 == ProducerState::Up
    }

    /// Takes a sign of its life.
    pub const fn sign(&mut self) {
        self.alive = true;
    }

    /// Says in which state it is.
    pub fn is(&mut self, state: ProducerState, why: impl Into<String>) {
        if self.wanted.0 != state {
            self.wanted = (state, why.into());
        }
    }

    /// Says that it is up, and which markets it has named since its recovery began, where those are not all that it ever
    /// named: others are not sold any more.
    pub fn is_up(&mut self, named: Option<BTreeSet<String>>) {
        if self.wanted.0 != ProducerState::Up {
            self.named = named.unwrap_or_else(|| self.book.keys().cloned().collect());
        }
        self.is(ProducerState::Up, "its recovery is complete");
    }

    /// Tells the house what it does not know yet. What it could not be told is told by the next call.
    ///
    /// # Errors
    /// A conflict when another process took the producer, or declared it down: what is known here may be old, and a
    /// recovery must come before more is told. Any other failure is of the moment, and was logged.
    pub async fn settle(&mut self) -> Result<(), Error> {
        let told = self.tell().await;
        match &told {
            Ok(()) if self.failing => {
                tracing::info!(producer = self.producer, "the house hears the producer again")
            }
            Err(error) if !self.failing => {
                let error = error as &dyn std::error::Error;
                tracing::warn!(
                    producer = self.producer,
                    error,
                    "the house could not be told; it is told again"
                );
            }
            _ => {}
        }
        self.failing = told.is_err();
        if let Err(Error::Conflict { code, detail }) = &told {
            if *code == PRODUCER_TAKEN {
                self.speaker = None;
            }
            self.told = ProducerState::Down;
            self.wanted = (ProducerState::Down, detail.clone());
        }
        told
    }

    /// Tells the house that the feed ends, so that it need not find out by silence.
    pub async fn end(&mut self) {
        self.untold.clear();
        self.coming.clear();
        if self.speaks() {
            self.is(ProducerState::Down, format!("the feed of {} ended", self.producer));
            // What goes wrong was logged, and silence tells the rest.
            let _ = self.settle().await;
            self.speaker = None;
        }
    }

    /// Forgets what the producer said.
    pub fn forget(&mut self) {
        self.book.clear();
        self.untold.clear();
        self.coming.clear();
        self.named.clear();
    }

    async fn tell(&mut self) -> Result<(), Error> {
        let Some(speaker) = self.speaker.clone() else { return Ok(()) };
        let wanted = self.wanted.0;
        // What must not be sold goes first.
        if self.told == ProducerState::Up && wanted != ProducerState::Up {
            self.turn(&speaker, wanted).await?;
        }
        publish(&self.app, &speaker, &mut self.untold).await?;
        if wanted == ProducerState::Up && self.told != ProducerState::Up {
            if self.told == ProducerState::Down {
                self.turn(&speaker, ProducerState::Recovering).await?;
            }
            let withdrawn = self.app.withdraw_unheard(&speaker, &self.named).await?;
            self.turn(&speaker, ProducerState::Up).await?;
            tracing::info!(producer = self.producer, withdrawn, "the producer is up");
            self.beat_at = None;
        } else if self.told.can_become(wanted) {
            self.turn(&speaker, wanted).await?;
        }
        if self.told == ProducerState::Up {
            publish(&self.app, &speaker, &mut self.coming).await?;
        }
        self.beat(&speaker).await
    }

    async fn turn(&mut self, speaker: &Speaker, to: ProducerState) -> Result<(), Error> {
        self.app.turn_producer(speaker, to, &self.wanted.1).await?;
        if to != ProducerState::Up {
            tracing::warn!(producer = self.producer, state = %to, reason = self.wanted.1, "the producer is not up");
        }
        self.told = to;
        Ok(())
    }

    /// Once in a while: the house hears that the producer is alive, and what it said stands.
    async fn beat(&mut self, speaker: &Speaker) -> Result<(), Error> {
        if self.beat_at.is_some_and(|last| last.elapsed() < BEAT) {
            return Ok(());
        }
        if std::mem::take(&mut self.alive) {
            let state = self.app.producer_seen(speaker).await?;
            if state == ProducerState::Down && self.told != ProducerState::Down {
                let detail = format!("{} was declared down meanwhile", self.producer);
                return Err(Error::Conflict { code: overround_app::PRODUCER_STATE, detail });
            }
        }
        if self.told == ProducerState::Up {
            self.app.renew(&self.producer, self.app.clock().now()).await?;
        }
        self.beat_at = Some(Instant::now());
        Ok(())
    }
}

/// Tells the house of markets, which are taken from the map once it knows.
async fn publish(
    app: &App,
    speaker: &Speaker,
    markets: &mut BTreeMap<String, SourceMarket>,
) -> Result<(), Error> {
    while !markets.is_empty() {
        let some: Vec<SourceMarket> = markets.values().take(MARKETS_AT_ONCE).cloned().collect();
        app.publish_as(speaker, app.clock().now(), &some).await?;
        for market in &some {
            markets.remove(&market.key);
        }
    }
    Ok(())
}
