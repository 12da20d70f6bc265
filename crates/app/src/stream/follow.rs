//! The task that hears of new versions, once for each market and process.

use super::Shared;
use super::topic::Topic;
use crate::markets::refresh::is_due;
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use overround_live::{Error, Heard, Held, Position, Subscriber};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often the connections and the windows of markets are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many markets' windows are looked at in one round trip.
const LOOKED_AT_ONCE: usize = 500;
/// How many markets' histories are read in one round trip: each can be long.
const FILLED_AT_ONCE: usize = 16;

/// Follows all topics until the stop.
pub(super) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let follower =
        Follower { shared: &shared, subscriber: shared.live.subscriber(), following: BTreeSet::new() };
    tokio::select! {
        () = stop.cancelled() => {}
        () = follower.follow() => {}
    }
}

struct Follower<'a> {
    shared: &'a Shared,
    subscriber: Subscriber<MarketId>,
    following: BTreeSet<MarketId>,
}

impl Follower<'_> {
    async fn follow(mut self) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                heard = self.subscriber.next() => match heard {
                    Ok(Heard::Said(_, position, snapshot)) => self.hear(position, snapshot).await,
                    Ok(Heard::Lost(markets)) => self.lose(&markets).await,
                    // What cannot be read is no reason to miss the rest.
                    Err(error) => tracing::error!(%error, "a message about a market cannot be read"),
                },
                () = self.shared.topics.changed.notified() => self.adjust().await,
                _ = ticks.tick() => self.look().await,
            }
        }
    }

    async fn hear(&mut self, position: Position, snapshot: Arc<Snapshot>) {
        self.shared.live.saw(&snapshot);
        match self.shared.topics.find(snapshot.market_id) {
            Some(topic) if !topic.hear(position, snapshot) => self.fill(&[topic]).await,
            _ => {}
        }
    }

    /// Nobody hears what is published of these markets, until they are followed again.
    async fn lose(&mut self, markets: &BTreeSet<MarketId>) {
        metrics::counter!("overround_stream_connections_lost_total").increment(1);
        tracing::warn!(markets = markets.len(), "a connection that hears of prices is lost, and made again");
        self.deaf_to(markets);
        // Readers are told at once if nothing can be sold either.
        let lost =
            self.shared.topics.all().into_iter().filter(|topic| markets.contains(&topic.market)).collect();
        look(self.shared, lost).await;
        self.adjust().await;
    }

    fn deaf_to(&mut self, markets: &BTreeSet<MarketId>) {
        self.following.retain(|market| !markets.contains(market));
        markets
            .iter()
            .filter_map(|market| self.shared.topics.find(*market))
            .for_each(|topic| topic.hears(false));
    }

    /// Follows the topics that came, or whose connection was lost; leaves those that went.
    async fn adjust(&mut self) {
        let (new, gone) = self.shared.topics.adjust(&self.following);
        self.subscriber.leave(&gone).await;
        for market in &gone {
            self.following.remove(market);
        }
        let mut heard = Vec::with_capacity(new.len());
        for chunk in new.chunks(FILLED_AT_ONCE) {
            let markets: Vec<MarketId> = chunk.iter().map(|topic| topic.market).collect();
            let followed = self.subscriber.follow(&markets).await;
            let chunk: Vec<Arc<Topic>> =
                chunk.iter().filter(|topic| followed.contains(&topic.market)).cloned().collect();
            self.following.extend(followed);
            self.fill(&chunk).await;
            heard.extend(chunk.into_iter().filter(|topic| self.following.contains(&topic.market)));
        }
        heard.iter().for_each(|topic| topic.hears(true));
        // What nothing is known of has no prices that could be too old.
        heard.retain(|topic| topic.position().is_some());
        look(self.shared, heard).await;
        metrics::gauge!("overround_stream_markets").set(self.following.len() as f64);
    }

    async fn look(&mut self) {
        self.adjust().await;
        self.subscriber.ping().await;
        let now = Instant::now();
        let is_unknown =
            |topic: &Arc<Topic>| self.following.contains(&topic.market) && topic.is_to_be_filled(now);
        let unknown: Vec<Arc<Topic>> = self.shared.topics.all().into_iter().filter(is_unknown).collect();
        if let Some(topics) = unknown.chunks(FILLED_AT_ONCE).next() {
            self.fill(topics).await;
        }
        let due = self
            .shared
            .topics
            .all()
            .into_iter()
            .filter(|topic| topic.is_to_be_looked_at(now, &self.shared.clock))
            .collect();
        look(self.shared, due).await;
    }

    /// Reads what topics have missed. Of a market that Redis knows nothing of, its origin is asked, and what it says is
    /// heard like any other version. A market whose server is away counts as not heard of: it is followed again. One that
    /// cannot be read keeps no other from being.
    async fn fill(&mut self, topics: &[Arc<Topic>]) {
        let wanted: Vec<(MarketId, Option<Position>)> =
            topics.iter().map(|topic| (topic.market, topic.position())).collect();
        let mut away = BTreeSet::new();
        for (topic, history) in topics.iter().zip(self.shared.live.histories(&wanted).await) {
            match history {
                Ok(Some(history)) => topic.fill(history),
                Ok(None) => self.shared.refresh.behind(topic.market),
                Err(Error::Unavailable(_)) => drop(away.insert(topic.market)),
                Err(error) => {
                    tracing::error!(%error, market = %topic.market, "a market's history cannot be read")
                }
            }
        }
        self.deaf_to(&away);
    }
}

/// Looks whether the prices of markets may still be sold.
async fn look(shared: &Shared, due: Vec<Arc<Topic>>) {
    let mut away = false;
    for topics in due.chunks(LOOKED_AT_ONCE) {
        let asked = Instant::now();
        // Without Redis nothing is sold; who is away is not asked again for each part.
        let held = if away { None } else { held(shared, topics).await };
        away = held.is_none();
        for topic in topics {
            let of_topic = held.as_ref().and_then(|held| held.get(&topic.market));
            topic.look(asked, of_topic);
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
                // It was told above that one cannot be read.
                let one = live.read_one(market, now).await.unwrap_or_default();
                held.extend(one.map(|held| (market, held)));
            }
            Some(held)
        }
    }
}
