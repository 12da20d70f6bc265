//! Ordered fan-out of the markets' versions to whoever follows them.
//!
//! Each process follows a market once in Redis, however many readers it has here. A [`topic`] keeps the market's last
//! versions; a [`reader`] keeps its place in each, so that no queue grows with a slow reader: it finds the newest
//! version when it comes back. [`follow`] is the task that hears of new versions and fills what it missed from the
//! market's history.

mod follow;
mod reader;
mod topic;

pub use reader::{Delivery, Reader, Subscribed};
pub use topic::{Frame, FrameKind};

use crate::markets::refresh::Refresh;
use crate::{App, Clock, Error};
use overround_domain::ids::{EventId, MarketId};
use overround_live::{Held, Live};
use overround_store::market;
pub(crate) use reader::{Mailbox, News};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
pub(crate) use topic::Topic;

/// How many markets a process follows at most.
const TOPICS_MAX: usize = 20_000;
/// How many of them for what is read once in a while, so that there is room for readers who stay.
const TOUCHED_MAX: usize = 10_000;

/// The markets that are followed in this process.
pub(crate) struct Stream {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the readers and the following task share.
struct Shared {
    live: Live,
    clock: Clock,
    refresh: Arc<Refresh>,
    topics: Mutex<HashMap<MarketId, Arc<Topic>>>,
    /// A topic came or went.
    changed: Notify,
    stop: CancellationToken,
}

impl Shared {
    /// Makes somebody a reader of a market's topic, which is made if there is none; none when there are too many. All
    /// under the lock, so that the topic is not dropped as idle before it has its reader.
    fn join(&self, market: MarketId, reader: u64, mailbox: &Arc<Mailbox>) -> Option<Arc<Topic>> {
        let mut topics = self.topics();
        let topic = self.topic_among(&mut topics, market, TOPICS_MAX)?;
        topic.join(reader, mailbox);
        Some(topic)
    }

    /// The topic of a market, which is made if there is none; none when there are `most` already.
    fn topic_among(
        &self,
        topics: &mut HashMap<MarketId, Arc<Topic>>,
        market: MarketId,
        most: usize,
    ) -> Option<Arc<Topic>> {
        let is_full = topics.len() >= most;
        match topics.entry(market) {
            Entry::Occupied(topic) => Some(Arc::clone(topic.get())),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(place) => {
                self.changed.notify_one();
                Some(Arc::clone(place.insert(Arc::new(Topic::new(market)))))
            }
        }
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<MarketId, Arc<Topic>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<Arc<Topic>> {
        self.topics().values().cloned().collect()
    }

    fn find(&self, market: MarketId) -> Option<Arc<Topic>> {
        self.topics().get(&market).cloned()
    }

    /// Drops the topics that nobody reads any more.
    fn drop_idle(&self) {
        let now = Instant::now();
        self.topics().retain(|_, topic| !topic.is_idle(now));
    }
}

impl Stream {
    /// Starts the task that hears of new versions. Called inside a tokio runtime.
    pub(crate) fn start(live: &Live, clock: &Clock, refresh: &Arc<Refresh>) -> Self {
        let shared = Arc::new(Shared {
            live: live.clone(),
            clock: clock.clone(),
            refresh: Arc::clone(refresh),
            topics: Mutex::default(),
            changed: Notify::new(),
            stop: CancellationToken::new(),
        });
        let task = tokio::spawn(follow::run(Arc::clone(&shared)));
        Self { shared, task: Mutex::new(Some(task)) }
    }

    /// What this process knows of a market that it follows, without asking; none when that cannot be relied on.
    pub(crate) fn held(&self, market: MarketId) -> Option<Held> {
        self.shared.find(market)?.held(&self.shared.live, &self.shared.clock)
    }

    /// Where a market is read once for all who ask, and followed from then on for a while; none when the process
    /// follows as many as it can.
    pub(crate) fn topic(&self, market: MarketId) -> Option<Arc<Topic>> {
        self.shared.topic_among(&mut self.shared.topics(), market, TOUCHED_MAX)
    }

    /// Ends the task.
    pub(crate) async fn stop(&self) {
        self.shared.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            drop(task.await);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl App {
    /// A reader of markets and places, who follows none yet.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.stream().shared), Arc::clone(self.presence_state().shared()))
    }

    /// Which of these markets there are. What does not exist is not followed.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn known_markets(&self, markets: &[MarketId]) -> Result<BTreeSet<MarketId>, Error> {
        if markets.is_empty() {
            return Ok(BTreeSet::new());
        }
        Ok(market::markets::known(self.store().read(), markets).await?)
    }

    /// Which of these events there are.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn known_events(&self, events: &[EventId]) -> Result<BTreeSet<EventId>, Error> {
        if events.is_empty() {
            return Ok(BTreeSet::new());
        }
        Ok(market::events::known(self.store().read(), events).await?)
    }
}
