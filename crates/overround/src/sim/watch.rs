//! Readers of the stream beside the workload. Each keeps the history of what it saw, is cut off now and then and comes back
//! with its places, and is held to M1: a market's versions rise by one and say one thing, to whomever they are told. So do
//! [`chronicles`], of which nothing is passed over.

mod accounts;
mod chronicles;
mod events;

pub use chronicles::ChronicleWatch;

use super::check::Mismatch;
use overround_app::{App, Delivery, FrameKind, Position, Reader, Subscribed};
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How many readers each process has.
const READERS: usize = 2;
/// Every so many steps one of the readers is cut off.
const CUT_EVERY: u32 = 5;
/// How long readers may take to see the last version of each market.
const PATIENCE: Duration = Duration::from_secs(30);

/// A reader, and how far it has seen each market; none before the first frame.
struct Watcher {
    app: App,
    reader: Reader,
    seen: BTreeMap<MarketId, Option<Position>>,
}

/// All readers of a run.
pub struct Watch {
    watchers: Vec<Watcher>,
    /// What each version said when it was first told.
    said: BTreeMap<MarketId, BTreeMap<i64, Arc<Snapshot>>>,
    /// How many frames all readers saw.
    pub frames: u64,
}

impl Watch {
    /// Readers of each process, who follow nothing yet.
    pub fn new(apps: &[App]) -> Self {
        let watcher = |app: &App| Watcher { app: app.clone(), reader: app.reader(), seen: BTreeMap::new() };
        let watchers = apps.iter().flat_map(|app| (0..READERS).map(move |_| watcher(app))).collect();
        Self { watchers, said: BTreeMap::new(), frames: 0 }
    }

    /// After a step: follows these markets and no others, takes what there is to see, and cuts a reader off if it is time.
    ///
    /// # Errors
    /// What no reader may see.
    pub fn step(&mut self, step: u32, markets: &BTreeSet<MarketId>) -> Result<(), Mismatch> {
        for watcher in &mut self.watchers {
            watcher.follow(markets)?;
        }
        self.said.retain(|market, _| markets.contains(market));
        self.take()?;
        let turn = usize::try_from(step / CUT_EVERY).unwrap_or(0) % self.watchers.len().max(1);
        match self.watchers.get_mut(turn) {
            Some(watcher) if step.is_multiple_of(CUT_EVERY) => watcher.come_back(),
            _ => Ok(()),
        }
    }

    /// Waits until every reader has seen the last version of each market.
    ///
    /// # Errors
    /// What no reader may see, or who does not see it.
    pub async fn see(&mut self, last: &BTreeMap<MarketId, i64>) -> Result<(), Mismatch> {
        let until = Instant::now() + PATIENCE;
        loop {
            self.take()?;
            let behind = self.watchers.iter().find_map(|one| Some((one, one.behind(last)?)));
            let Some((watcher, (market, seen))) = behind else { return Ok(()) };
            if timeout_at(until, watcher.reader.arrived()).await.is_err() {
                let what = format!("the last version that readers of {market} saw");
                return Err(Mismatch::plain(&what, last.get(&market), seen));
            }
        }
    }

    /// Takes all that readers have to see by now.
    fn take(&mut self) -> Result<(), Mismatch> {
        for watcher in &mut self.watchers {
            while let Some(told) = watcher.reader.take(false) {
                for delivery in told {
                    if let Some(snapshot) = watcher.saw(&delivery)? {
                        self.frames += 1;
                        let versions = self.said.entry(snapshot.market_id).or_default();
                        let first = versions.entry(snapshot.version).or_insert_with(|| Arc::clone(&snapshot));
                        if *first != snapshot {
                            let what = format!("what version {} of {} says", first.version, first.market_id);
                            return Err(Mismatch::plain(&what, first, snapshot));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl Watcher {
    fn follow(&mut self, markets: &BTreeSet<MarketId>) -> Result<(), Mismatch> {
        let gone: Vec<MarketId> = self.seen.keys().filter(|one| !markets.contains(one)).copied().collect();
        for market in gone {
            self.reader.unsubscribe(market);
            self.seen.remove(&market);
        }
        for market in markets {
            if !self.seen.contains_key(market) {
                self.subscribe(*market, None)?;
            }
        }
        Ok(())
    }

    fn subscribe(&mut self, market: MarketId, seen: Option<Position>) -> Result<(), Mismatch> {
        let subscribed = self.reader.subscribe(market, seen.clone());
        if subscribed != Subscribed::Now {
            return Err(Mismatch::plain("a reader follows a market", Subscribed::Now, subscribed));
        }
        self.seen.insert(market, seen);
        Ok(())
    }

    /// Is cut off, and comes back from where it was.
    fn come_back(&mut self) -> Result<(), Mismatch> {
        self.reader = self.app.reader();
        for (market, seen) in std::mem::take(&mut self.seen) {
            self.subscribe(market, seen)?;
        }
        Ok(())
    }

    /// A market of which the reader has not seen the last version, and what it has seen.
    fn behind(&self, last: &BTreeMap<MarketId, i64>) -> Option<(MarketId, i64)> {
        let seen = |market| self.seen.get(market).and_then(Option::as_ref).map_or(0, |at| at.seq);
        last.iter().find_map(|(market, last)| (seen(market) < *last).then(|| (*market, seen(market))))
    }

    /// Notes what it was told. Returns the version, if it was one.
    fn saw(&mut self, delivery: &Delivery) -> Result<Option<Arc<Snapshot>>, Mismatch> {
        let (market, at, follows, snapshot) = match delivery {
            Delivery::Frame(kind, frame) => {
                let follows = (*kind == FrameKind::Update).then_some(1);
                (frame.snapshot.market_id, &frame.position, follows, Some(Arc::clone(&frame.snapshot)))
            }
            Delivery::Conflated { market_id, at, frames } => {
                (*market_id, at, Some(i64::try_from(*frames).unwrap_or(i64::MAX)), None)
            }
            _ => return Ok(None),
        };
        let seen = self.seen.entry(market).or_default();
        let is_next = is_next(seen.as_ref(), at, follows);
        let is_itself = snapshot.as_ref().is_none_or(|snapshot| snapshot.version == at.seq);
        if !is_next || !is_itself {
            let what = format!("what a reader of {market} sees after {seen:?}");
            return Err(Mismatch::plain(&what, "the next version", delivery));
        }
        *seen = Some(at.clone());
        Ok(snapshot)
    }
}

/// Whether a reader who has seen that much may be told of a place: one that follows it by so many versions, or one that
/// follows nothing.
fn is_next(seen: Option<&Position>, at: &Position, follows: Option<i64>) -> bool {
    match (seen, follows) {
        (Some(seen), Some(by)) => at.epoch == seen.epoch && at.seq == seen.seq.saturating_add(by),
        // What Redis lost may be told once more, in another epoch.
        (Some(seen), None) => at.seq > seen.seq || (at.seq == seen.seq && at.epoch != seen.epoch),
        (None, follows) => follows.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_a_reader_may_not_see_are_found() {
        let at = |(epoch, seq): (&str, i64)| Position { epoch: epoch.into(), seq };
        let table = [
            (None, ("a", 7), None, true),
            (None, ("a", 7), Some(1), false),
            (Some(("a", 7)), ("a", 8), Some(1), true),
            (Some(("a", 7)), ("a", 9), Some(1), false),
            (Some(("a", 7)), ("a", 7), Some(1), false),
            (Some(("a", 7)), ("b", 8), Some(1), false),
            (Some(("a", 7)), ("a", 10), Some(3), true),
            (Some(("a", 7)), ("a", 10), Some(2), false),
            (Some(("a", 7)), ("a", 9), None, true),
            (Some(("a", 7)), ("a", 7), None, false),
            (Some(("a", 7)), ("b", 7), None, true),
            (Some(("a", 7)), ("b", 6), None, false),
        ];
        for (seen, next, follows, wanted) in table {
            let found = is_next(seen.map(at).as_ref(), &at(next), follows);
            assert_eq!(found, wanted, "{next:?} by {follows:?} after {seen:?}");
        }
    }
}
