//! What happens to the players' accounts, told in order to who follows them.
//!
//! [`tell`] reads the log of events and appends what concerns an account to its channel in Redis, each event once. Each
//! process follows an account once, however many readers it has here ([`follow`]): a [`topic`] keeps the last events.
//! Readers begin with the account as it stands, read after the place that they begin at, and then get every event: none
//! is passed over.

mod event;
mod follow;
mod tell;
mod topic;

pub use event::{AccountChange, AccountEvent, BetPlaced, BetSettled, Frozen, LegTaken, Moved, WalletOpened};
pub use topic::{AccountFrame, AccountNews};

use super::reader::{Mailbox, News};
use super::topics::{Joined, Topics};
use super::{Delivery, FrameKind};
use crate::state::WeakApp;
use crate::task::Task;
use overround_domain::ids::AccountId;
use overround_live::{Live, Position};
use std::sync::Arc;
use tokio::time::Instant;
use topic::{Topic, Unseen};

/// The accounts that are followed in this process.
pub(crate) struct Accounts {
    shared: Arc<Shared>,
    task: Task,
}

/// What the readers and the following task share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) topics: Arc<Topics<Topic>>,
    /// The accounts of which somebody needs to know how they stand.
    wants: Mailbox,
}

impl Accounts {
    /// Starts the task that hears of events, for the use cases that these are a part of. Called inside a tokio runtime.
    pub(crate) fn start(live: &Live, app: WeakApp) -> Self {
        let shared = Arc::<Shared>::default();
        let task = Task::start(|stop| follow::run(live.clone(), app, Arc::clone(&shared), stop));
        Self { shared, task }
    }

    pub(super) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Ends the task.
    pub(crate) async fn stop(&self) {
        self.task.stop().await;
    }
}

/// How far a reader has read an account's channel.
pub(super) struct Subscription {
    pub(super) joined: Joined<Topic>,
    pub(super) seen: Option<Position>,
    /// How often events had been given up when it was told something last; none before that.
    breaks: Option<u64>,
    since: Instant,
}

impl Subscription {
    pub(super) fn new(joined: Joined<Topic>, seen: Option<Position>) -> Self {
        Self { joined, seen, breaks: None, since: Instant::now() }
    }

    /// What is new of the account, all of it in order.
    pub(super) fn news(&mut self, account: AccountId, shared: &Shared) -> Vec<Delivery> {
        match self.joined.topic.unseen(self.seen.as_ref(), self.breaks, self.since) {
            Unseen::Nothing => Vec::new(),
            Unseen::Standing => {
                shared.wants.put(News::Account(account));
                Vec::new()
            }
            Unseen::Gone => vec![Delivery::Gone { account_id: account }],
            Unseen::Frames(frames, breaks) => {
                self.breaks = Some(breaks);
                let told = |frame: Arc<AccountFrame>| {
                    let kind = match &frame.news {
                        AccountNews::Event(_) => FrameKind::Update,
                        AccountNews::Standing(_) if self.seen.is_none() => FrameKind::Snapshot,
                        AccountNews::Standing(_) => FrameKind::Reset,
                    };
                    self.seen = Some(frame.position.clone());
                    Delivery::Account(kind, frame)
                };
                frames.into_iter().map(told).collect()
            }
        }
    }
}
