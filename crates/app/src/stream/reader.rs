//! One reader: the markets and chronicles it follows, and how far it has read each; and the places that it watches.

use super::Shared;
use super::chronicles::{self, ChronicleFrame};
use super::topic::{Frame, FrameKind, Look, Topic, Unseen, Window};
use super::topics::{Joined, TOPICS_MAX};
use crate::presence::{self, Watch};
use overround_domain::ids::{MarketId, UserId};
use overround_domain::time::Timestamp;
use overround_live::{Chronicle, Place, Position};
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// How many frames of a market a reader may be behind and still gets each of them.
const BEHIND_MAX: usize = 16;

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
        /// How far the reader has seen it; none before the first frame.
        at: Option<Position>,
        /// Whether they may.
        sellable: bool,
        /// The producer's last sign of life, as far as it is known.
        confirmed_at: Option<Timestamp>,
    },
    /// An account or a sporting event as it stands, or something that happened to it.
    Chronicle(FrameKind, Arc<ChronicleFrame>),
    /// The reader was too slow for what is told in a chronicle of which none is passed over: it has to begin again from
    /// the place that it is at.
    Gone {
        /// The chronicle.
        chronicle: Chronicle,
    },
    /// How many users are at a place that is watched.
    Presence {
        /// The place.
        place: Place,
        /// How many.
        count: u64,
    },
}

/// What became of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// It is followed from now on.
    Now,
    /// The reader follows it already.
    Already,
    /// This process follows as much as it can.
    Full,
}

/// What has something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum News {
    Chronicle(Chronicle),
    Market(MarketId),
    Place(Place),
}

/// Where somebody finds what has something new: one who waits, however many put.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    news: BTreeSet<News>,
    /// Something was put in that nobody was told of.
    has_arrived: bool,
    waits: Option<Waker>,
}

impl Mailbox {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, news: News) {
        let mut inside = self.inside();
        if !inside.news.insert(news) {
            return;
        }
        inside.has_arrived = true;
        let waits = inside.waits.take();
        drop(inside);
        if let Some(waker) = waits {
            waker.wake();
        }
    }

    fn take(&self) -> Option<News> {
        self.inside().news.pop_first()
    }

    /// Returns when something was put in since it last returned.
    pub(super) async fn arrived(&self) {
        poll_fn(|context| {
            let mut inside = self.inside();
            if std::mem::take(&mut inside.has_arrived) {
                return Poll::Ready(());
            }
            if !inside.waits.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                inside.waits = Some(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// A chronicle of which there is news: they stand before all else.
    pub(super) fn take_chronicle(&self) -> Option<Chronicle> {
        let mut inside = self.inside();
        let Some(News::Chronicle(chronicle)) = inside.news.first().copied() else { return None };
        inside.news.pop_first();
        Some(chronicle)
    }
}

struct Subscription {
    joined: Joined<Topic>,
    /// How far the reader has seen the market; none before the first frame.
    seen: Option<Position>,
    /// Whether it got what there was when it came: being away is not being slow.
    caught_up: bool,
    /// Whether the reader was told that the prices may be sold; at first it takes them so.
    told_sellable: bool,
}

/// A place that is watched, and how many the reader was told are there.
struct Watched {
    watch: Watch,
    told: Option<u64>,
}

/// A reader of markets, who gets the versions of each in order; and of chronicles, who gets all that is told in each,
/// and how many are at the place where it happens. Dropped, it follows nothing any more, and is nowhere.
pub struct Reader {
    id: u64,
    shared: Arc<Shared>,
    shared_chronicles: Arc<chronicles::Shared>,
    presence: Arc<presence::Shared>,
    mailbox: Arc<Mailbox>,
    subscriptions: BTreeMap<MarketId, Subscription>,
    chronicles: BTreeMap<Chronicle, chronicles::Subscription>,
    places: BTreeMap<Place, Watched>,
}

impl Reader {
    pub(super) fn new(
        shared: Arc<Shared>,
        shared_chronicles: Arc<chronicles::Shared>,
        presence: Arc<presence::Shared>,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            shared,
            shared_chronicles,
            presence,
            mailbox: Arc::default(),
            subscriptions: BTreeMap::new(),
            chronicles: BTreeMap::new(),
            places: BTreeMap::new(),
        }
    }

    /// How many markets and chronicles are followed.
    pub fn followed(&self) -> usize {
        self.subscriptions.len() + self.chronicles.len()
    }

    /// Follows a chronicle, from the place that the reader has seen, or from how things stand; and how many are where it
    /// happens, as the user who is one of them, or as nobody.
    pub fn follow(
        &mut self,
        chronicle: Chronicle,
        seen: Option<Position>,
        present: Option<UserId>,
    ) -> Subscribed {
        if self.chronicles.contains_key(&chronicle) {
            return Subscribed::Already;
        }
        let Some(joined) = self.shared_chronicles.topics.join(
            chronicle,
            chronicles::most_of(chronicle),
            self.id,
            &self.mailbox,
        ) else {
            return Subscribed::Full;
        };
        if let Some(place) = place_of(chronicle) {
            let Some(watch) = self.presence.watch(place, self.id, &self.mailbox, present) else {
                return Subscribed::Full;
            };
            self.places.insert(place, Watched { watch, told: None });
            self.mailbox.put(News::Place(place));
        }
        self.chronicles.insert(chronicle, chronicles::Subscription::new(joined, seen));
        self.mailbox.put(News::Chronicle(chronicle));
        Subscribed::Now
    }

    /// Follows a chronicle no more, and is not there any more. False if it was not followed.
    pub fn leave(&mut self, chronicle: Chronicle) -> bool {
        if let Some(place) = place_of(chronicle) {
            self.places.remove(&place);
        }
        self.chronicles.remove(&chronicle).is_some()
    }

    /// What is new of one chronicle, in order; none when nothing is new of any. It does not wait for prices to be gathered.
    pub fn take_chronicle(&mut self) -> Option<Vec<Delivery>> {
        let chronicle = self.mailbox.take_chronicle()?;
        Some(self.news_of(chronicle))
    }

    fn news_of(&mut self, chronicle: Chronicle) -> Vec<Delivery> {
        let subscription = self.chronicles.get_mut(&chronicle);
        subscription.map(|one| one.news(chronicle, &self.shared_chronicles)).unwrap_or_default()
    }

    /// Follows a market, from the place that the reader has seen, or from how it stands. What there is arrives as soon
    /// as it is known.
    pub fn subscribe(&mut self, market: MarketId, seen: Option<Position>) -> Subscribed {
        if self.subscriptions.contains_key(&market) {
            return Subscribed::Already;
        }
        let Some(joined) = self.shared.topics.join(market, TOPICS_MAX, self.id, &self.mailbox) else {
            return Subscribed::Full;
        };
        let subscription = Subscription { joined, seen, caught_up: false, told_sellable: true };
        self.subscriptions.insert(market, subscription);
        self.mailbox.put(News::Market(market));
        Subscribed::Now
    }

    /// Follows a market no more. False if it was not followed.
    pub fn unsubscribe(&mut self, market: MarketId) -> bool {
        self.subscriptions.remove(&market).is_some()
    }

    /// Returns when something that is followed has something new.
    pub async fn arrived(&self) {
        self.mailbox.arrived().await;
    }

    /// What is new of one chronicle, market or place, in order; none when nothing is new of any. With `conflate` only the
    /// newest version, and those that moved status, line or runners; else so only where the reader is far behind.
    pub fn take(&mut self, conflate: bool) -> Option<Vec<Delivery>> {
        let behind_max = if conflate { 1 } else { BEHIND_MAX };
        Some(match self.mailbox.take()? {
            News::Chronicle(chronicle) => self.news_of(chronicle),
            News::Market(market) => {
                let subscription = self.subscriptions.get_mut(&market);
                subscription.map(|one| one.news(market, behind_max)).unwrap_or_default()
            }
            News::Place(place) => {
                let count = self.places.get_mut(&place).and_then(Watched::news);
                count.map(|count| Delivery::Presence { place, count }).into_iter().collect()
            }
        })
    }
}

/// Where a chronicle happens, if users can be there.
const fn place_of(chronicle: Chronicle) -> Option<Place> {
    match chronicle {
        Chronicle::Account(_) => None,
        Chronicle::Event(event) => Some(Place::Event(event)),
    }
}

impl Watched {
    /// How many are there, if the reader was told otherwise.
    fn news(&mut self) -> Option<u64> {
        let count = self.watch.count().filter(|count| self.told != Some(*count))?;
        self.told = Some(count);
        Some(count)
    }
}

impl Subscription {
    fn news(&mut self, market_id: MarketId, behind_max: usize) -> Vec<Delivery> {
        let Look { unseen, is_known, window } = self.joined.topic.look_from(self.seen.as_ref());
        let mut told = match unseen {
            Unseen::Nothing => Vec::new(),
            Unseen::One(kind, frame) => vec![Delivery::Frame(kind, frame)],
            Unseen::Frames(frames) if self.caught_up && frames.len() > behind_max => {
                conflated(market_id, &frames)
            }
            Unseen::Frames(frames) => {
                frames.into_iter().map(|frame| Delivery::Frame(FrameKind::Update, frame)).collect()
            }
        };
        if let Some(Delivery::Frame(_, last)) = told.last() {
            self.see(&last.position);
        }
        self.caught_up |= is_known;
        if let Some(Window { sellable, confirmed_at }) = window
            && sellable != self.told_sellable
        {
            self.told_sellable = sellable;
            let at = self.seen.clone();
            told.push(Delivery::Window { market_id, at, sellable, confirmed_at });
        }
        told
    }

    /// Notes how far the market was seen. The epoch, which all readers share, is counted anew only where it is another.
    fn see(&mut self, at: &Position) {
        match &mut self.seen {
            Some(seen) if Arc::ptr_eq(&seen.epoch, &at.epoch) => seen.seq = at.seq,
            seen => *seen = Some(at.clone()),
        }
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
