//! The task that hears of accounts' events, once for each account and process, and reads how accounts stand.

use super::{AccountEvent, Shared, Topic};
use crate::state::WeakApp;
use crate::stream::reader::News;
use crate::{AccountView, Error};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use overround_domain::ids::AccountId;
use overround_live::{Error as LiveError, Heard, Live, Position, Subscriber};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often the connections are looked at, and what failed is tried again.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many accounts' histories are read in one round trip.
const FILLED_AT_ONCE: usize = 64;
/// How many accounts are read from the database at one time: a Redis that was started anew has all of them read.
const READ_AT_ONCE: usize = 8;

/// An account that was read: when that began, after which place, and what was found.
type Read = (Arc<Topic>, Instant, Position, Result<AccountView, Error>);

struct Follower {
    live: Live,
    app: WeakApp,
    shared: Arc<Shared>,
    subscriber: Subscriber<AccountId>,
    following: BTreeSet<AccountId>,
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
                    Ok(Heard::Said(account, position, text)) => self.hear(account, position, &text).await,
                    Ok(Heard::Lost(accounts)) => self.lose(&accounts).await,
                    // What cannot be read is no reason to miss the rest.
                    Err(error) => tracing::error!(%error, "a message about an account cannot be read"),
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
        self.following.iter().for_each(|account| self.shared.wants.put(News::Account(*account)));
    }

    async fn hear(&mut self, account: AccountId, position: Position, text: &str) {
        if let Some(topic) = self.shared.topics.find(account)
            && !topic.hear(position, event_of(account, text))
        {
            self.fill(&[topic]).await;
        }
    }

    /// Nobody hears what is told of these accounts, until they are followed again.
    async fn lose(&mut self, accounts: &BTreeSet<AccountId>) {
        metrics::counter!("overround_stream_connections_lost_total").increment(1);
        tracing::warn!(
            accounts = accounts.len(),
            "a connection that hears of accounts is lost, and made again"
        );
        self.following.retain(|account| !accounts.contains(account));
        self.adjust().await;
    }

    /// Follows the topics that came, or whose connection was lost; leaves those that went.
    async fn adjust(&mut self) {
        let (new, gone) = self.shared.topics.adjust(&self.following);
        self.subscriber.leave(&gone).await;
        for account in &gone {
            self.following.remove(account);
        }
        for chunk in new.chunks(FILLED_AT_ONCE) {
            let accounts: Vec<AccountId> = chunk.iter().map(|topic| topic.account).collect();
            let followed = self.subscriber.follow(&accounts).await;
            let chunk: Vec<Arc<Topic>> =
                chunk.iter().filter(|topic| followed.contains(&topic.account)).cloned().collect();
            self.following.extend(followed);
            self.fill(&chunk).await;
        }
        metrics::gauge!("overround_stream_accounts").set(self.following.len() as f64);
    }

    /// Reads what topics have missed. An account whose history is not read counts as not followed: it is tried again.
    async fn fill(&mut self, topics: &[Arc<Topic>]) {
        let wanted: Vec<(AccountId, Option<Position>)> =
            topics.iter().map(|topic| (topic.account, topic.position())).collect();
        for (topic, history) in topics.iter().zip(self.live.account_histories(&wanted).await) {
            match history {
                Ok(history) => {
                    let events = history.events.iter().map(|text| event_of(topic.account, text)).collect();
                    topic.fill(history.at, events);
                    self.shared.wants.put(News::Account(topic.account));
                }
                Err(error) => {
                    if !matches!(error, LiveError::Unavailable(_)) {
                        tracing::error!(%error, account = %topic.account, "an account's events cannot be read");
                    }
                    self.following.remove(&topic.account);
                }
            }
        }
    }

    /// Begins to read the accounts that somebody needs to know of, a few at a time.
    fn read(&mut self) {
        while self.reads.len() < READ_AT_ONCE
            && let Some(account) = self.shared.wants.take_account()
        {
            let Some(app) = self.app.upgrade() else { return };
            let Some(topic) = self.shared.topics.find(account) else { continue };
            let Some(position) = topic.is_to_be_read() else { continue };
            let began = Instant::now();
            self.reads.push(Box::pin(async move {
                let read = app.account(account).await;
                (topic, began, position, read)
            }));
        }
    }

    fn take(&mut self, (topic, began, position, account): Read) {
        if let Err(error) = &account
            && !self.fails
        {
            tracing::warn!(%error, account = %topic.account, "an account cannot be read for who follows it; it is tried again");
        }
        self.fails = account.is_err();
        topic.stands(began, position, account.ok());
    }
}

/// An event as its text says it; none where that cannot be read.
fn event_of(account: AccountId, text: &str) -> Option<AccountEvent> {
    serde_json::from_str(text)
        .inspect_err(|error| tracing::error!(%error, %account, "an event of an account cannot be read"))
        .ok()
}
