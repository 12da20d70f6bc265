//! The task that hears of new versions, once for each market and process.

use super::Shared;
use super::topic::Topic;
use overround_domain::ids::MarketId;
use overround_live::{Error, Heard, Held, Subscriber};
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

/// Follows all topics until the stop.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut again_after = AGAIN_AFTER.0;
    let stop = shared.stop.clone();
    loop {
        let connected = async {
            let mut subscriber = shared.live.subscriber();
            subscriber.connect().await?;
            Ok(Follower { shared: &shared, subscriber, following: BTreeSet::new() })
        };
        let followed = async {
            match connected.await {
                Ok(follower) => (true, follower.follow().await),
                Err(error) => (false, error),
            }
        };
        let (was_connected, error) = tokio::select! {
            () = stop.cancelled() => return,
            ended = followed => ended,
        };
        if was_connected {
            again_after = AGAIN_AFTER.0;
            metrics::counter!("overround_stream_connections_lost_total").increment(1);
            tracing::warn!(%error, "the connection that hears of prices is lost, and made again");
        } else {
            tracing::debug!(%error, "Redis cannot be followed yet");
        }
        // Nobody hears meanwhile what is published: readers are told at once if nothing can be sold either.
        look(&shared, true).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(again_after) => again_after = (again_after * 2).min(AGAIN_AFTER.1),
        }
    }
}

struct Follower<'a> {
    shared: &'a Shared,
    subscriber: Subscriber,
    following: BTreeSet<MarketId>,
}

impl Follower<'_> {
    /// Follows until the connection is lost; why.
    async fn follow(mut self) -> Error {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                heard = self.subscriber.next() => match heard {
                    Ok(Heard::Lost) => Err(Error::Unavailable(None)),
                    Ok(heard) => self.hear(heard).await,
                    // What cannot be read is no reason to miss the rest: the history is read at the next version.
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

    async fn hear(&self, heard: Heard) -> Result<(), Error> {
        match heard {
            Heard::Follows(market) => match self.shared.find(market) {
                Some(topic) => self.fill(&topic).await,
                None => Ok(()),
            },
            Heard::Version(position, snapshot) => match self.shared.find(snapshot.market_id) {
                Some(topic) if !topic.hear(position, snapshot) => self.fill(&topic).await,
                _ => Ok(()),
            },
            Heard::Lost => Err(Error::Unavailable(None)),
        }
    }

    /// Reads what the topic has missed.
    async fn fill(&self, topic: &Topic) -> Result<(), Error> {
        let seen = topic.position();
        if let Some(history) = self.shared.live.history(topic.market, seen.as_ref()).await? {
            topic.fill(history);
        }
        Ok(())
    }

    /// Follows the topics that came, leaves those that went.
    async fn adjust(&mut self) -> Result<(), Error> {
        self.shared.drop_idle();
        let wanted: BTreeSet<MarketId> = self.shared.all().iter().map(|topic| topic.market).collect();
        let new: Vec<MarketId> = wanted.difference(&self.following).copied().collect();
        let gone: Vec<MarketId> = self.following.difference(&wanted).copied().collect();
        self.subscriber.follow(&new).await?;
        self.subscriber.leave(&gone).await?;
        self.following = wanted;
        metrics::gauge!("overround_stream_markets").set(self.following.len() as f64);
        Ok(())
    }

    async fn look(&mut self) -> Result<(), Error> {
        self.adjust().await?;
        self.subscriber.ping().await?;
        // A market that nothing was known of may have got its first version without a word to us.
        for topic in self.shared.all() {
            if topic.latest().is_none() {
                self.fill(&topic).await?;
            }
        }
        look(self.shared, false).await;
        Ok(())
    }
}

/// Looks whether the prices of the markets that are read may still be sold; of those only whose window may have ended,
/// or of all.
async fn look(shared: &Shared, all: bool) {
    let now = Instant::now();
    let due = |topic: &Arc<Topic>| all || topic.is_to_be_looked_at(now);
    let due: Vec<Arc<Topic>> = shared.all().into_iter().filter(due).collect();
    for topics in due.chunks(LOOKED_AT_ONCE) {
        let markets: Vec<MarketId> = topics.iter().map(|topic| topic.market).collect();
        // Without Redis nothing is sold.
        let held: BTreeMap<MarketId, Held> =
            shared.live.read(&markets, shared.clock.for_cache()).await.unwrap_or_default();
        for topic in topics {
            let held = held.get(&topic.market);
            // A recording's clock stands or jumps: its markets are looked at each time.
            let until = held.filter(|_| !shared.clock.is_manual()).and_then(|held| {
                now.checked_add(Duration::from_millis(u64::try_from(held.sellable_ms).unwrap_or(0)))
            });
            topic.look(held, until);
        }
    }
}
