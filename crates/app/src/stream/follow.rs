//! The task that hears of new versions, once for each market and process.

use super::Shared;
use super::topic::Topic;
use crate::markets::refresh::is_due;
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use overround_live::{Error, Heard, Held, History, Position, Subscriber};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// How often the connection and the windows of markets are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long to wait before connecting again, at first and at most.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// How many markets' windows are looked at in one round trip.
const LOOKED_AT_ONCE: usize = 500;
/// How many markets' histories are read in one round trip: each can be long.
const FILLED_AT_ONCE: usize = 16;

/// Follows all topics until the stop.
pub(super) async fn run(shared: Arc<Shared>) {
    let stop = shared.stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = keep_following(&shared) => {}
    }
}

async fn keep_following(shared: &Shared) {
    let mut again_after = AGAIN_AFTER.0;
    loop {
        let began = Instant::now();
        let error = followed(shared).await;
        metrics::counter!("overround_stream_connections_lost_total").increment(1);
        // A connection that lasted begins the waits anew.
        if began.elapsed() > AGAIN_AFTER.1 {
            again_after = AGAIN_AFTER.0;
        }
        if again_after == AGAIN_AFTER.0 {
            tracing::warn!(%error, "the connection that hears of prices is lost, and made again");
        } else {
            tracing::debug!(%error, "prices cannot be heard yet");
        }
        // Nobody hears meanwhile what is published: readers are told at once if nothing can be sold either.
        shared.all().iter().for_each(|topic| topic.hears(false));
        look(shared, true).await;
        sleep(again_after).await;
        again_after = (again_after * 2).min(AGAIN_AFTER.1);
    }
}

/// Connects, and follows until the connection is lost; why.
async fn followed(shared: &Shared) -> Error {
    let mut subscriber = shared.live.subscriber();
    match subscriber.connect().await {
        Ok(()) => Follower { shared, subscriber, following: BTreeSet::new() }.follow().await,
        Err(error) => error,
    }
}

struct Follower<'a> {
    shared: &'a Shared,
    subscriber: Subscriber,
    following: BTreeSet<MarketId>,
}

impl Follower<'_> {
    async fn follow(mut self) -> Error {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                heard = self.subscriber.next() => match heard {
                    Ok(Heard::Lost) => Err(Error::Unavailable(None)),
                    Ok(Heard::Version(position, snapshot)) => self.hear(position, snapshot).await,
                    // What cannot be read is no reason to miss the rest.
                    Err(error) => {
                        tracing::error!(%error, "a message about a market cannot be read");
                        Ok(())
                    }
                },
                () = self.shared.changed.notified() => self.adjust().await,
                _ = ticks.tick() => self.look().await,
            };
            if let Err(error) = step {
                return error;
            }
        }
    }

    async fn hear(&self, position: Position, snapshot: Arc<Snapshot>) -> Result<(), Error> {
        self.shared.live.saw(&snapshot);
        match self.shared.find(snapshot.market_id) {
            Some(topic) if !topic.hear(position, snapshot) => fill(self.shared, &[topic]).await,
            _ => Ok(()),
        }
    }

    /// Follows the topics that came, leaves those that went.
    async fn adjust(&mut self) -> Result<(), Error> {
        self.shared.drop_idle();
        let topics = self.shared.all();
        let new: Vec<Arc<Topic>> =
            topics.iter().filter(|topic| !self.following.contains(&topic.market)).cloned().collect();
        let wanted: BTreeSet<MarketId> = topics.iter().map(|topic| topic.market).collect();
        let gone: Vec<MarketId> = self.following.difference(&wanted).copied().collect();
        self.subscriber.leave(&gone).await?;
        self.following.retain(|market| wanted.contains(market));
        for chunk in new.chunks(FILLED_AT_ONCE) {
            let markets: Vec<MarketId> = chunk.iter().map(|topic| topic.market).collect();
            self.subscriber.follow(&markets).await?;
            fill(self.shared, chunk).await?;
            chunk.iter().for_each(|topic| topic.hears(true));
            self.following.extend(markets);
        }
        metrics::gauge!("overround_stream_markets").set(self.following.len() as f64);
        Ok(())
    }

    async fn look(&mut self) -> Result<(), Error> {
        self.adjust().await?;
        self.subscriber.ping().await?;
        let now = Instant::now();
        let unknown: Vec<Arc<Topic>> =
            self.shared.all().into_iter().filter(|topic| topic.is_to_be_filled(now)).collect();
        if let Some(topics) = unknown.chunks(FILLED_AT_ONCE).next() {
            fill(self.shared, topics).await?;
        }
        look(self.shared, false).await;
        Ok(())
    }
}

/// Reads what topics have missed. Of a market that Redis knows nothing of, its origin is asked, and what it says is heard
/// like any other version.
///
/// # Errors
/// When Redis is away. A market that cannot be read keeps no other from being.
async fn fill(shared: &Shared, topics: &[Arc<Topic>]) -> Result<(), Error> {
    for topic in read(shared, topics).await? {
        shared.refresh.behind(topic.market);
    }
    Ok(())
}

/// Reads topics' histories into them; the topics of which there is none.
async fn read(shared: &Shared, topics: &[Arc<Topic>]) -> Result<Vec<Arc<Topic>>, Error> {
    let mut unknown = Vec::new();
    for (topic, history) in topics.iter().zip(histories(shared, topics).await?) {
        match history {
            Ok(Some(history)) => topic.fill(history),
            Ok(None) => unknown.push(Arc::clone(topic)),
            Err(error @ Error::Unavailable(_)) => return Err(error),
            Err(error) => {
                tracing::error!(%error, market = %topic.market, "a market's history cannot be read")
            }
        }
    }
    Ok(unknown)
}

/// Topics' histories. One that Redis refuses refuses all of its round trip: each is then asked for by itself.
async fn histories(
    shared: &Shared,
    topics: &[Arc<Topic>],
) -> Result<Vec<Result<Option<History>, Error>>, Error> {
    let wanted: Vec<(MarketId, Option<Position>)> =
        topics.iter().map(|topic| (topic.market, topic.position())).collect();
    match shared.live.histories(&wanted).await {
        Err(Error::Unavailable(cause)) => Err(Error::Unavailable(cause)),
        Ok(histories) => Ok(histories),
        Err(_) => {
            let mut histories = Vec::with_capacity(wanted.len());
            for (market, seen) in &wanted {
                histories.push(shared.live.history(*market, seen.as_ref()).await);
            }
            Ok(histories)
        }
    }
}

/// Looks whether the prices of the markets that are read may still be sold; of those only whose window may have ended,
/// or of all.
async fn look(shared: &Shared, all: bool) {
    let now = Instant::now();
    let due = |topic: &Arc<Topic>| all || topic.is_to_be_looked_at(now);
    let due: Vec<Arc<Topic>> = shared.all().into_iter().filter(due).collect();
    let mut away = false;
    for topics in due.chunks(LOOKED_AT_ONCE) {
        let asked = Instant::now();
        // Without Redis nothing is sold; who is away is not asked again for each part.
        let held = if away { None } else { held(shared, topics).await };
        away = held.is_none();
        for topic in topics {
            let of_topic = held.as_ref().and_then(|held| held.get(&topic.market));
            topic.look(asked, of_topic, &shared.clock);
            if !away && !shared.clock.is_manual() && is_due(of_topic) {
                shared.refresh.behind(topic.market);
            }
        }
    }
}

/// What Redis holds of topics; none when it is away. What cannot be read is left out, and spoils no other.
async fn held(shared: &Shared, topics: &[Arc<Topic>]) -> Option<BTreeMap<MarketId, Held>> {
    let (live, now) = (&shared.live, shared.clock.for_cache());
    let markets: Vec<MarketId> = topics.iter().map(|topic| topic.market).collect();
    match live.read(&markets, now).await {
        Ok(held) => Some(held),
        Err(Error::Unavailable(_)) => None,
        Err(error) => {
            tracing::error!(%error, "a market's snapshot cannot be read");
            let mut held = BTreeMap::new();
            for market in markets {
                held.extend(live.read(&[market], now).await.unwrap_or_default());
            }
            Some(held)
        }
    }
}
