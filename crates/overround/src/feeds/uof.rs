//! The Unified Odds Feed: one line a producer, whichever way its messages come.

use super::keeper::Keeper;
use super::state_of;
use bytes::Bytes;
use futures::future::BoxFuture;
use overround_api::{MessageRefused, MessageTaken, UofFeed};
use overround_app::{App, Error};
use overround_domain::markets::ProducerState;
use overround_domain::time::Timestamp;
use overround_feed::health::{Health, Sign, State, Transition, UOF_SILENCE_MS_MAX};
use overround_feed::uof::{Feed, Message};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often silence is looked for.
const TICK: Duration = Duration::from_secs(1);
/// How long an event is remembered after it was last heard of, in milliseconds. Older messages are not taken.
const MEMORY_MS: i64 = 24 * 3_600_000;
/// How many messages are recognized when they come again.
const RECENT_MAX: usize = 10_000;
/// The most recoveries that one process asks for before their numbers meet the next process's.
const RECOVERIES_MAX: u64 = 1 << 20;

/// The producers of the feed that this process hears.
pub struct Uof {
    app: App,
    lines: Mutex<BTreeMap<u32, Arc<tokio::sync::Mutex<Line>>>>,
}

impl Uof {
    /// A feed that nobody was heard of yet.
    pub fn new(app: App) -> Arc<Self> {
        Arc::new(Self { app, lines: Mutex::default() })
    }

    /// Looks for silence, and tells the house what it could not be told before, until `stop` is cancelled; then tells it
    /// that the feed ends.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            for line in self.lines() {
                line.lock().await.tick().await;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
        for line in self.lines() {
            line.lock().await.keeper.end().await;
        }
    }

    fn lines(&self) -> Vec<Arc<tokio::sync::Mutex<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn line(&self, producer: u32) -> Arc<tokio::sync::Mutex<Line>> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(tokio::sync::Mutex::new(Line::new(self.app.clone(), producer)));
        Arc::clone(lines.entry(producer).or_insert_with(new))
    }

    async fn take_one(&self, producer: u32, body: &[u8]) -> Result<MessageTaken, MessageRefused> {
        let message = read(producer, body);
        let (kind, taken) = match message {
            Ok(message) => (kind_of(&message), self.line(producer).lock().await.take(&message, body).await),
            Err(refused) => ("unread", Err(refused)),
        };
        let outcome = taken.as_ref().map_or_else(outcome_of, |_| "taken");
        metrics::counter!("overround_feed_messages_total",
            "producer" => format!("uof:{producer}"), "message" => kind, "outcome" => outcome)
        .increment(1);
        taken
    }
}

impl UofFeed for Uof {
    fn take(&self, producer: u32, body: Bytes) -> BoxFuture<'_, Result<MessageTaken, MessageRefused>> {
        Box::pin(async move { self.take_one(producer, &body).await })
    }
}

/// Reads a message that the house acts upon.
fn read(producer: u32, body: &[u8]) -> Result<Message, MessageRefused> {
    let message = Message::parse(body).map_err(|error| MessageRefused::Malformed(error.to_string()))?;
    match message.header().producer {
        Some(product) if product != producer => {
            let detail = format!("the message is of the producer {product}, the path says {producer}");
            return Err(MessageRefused::OtherProducer(detail));
        }
        // The settlement family is known to come without.
        _ => {}
    }
    if let Message::BetSettlement(_)
    | Message::BetCancel(_)
    | Message::RollbackBetSettlement(_)
    | Message::RollbackBetCancel(_) = message
    {
        let detail = format!(
            "a {} was read and not acted upon: results are given by people, POST /v1/markets/{{market_id}}/settle",
            kind_of(&message)
        );
        return Err(MessageRefused::Unsupported(detail));
    }
    Ok(message)
}

const fn kind_of(message: &Message) -> &'static str {
    match message {
        Message::OddsChange(_) => "odds_change",
        Message::BetStop(_) => "bet_stop",
        Message::Alive(_) => "alive",
        Message::SnapshotComplete(_) => "snapshot_complete",
        Message::FixtureChange(_) => "fixture_change",
        Message::BetSettlement(_) => "bet_settlement",
        Message::BetCancel(_) => "bet_cancel",
        Message::RollbackBetSettlement(_) => "rollback_bet_settlement",
        Message::RollbackBetCancel(_) => "rollback_bet_cancel",
    }
}

const fn outcome_of(refused: &MessageRefused) -> &'static str {
    match refused {
        MessageRefused::Malformed(_) => "malformed",
        MessageRefused::OtherProducer(_) => "other_producer",
        MessageRefused::Unsupported(_) => "unsupported",
        MessageRefused::AlreadyHeard(_) => "already_heard",
        MessageRefused::Elsewhere(_) => "elsewhere",
        MessageRefused::Failed(_) => "failed",
    }
}

/// Messages that were taken, by their digests, up to a bound.
#[derive(Default)]
struct Recent {
    known: HashSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

impl Recent {
    fn contains(&self, digest: &[u8; 32]) -> bool {
        self.known.contains(digest)
    }

    fn insert(&mut self, digest: [u8; 32]) {
        if self.known.insert(digest) {
            self.order.push_back(digest);
        }
        if self.order.len() > RECENT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// What this process knows of one producer.
struct Line {
    app: App,
    keeper: Keeper,
    feed: Feed,
    health: Health,
    recent: Recent,
    /// The newest `alive`, on the producer's clock: one that is sent again is no sign of life.
    alive_at: Option<Timestamp>,
    epoch: i64,
    /// How many recoveries this process asked for.
    recoveries: u64,
    /// The one that is awaited, or was last complete.
    recovery: Option<u64>,
    /// The markets that were named since it was asked for.
    named: BTreeSet<String>,
}

impl Line {
    fn new(app: App, producer: u32) -> Self {
        let keeper = Keeper::new(app.clone(), format!("uof:{producer}"), UOF_SILENCE_MS_MAX);
        Self {
            app,
            keeper,
            feed: Feed::default(),
            health: Health::new(UOF_SILENCE_MS_MAX),
            recent: Recent::default(),
            alive_at: None,
            epoch: 0,
            recoveries: 0,
            recovery: None,
            named: BTreeSet::new(),
        }
    }

    async fn take(&mut self, message: &Message, body: &[u8]) -> Result<MessageTaken, MessageRefused> {
        self.epoch = self.keeper.take().await.map_err(refused)?;
        let now = self.app.clock().now();
        let silent = self.health.tick(now);
        self.turned(silent);
        let digest: [u8; 32] = Sha256::digest(body).into();
        self.check_news(message, &digest)?;
        let heard = self.feed.apply(message);
        self.named.extend(heard.named);
        if heard.outdated {
            return Err(already_heard("its producer said something newer of all its markets before"));
        }
        let changed = u64::try_from(heard.applied.changed.len()).unwrap_or(u64::MAX);
        self.keeper.say(heard.applied.changed);
        if let Some(sign) = heard.sign {
            self.keeper.sign();
            let turned = self.health.heard(sign, now);
            self.turned(turned);
        }
        self.settle().await.map_err(refused)?;
        self.recent.insert(digest);
        if let Message::Alive(alive) = message {
            self.alive_at = Some(alive.header.at);
        }
        Ok(MessageTaken {
            message: kind_of(message),
            markets_changed: changed,
            state: self.keeper.told(),
            recovery: self.recovery.filter(|_| self.health.state() == State::Recovering),
        })
    }

    /// Refuses what says nothing new.
    fn check_news(&self, message: &Message, digest: &[u8; 32]) -> Result<(), MessageRefused> {
        let at = message.header().at;
        if self.recent.contains(digest) {
            return Err(already_heard("it was taken before"));
        }
        if at < self.feed.at().plus_millis(-MEMORY_MS) {
            return Err(already_heard("it is older than a day"));
        }
        match message {
            Message::Alive(_) if self.alive_at.is_some_and(|last| at <= last) => {
                Err(already_heard("its producer said later that it is alive"))
            }
            Message::SnapshotComplete(done) if self.recovery != Some(done.request_id) => {
                Err(already_heard("it ends no recovery that is awaited"))
            }
            _ => Ok(()),
        }
    }

    /// Looks for silence, and tells the house what it could not be told before.
    async fn tick(&mut self) {
        if !self.keeper.speaks() {
            return;
        }
        let silent = self.health.tick(self.app.clock().now());
        self.turned(silent);
        self.feed.forget_before(self.feed.at().plus_millis(-MEMORY_MS));
        // What goes wrong was logged, and is tried again.
        let _ = self.settle().await;
    }

    /// Tells the house. What another process did meanwhile makes what is known here old.
    async fn settle(&mut self) -> Result<(), Error> {
        let told = self.keeper.settle().await;
        if let Err(Error::Conflict { .. }) = &told {
            let cut = self.health.heard(Sign::Cut, self.app.clock().now());
            self.turned(cut);
            if !self.keeper.speaks() {
                // Another process hears the producer from here on: what it is told is missing here.
                self.keeper.forget();
                (self.feed, self.recent, self.alive_at) = (Feed::default(), Recent::default(), None);
            }
        }
        told
    }

    /// Follows the producer's health.
    fn turned(&mut self, transition: Option<Transition>) {
        let Some(transition) = transition else { return };
        match state_of(transition.to) {
            ProducerState::Down => {
                self.recovery = None;
                let silence = format!(
                    "no alive of the producer {} for {UOF_SILENCE_MS_MAX} ms",
                    self.keeper.producer()
                );
                self.keeper.is(ProducerState::Down, silence);
            }
            ProducerState::Recovering => {
                self.recoveries += 1;
                let request = u64::try_from(self.epoch).unwrap_or(0) * RECOVERIES_MAX + self.recoveries;
                self.recovery = Some(request);
                self.health.recovery_requested(request);
                self.named.clear();
                let why =
                    format!("the recovery {request} of the producer {} is awaited", self.keeper.producer());
                self.keeper.is(ProducerState::Recovering, why);
            }
            ProducerState::Up => {
                let named = std::mem::take(&mut self.named);
                let gone = self.feed.withdraw_unnamed(&named);
                self.keeper.say(gone);
                self.keeper.is_up(Some(named));
            }
        }
    }
}

fn already_heard(why: &str) -> MessageRefused {
    MessageRefused::AlreadyHeard(format!("{why}; nothing was changed"))
}

fn refused(error: Error) -> MessageRefused {
    match error {
        Error::Conflict { code: overround_app::PRODUCER_TAKEN, detail } => MessageRefused::Elsewhere(detail),
        // It was declared down meanwhile: the same again is taken, and a recovery asked for.
        Error::Conflict { .. } => {
            MessageRefused::Failed(Error::Unavailable { part: "producer", retry_after_s: 1 })
        }
        other => MessageRefused::Failed(other),
    }
}
