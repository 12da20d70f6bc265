//! Chronicles: what happens to the players' accounts and to sporting events, told in order to who follows them.
//!
//! [`tell`] reads the log of events and appends what concerns an account or a sporting event to its chronicle in Redis, each
//! event once. Each process follows a chronicle once, however many readers it has here ([`follow`]): a [`topic`] keeps the
//! last events. Readers begin with how things stand, read after the place that they begin at, and then get every event: none
//! is passed over unawares.

mod event;
mod follow;
mod tell;
mod topic;

pub use event::{
    BetPlaced, BetSettled, Change, ChronicleEvent, EventChanged, Frozen, LegTaken, MarketOpened,
    MarketSettled, Moved, WalletOpened,
};
pub use topic::{ChronicleFrame, ChronicleNews, Standing};

use super::reader::{Mailbox, News};
use super::topics::{Joined, TOPICS_MAX, Topics};
use super::{Delivery, FrameKind};
use crate::state::WeakApp;
use crate::task::Task;
use overround_live::{Chronicle, Live, Position};
use std::sync::Arc;
use tokio::time::Instant;
use topic::{Topic, Unseen};

/// The chronicles that are followed in this process.
pub(crate) struct Chronicles {
    shared: Arc<Shared>,
    task: Task,
}

/// What the readers and the following task share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) topics: Arc<Topics<Topic>>,
    /// Those of which somebody needs to know how things stand.
    wants: Mailbox,
}

impl Chronicles {
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

/// How many chronicles a process may follow for one more of that kind. What anybody may follow leaves room for what is their
/// own.
pub(super) const fn most_of(chronicle: Chronicle) -> usize {
    match chronicle {
        Chronicle::Account(_) => TOPICS_MAX,
        Chronicle::Event(_) => TOPICS_MAX / 2,
    }
}

/// Whether who was too slow for some events is served by how things stand. What a sporting event was called meanwhile is
/// nothing to anybody, and its markets can be listed with their results; what happened to an account is its owner's to know.
const fn can_be_caught_up(chronicle: Chronicle) -> bool {
    match chronicle {
        Chronicle::Account(_) => false,
        Chronicle::Event(_) => true,
    }
}

/// How far a reader has read a chronicle.
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

    /// What is new, all of it in order.
    pub(super) fn news(&mut self, chronicle: Chronicle, shared: &Shared) -> Vec<Delivery> {
        match self.joined.topic.unseen(self.seen.as_ref(), self.breaks, self.since) {
            Unseen::Nothing => Vec::new(),
            Unseen::Standing => {
                shared.wants.put(News::Chronicle(chronicle));
                Vec::new()
            }
            Unseen::Gone => vec![Delivery::Gone { chronicle }],
            Unseen::Frames(frames, breaks) => {
                self.breaks = Some(breaks);
                let told = |frame: Arc<ChronicleFrame>| {
                    let kind = match &frame.news {
                        ChronicleNews::Event(_) => FrameKind::Update,
                        ChronicleNews::Standing(_) if self.seen.is_none() => FrameKind::Snapshot,
                        ChronicleNews::Standing(_) => FrameKind::Reset,
                    };
                    self.seen = Some(frame.position.clone());
                    Delivery::Chronicle(kind, frame)
                };
                frames.into_iter().map(told).collect()
            }
        }
    }
}
