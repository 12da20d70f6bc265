//! The Unified Odds Feed: its producers share their markets, and one room hears them all, whichever way messages come.

use super::keeper::Keeper;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use overround_api::{MessageRefused, MessageTaken, UofFeed};
use overround_app::{App, Error};
use overround_domain::markets::{ProducerState, SourceMarket};
use overround_domain::time::Timestamp;
use overround_feed::health::{Health, Sign, State, Transition, UOF_SILENCE_MS_MAX};
use overround_feed::uof::{Feed, Message, Said};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// What its producers are of.
const SOURCE: &str = "uof";
/// How often silence is looked for.
const TICK: Duration = Duration::from_secs(1);
/// How long an event is remembered after it was last heard of, in milliseconds. Older messages are not taken.
const MEMORY_MS: i64 = 24 * 3_600_000;
/// How many messages are recognized when they come again.
const RECENT_MAX: usize = 10_000;
/// The most recoveries that one process asks for before their numbers meet the next process's.
const RECOVERIES_MAX: u64 = 1 << 20;

/// The feed, as this process hears it.
pub struct Uof {
    room: Mutex<Room>,
}

impl Uof {
    /// A feed that nobody was heard of yet, whose producers come in this order, the best first.
    pub fn new(app: App, ranked: Vec<u32>) -> Arc<Self> {
        let room = Room { app, feed: Feed::new(ranked), lines: BTreeMap::new() };
        Arc::new(Self { room: Mutex::new(room) })
    }

    /// Looks for silence, and tells the house what it could not be told before, until `stop` is cancelled; then tells it
    /// that the feed ends.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.room.lock().await.tick().await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
        for line in self.room.lock().await.lines.values_mut() {
            line.keeper.end().await;
        }
    }

    async fn take_one(&self, producer: u32, body: &[u8]) -> Result<MessageTaken, MessageRefused> {
        let message = read(producer, body);
        let (kind, taken) = match message {
            Ok(message) => (kind_of(&message), self.room.lock().await.take(producer, &message, body).await),
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
    keeper: Keeper,
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
        Self {
            keeper: Keeper::new(app, SOURCE, format!("{SOURCE}:{producer}"), UOF_SILENCE_MS_MAX),
            health: Health::new(UOF_SILENCE_MS_MAX),
            recent: Recent::default(),
            alive_at: None,
            epoch: 0,
            recoveries: 0,
            recovery: None,
            named: BTreeSet::new(),
        }
    }

    /// Refuses what says nothing new. Nothing is taken any more from before `oldest`.
    fn check_news(
        &self,
        message: &Message,
        digest: &[u8; 32],
        oldest: Timestamp,
    ) -> Result<(), MessageRefused> {
        let at = message.header().at;
        if self.recent.contains(digest) {
            return Err(already_heard("it was taken before"));
        }
        if at < oldest {
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

    /// Asks for a recovery.
    fn recover(&mut self) {
        self.recoveries += 1;
        let request = u64::try_from(self.epoch).unwrap_or(0) * RECOVERIES_MAX + self.recoveries;
        self.recovery = Some(request);
        self.health.recovery_requested(request);
        self.named.clear();
        let why = format!("the recovery {request} of the producer {} is awaited", self.keeper.producer());
        self.keeper.is(ProducerState::Recovering, why);
    }

    /// Notes that it is silent.
    fn fall_silent(&mut self) {
        self.recovery = None;
        let producer = self.keeper.producer();
        let silence = format!("no alive of the producer {producer} for {UOF_SILENCE_MS_MAX} ms");
        self.keeper.is(ProducerState::Down, silence);
    }
}

/// The producers of the feed, and the markets that they share.
struct Room {
    app: App,
    feed: Feed,
    lines: BTreeMap<u32, Line>,
}

impl Room {
    async fn take(
        &mut self,
        producer: u32,
        message: &Message,
        body: &[u8],
    ) -> Result<MessageTaken, MessageRefused> {
        let app = &self.app;
        let line = self.lines.entry(producer).or_insert_with(|| Line::new(app.clone(), producer));
        line.epoch = line.keeper.take().await.map_err(refused)?;
        self.look_for_silence(producer);
        let digest: [u8; 32] = Sha256::digest(body).into();
        let oldest = self.feed.at().plus_millis(-MEMORY_MS);
        self.line(producer)?.check_news(message, &digest, oldest)?;
        let heard = self.feed.apply(message);
        self.line(producer)?.named.extend(heard.named);
        if heard.outdated {
            return Err(already_heard("its producer said something newer of all its markets before"));
        }
        let markets_changed = u64::try_from(heard.changed.len()).unwrap_or(u64::MAX);
        self.give(heard.changed, Keeper::say);
        if let Some(sign) = heard.sign {
            self.hear(producer, sign);
        }
        self.settle(Some(producer)).await.map_err(refused)?;
        let line = self.line(producer)?;
        line.recent.insert(digest);
        if let Message::Alive(alive) = message {
            line.alive_at = Some(alive.header.at);
        }
        Ok(MessageTaken {
            message: kind_of(message),
            markets_changed,
            state: line.keeper.told(),
            recovery: line.recovery.filter(|_| line.health.state() == State::Recovering),
        })
    }

    fn line(&mut self, producer: u32) -> Result<&mut Line, MessageRefused> {
        let missing = || MessageRefused::Failed(Error::internal("a producer that speaks has no line"));
        self.lines.get_mut(&producer).ok_or_else(missing)
    }

    /// Looks for silence, and tells the house what it could not be told before.
    async fn tick(&mut self) {
        for producer in self.lines.keys().copied().collect::<Vec<_>>() {
            self.look_for_silence(producer);
        }
        self.feed.forget_before(self.feed.at().plus_millis(-MEMORY_MS));
        // What goes wrong was logged, and is tried again.
        drop(self.settle(None).await);
    }

    fn look_for_silence(&mut self, producer: u32) {
        let now = self.app.clock().now();
        let silent = self.lines.get_mut(&producer).and_then(|line| line.health.tick(now));
        self.turned(producer, silent);
    }

    fn hear(&mut self, producer: u32, sign: Sign) {
        let now = self.app.clock().now();
        let Some(line) = self.lines.get_mut(&producer) else { return };
        if sign != Sign::Cut {
            line.keeper.sign();
        }
        let turned = line.health.heard(sign, now);
        self.turned(producer, turned);
    }

    /// Gives each market to the producer who owns it, in this way, and to nobody else.
    fn give(&mut self, changed: Vec<Said>, how: fn(&mut Keeper, SourceMarket)) {
        for Said { producer: owner, market } in changed {
            for (_, other) in self.lines.iter_mut().filter(|(producer, _)| **producer != owner) {
                other.keeper.leave(&market.key);
            }
            if let Some(line) = self.lines.get_mut(&owner) {
                how(&mut line.keeper, market);
            }
        }
    }

    /// Follows a producer's health: what it may not be trusted with goes to another who offers it, and comes back.
    fn turned(&mut self, producer: u32, transition: Option<Transition>) {
        let Some(transition) = transition else { return };
        let up = transition.to == State::Up;
        let named = match self.lines.get_mut(&producer) {
            Some(line) if up => Some(std::mem::take(&mut line.named)),
            _ => None,
        };
        if let Some(named) = &named {
            let gone = self.feed.withdraw_unnamed(producer, named);
            self.give(gone, Keeper::say);
        }
        let handed_over = self.feed.trust(producer, up);
        self.give(handed_over, if up { Keeper::take_over } else { Keeper::say });
        let Some(line) = self.lines.get_mut(&producer) else { return };
        match transition.to {
            State::Down => line.fall_silent(),
            State::Recovering => line.recover(),
            State::Up => line.keeper.is_up(named),
        }
    }

    /// Tells the house: what must not be sold goes first, and what another producer sells instead after it. Answers how
    /// that went with what the asker says.
    async fn settle(&mut self, asker: Option<u32>) -> Result<(), Error> {
        let mut lines: Vec<(bool, u32)> =
            self.lines.iter().map(|(producer, line)| (line.keeper.is_wanted_up(), *producer)).collect();
        lines.sort_unstable();
        let mut answer = Ok(());
        for (_, producer) in lines {
            let told = self.settle_one(producer).await;
            if asker == Some(producer) {
                answer = told;
            }
        }
        answer
    }

    /// Tells the house what a producer says. What another process did meanwhile makes what is known here old.
    async fn settle_one(&mut self, producer: u32) -> Result<(), Error> {
        let Some(line) = self.lines.get_mut(&producer) else { return Ok(()) };
        // Boxed, or the compiler loses itself in the type of what this waits for.
        let told = line.keeper.settle().boxed().await;
        if let Err(Error::Conflict { .. }) = &told {
            self.hear(producer, Sign::Cut);
            self.forget_where_taken(producer);
        }
        told
    }

    /// Where another process hears the producer from here on: what it is told is missing here.
    fn forget_where_taken(&mut self, producer: u32) {
        if let Some(line) = self.lines.get_mut(&producer).filter(|line| !line.keeper.speaks()) {
            line.keeper.forget();
            (line.recent, line.alive_at) = (Recent::default(), None);
            let changed = self.feed.forget_producer(producer);
            self.give(changed, Keeper::say);
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
