//! One reader: the markets it follows, and how far it has read each.

use super::Shared;
use super::topic::{Frame, FrameKind, Topic, Unseen, Window};
use crate::Error;
use overround_domain::ids::MarketId;
use overround_domain::time::Timestamp;
use overround_live::Position;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How many frames of a market a reader may be behind and still gets each of them.
const BEHIND_MAX: usize = 16;
/// How long a reader waits for a market that nothing is known of yet.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// What is told to a reader.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// A version of a market.
    Frame(FrameKind, Arc<Frame>),
    /// The reader was too slow for so many versions, which only moved prices; the next one follows.
    Conflated {
        /// The market.
        market_id: MarketId,
        /// The place of the last version that was passed over.
        at: Position,
        /// How many.
        frames: usize,
    },
    /// The market's prices may not be sold any more, or may again.
    Window {
        /// The market.
        market_id: MarketId,
        /// Where it stands.
        at: Position,
        /// Whether they may.
        sellable: bool,
        /// The producer's last sign of life, as far as it is known.
        confirmed_at: Option<Timestamp>,
    },
}

/// What became of a subscription.
#[derive(Debug)]
pub enum Subscribed {
    /// What the reader has not seen, in order; nothing where it has seen everything.
    From(Vec<Delivery>),
    /// The reader follows it already.
    Already,
    /// This process follows as many markets as it can.
    Full,
}

/// Where a reader finds which of its markets have something new.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    news: Mutex<BTreeSet<MarketId>>,
    arrived: Notify,
}

impl Mailbox {
    pub(super) fn put(&self, market: MarketId) {
        let is_new = self.news.lock().unwrap_or_else(PoisonError::into_inner).insert(market);
        if is_new {
            self.arrived.notify_one();
        }
    }

    fn take(&self) -> BTreeSet<MarketId> {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Subscription {
    topic: Arc<Topic>,
    seen: Position,
    /// Whether the reader was told that the prices may be sold; at first it takes them so.
    told_sellable: bool,
}

/// A reader of markets, who gets the versions of each in order. Dropped, it follows nothing any more.
pub struct Reader {
    id: u64,
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox>,
    subscriptions: BTreeMap<MarketId, Subscription>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, shared, mailbox: Arc::default(), subscriptions: BTreeMap::new() }
    }

    /// How many markets are followed.
    pub fn followed(&self) -> usize {
        self.subscriptions.len()
    }

    /// Follows a market, from the place that the reader has seen, or from how it stands.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when nothing can be learnt of the market in time.
    pub async fn subscribe(&mut self, market: MarketId, seen: Option<Position>) -> Result<Subscribed, Error> {
        if self.subscriptions.contains_key(&market) {
            return Ok(Subscribed::Already);
        }
        let Some(topic) = self.shared.topic(market) else { return Ok(Subscribed::Full) };
        topic.join(self.id, &self.mailbox);
        let Some(newest) = first_frame(&topic).await else {
            topic.leave(self.id);
            return Err(Error::Unavailable { part: "redis", retry_after_s: 1 });
        };
        let (first, seen) = match seen {
            Some(seen) => (Vec::new(), seen),
            None => {
                let at = newest.position.clone();
                (vec![Delivery::Frame(FrameKind::Snapshot, newest)], at)
            }
        };
        let mut subscription = Subscription { topic, seen, told_sellable: true };
        // Whoever was away gets all that is kept: being away is not being slow.
        let mut told = first;
        told.extend(subscription.news(market, usize::MAX));
        self.subscriptions.insert(market, subscription);
        Ok(Subscribed::From(told))
    }

    /// Follows a market no more. False if it was not followed.
    pub fn unsubscribe(&mut self, market: MarketId) -> bool {
        match self.subscriptions.remove(&market) {
            Some(subscription) => {
                subscription.topic.leave(self.id);
                self.shared.changed.notify_one();
                true
            }
            None => false,
        }
    }

    /// Returns when a market that is followed has something new.
    pub async fn arrived(&self) {
        self.mailbox.arrived.notified().await;
    }

    /// What is new, each market's in order. With `conflate` only the newest version of each, and those that moved
    /// status, line or runners; else so only where the reader is far behind.
    pub fn take(&mut self, conflate: bool) -> Vec<Delivery> {
        let mut told = Vec::new();
        let behind_max = if conflate { 1 } else { BEHIND_MAX };
        for market in self.mailbox.take() {
            if let Some(subscription) = self.subscriptions.get_mut(&market) {
                told.extend(subscription.news(market, behind_max));
            }
        }
        told
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for subscription in self.subscriptions.values() {
            subscription.topic.leave(self.id);
        }
        self.shared.changed.notify_one();
    }
}

/// The market as it stands, waiting a while for it to be known.
async fn first_frame(topic: &Topic) -> Option<Arc<Frame>> {
    let known = async {
        loop {
            let heard = topic.heard.notified();
            if let Some(frame) = topic.latest() {
                return frame;
            }
            heard.await;
        }
    };
    tokio::time::timeout(FIRST_WAIT, known).await.ok()
}

impl Subscription {
    fn news(&mut self, market: MarketId, behind_max: usize) -> Vec<Delivery> {
        let mut told = Vec::new();
        match self.topic.unseen(&self.seen) {
            Unseen::Nothing => {}
            Unseen::Reset(frame) => {
                self.seen = frame.position.clone();
                told.push(Delivery::Frame(FrameKind::Reset, frame));
            }
            Unseen::Frames(frames) => {
                if let Some(last) = frames.last() {
                    self.seen = last.position.clone();
                }
                if frames.len() > behind_max {
                    told.extend(conflated(market, &frames));
                } else {
                    told.extend(frames.into_iter().map(|frame| Delivery::Frame(FrameKind::Update, frame)));
                }
            }
        }
        if let Some(Window { sellable, confirmed_at }) = self.topic.window()
            && sellable != self.told_sellable
        {
            self.told_sellable = sellable;
            let at = self.seen.clone();
            told.push(Delivery::Window { market_id: market, at, sellable, confirmed_at });
        }
        told
    }
}

/// Frames without those that are neither the newest nor moved more than prices.
fn conflated(market_id: MarketId, frames: &[Arc<Frame>]) -> Vec<Delivery> {
    let (mut told, mut passed_over) = (Vec::new(), 0);
    let mut before: Option<&Arc<Frame>> = None;
    for (index, frame) in frames.iter().enumerate() {
        if index + 1 < frames.len() && !frame.moves_status {
            passed_over += 1;
            before = Some(frame);
            continue;
        }
        if let Some(last) = before.take() {
            let at = last.position.clone();
            told.push(Delivery::Conflated { market_id, at, frames: passed_over });
            passed_over = 0;
        }
        told.push(Delivery::Frame(FrameKind::Update, Arc::clone(frame)));
    }
    told
}
