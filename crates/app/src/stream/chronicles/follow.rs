//! The task that hears of events, once for each chronicle and process, and reads how things stand.

use super::{ChronicleEvent, Shared, Standing, Topic};
use crate::state::WeakApp;
use crate::stream::reader::News;
use crate::{App, Error};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use overround_live::{Chronicle, Error as LiveError, Heard, Live, Position, Subscriber};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often the connections are looked at, and what failed is tried again.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many histories are read in one round trip.
const FILLED_AT_ONCE: usize = 64;
/// How many accounts and events are read from the database at one time: a Redis that was started anew has all of them
/// read.
const READ_AT_ONCE: usize = 8;

/// What was read: when that began, after which place, and what was found.
type Read = (Arc<Topic>, Instant, Position, Result<Standing, Error>);

struct Follower {
    live: Live,
    app: WeakApp,
    shared: Arc<Shared>,
    subscriber: Subscriber<Chronicle>,
    following: BTreeSet<Chronicle>,
    reads: FuturesUnordered<BoxFuture<'static, Read>>,
    /// Reading fails since some time, which was told.
    fails: bool,
}

/// Follows all topics until the stop.
pub(super) async fn run(live: Live, app: WeakApp, shared: Arc<Shared>, stop: CancellationToken) {
    let subscriber = live.subscriber();
    let follower = Follower {
        live,
        app,
        shared,
        subscriber,
        following: BTreeSet::new(),
        reads: FuturesUnordered::new(),
        fails: false,
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = follower.follow() => {}
    }
}

impl Follower {
    async fn follow(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                heard = self.subscriber.next() => match heard {
                    Ok(Heard::Said(chronicle, position, text)) => self.hear(chronicle, position, &text).await,
                    Ok(Heard::Lost(chronicles)) => self.lose(&chronicles).await,
                    // What cannot be read is no reason to miss the rest.
                    Err(error) => tracing::error!(%error, "a message of a chronicle cannot be read"),
                },
                Some(read) = self.reads.next() => self.take(read),
                () = shared.topics.changed.notified() => self.adjust().await,
                () = shared.wants.arrived() => {}
                _ = ticks.tick() => self.look().await,
            }
            self.read();
        }
    }

    async fn look(&mut self) {
        self.adjust().await;
        self.subscriber.ping().await;
        // Those that could not be read are tried again.
        self.following.iter().for_each(|chronicle| self.shared.wants.put(News::Chronicle(*chronicle)));
    }

    async fn hear(&mut self, chronicle: Chronicle, position: Position, text: &str) {
        if let Some(topic) = self.shared.topics.find(chronicle)
            && !topic.hear(position, event_of(chronicle, text))
        {
            self.fill(&[topic]).await;
        }
    }

    /// Nobody hears what is told of these, until they are followed again.
    async fn lose(&mut self, chronicles: &BTreeSet<Chronicle>) {
        metrics::counter!("overround_stream_connections_lost_total").increment(1);
        tracing::warn!(
            chronicles = chronicles.len(),
            "a connection that hears of events is lost, and made again"
        );
        self.following.retain(|chronicle| !chronicles.contains(chronicle));
        self.adjust().await;
    }

    /// Follows the topics that came, or whose connection was lost; leaves those that went.
    async fn adjust(&mut self) {
        let (new, gone) = self.shared.topics.adjust(&self.following);
        self.subscriber.leave(&gone).await;
        for chronicle in &gone {
            self.following.remove(chronicle);
        }
        for chunk in new.chunks(FILLED_AT_ONCE) {
            let chronicles: Vec<Chronicle> = chunk.iter().map(|topic| topic.chronicle).collect();
            let followed = self.subscriber.follow(&chronicles).await;
            let chunk: Vec<Arc<Topic>> =
                chunk.iter().filter(|topic| followed.contains(&topic.chronicle)).cloned().collect();
            self.following.extend(followed);
            self.fill(&chunk).await;
        }
        metrics::gauge!("overround_stream_chronicles").set(self.following.len() as f64);
    }

    /// Reads what topics have missed. One whose history is not read counts as not followed: it is tried again.
    async fn fill(&mut self, topics: &[Arc<Topic>]) {
        let wanted: Vec<(Chronicle, Option<Position>)> =
            topics.iter().map(|topic| (topic.chronicle, topic.position())).collect();
        for (topic, history) in topics.iter().zip(self.live.chronicle_histories(&wanted).await) {
            match history {
                Ok(history) => {
                    let events = history.events.iter().map(|text| event_of(topic.chronicle, text)).collect();
                    topic.fill(history.at, events);
                    self.shared.wants.put(News::Chronicle(topic.chronicle));
                }
                Err(error) => {
                    if !matches!(error, LiveError::Unavailable(_)) {
                        tracing::error!(%error, chronicle = %topic.chronicle, "a chronicle cannot be read");
                    }
                    self.following.remove(&topic.chronicle);
                }
            }
        }
    }

    /// Begins to read what somebody needs to know of, a few at a time.
    fn read(&mut self) {
        while self.reads.len() < READ_AT_ONCE
            && let Some(chronicle) = self.shared.wants.take_chronicle()
        {
            let Some(app) = self.app.upgrade() else { return };
            let Some(topic) = self.shared.topics.find(chronicle) else { continue };
            let Some(position) = topic.is_to_be_read() else { continue };
            let began = Instant::now();
            self.reads.push(Box::pin(async move {
                let read = standing(&app, chronicle).await;
                (topic, began, position, read)
            }));
        }
    }

    fn take(&mut self, (topic, began, position, standing): Read) {
        if let Err(error) = &standing
            && !self.fails
        {
            tracing::warn!(%error, chronicle = %topic.chronicle, "how things stand cannot be read for who follows them; it is tried again");
        }
        self.fails = standing.is_err();
        topic.stands(began, position, standing.ok());
    }
}

/// What a chronicle is of, as it stands.
async fn standing(app: &App, chronicle: Chronicle) -> Result<Standing, Error> {
    Ok(match chronicle {
        Chronicle::Account(id) => Standing::Account(app.account(id).await?),
        Chronicle::Event(id) => Standing::Event(app.event(id).await?),
    })
}

/// An event as its text says it; none where that cannot be read.
fn event_of(chronicle: Chronicle, text: &str) -> Option<ChronicleEvent> {
    serde_json::from_str(text)
        .inspect_err(|error| tracing::error!(%error, %chronicle, "an event of a chronicle cannot be read"))
        .ok()
}
