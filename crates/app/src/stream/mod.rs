//! Ordered fan-out of the markets' versions to whoever follows them.
//!
//! Each process follows a market once in Redis, however many readers it has here. A [`topic`] keeps the market's last
//! versions; a [`reader`] keeps its place in each, so that no queue grows with a slow reader: it finds the newest
//! version when it comes back. [`follow`] is the task that hears of new versions and fills what it missed from the
//! market's history. What happens to accounts and sporting events is told in [`chronicles`], and none of it is
//! passed over.

mod chronicles;
mod follow;
mod reader;
mod topic;
mod topics;

pub(crate) use chronicles::Chronicles;
pub use chronicles::{
    BetPlaced, BetSettled, Change, ChronicleEvent, ChronicleFrame, ChronicleNews, EventChanged, Frozen,
    LegTaken, MarketOpened, MarketSettled, Moved, Standing, WalletOpened,
};
pub use reader::{Delivery, Reader, Subscribed};
pub use topic::{Frame, FrameKind};

use crate::markets::refresh::Refresh;
use crate::task::Task;
use crate::{App, Clock, Error};
use overround_domain::ids::{AccountId, EventId, MarketId, UserId};
use overround_live::{Held, Live};
use overround_store::{market, wallet};
pub(crate) use reader::{Mailbox, News};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
pub(crate) use topic::Topic;
use topics::Topics;

/// How many markets a process follows for what is read once in a while, so that there is room for readers who stay.
const TOUCHED_MAX: usize = topics::TOPICS_MAX / 2;

/// The markets that are followed in this process.
pub(crate) struct Stream {
    shared: Arc<Shared>,
    task: Task,
}

/// What the readers and the following task share.
struct Shared {
    live: Live,
    clock: Clock,
    refresh: Arc<Refresh>,
    topics: Arc<Topics<Topic>>,
}

impl Stream {
    /// Starts the task that hears of new versions. Called inside a tokio runtime.
    pub(crate) fn start(live: &Live, clock: &Clock, refresh: &Arc<Refresh>) -> Self {
        let shared = Arc::new(Shared {
            live: live.clone(),
            clock: clock.clone(),
            refresh: Arc::clone(refresh),
            topics: Arc::default(),
        });
        let task = Task::start(|stop| follow::run(Arc::clone(&shared), stop));
        Self { shared, task }
    }

    /// What this process knows of a market that it follows, without asking; none when that cannot be relied on.
    pub(crate) fn held(&self, market: MarketId) -> Option<Held> {
        self.shared.topics.find(market)?.held(&self.shared.live, &self.shared.clock)
    }

    /// Where a market is read once for all who ask, and followed from then on for a while; none when the process
    /// follows as many as it can.
    pub(crate) fn topic(&self, market: MarketId) -> Option<Arc<Topic>> {
        self.shared.topics.touch(market, TOUCHED_MAX)
    }

    /// Ends the task.
    pub(crate) async fn stop(&self) {
        self.task.stop().await;
    }
}

impl App {
    /// A reader of markets and chronicles, who follows none yet.
    pub fn reader(&self) -> Reader {
        let chronicles = Arc::clone(self.chronicles().shared());
        Reader::new(Arc::clone(&self.stream().shared), chronicles, Arc::clone(self.presence_state().shared()))
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

    /// The users whose accounts these are, of those that there are.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn known_accounts(&self, ids: &[AccountId]) -> Result<BTreeMap<AccountId, UserId>, Error> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(wallet::accounts::owners(self.store().read(), ids).await?)
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
