//! Lanes: all that changes a balance queues here.
//!
//! A lane takes what queued while commits ran, of whole cells that no other lane has in hand, and runs it as one
//! SERIALIZABLE transaction: it **loads** the rows that the commands touch with set-based queries,
//! **decides** each command in turn by the domain's rules, and **writes** all rows with one statement.
//! A batch of one takes the same path. Correctness never depends on lanes: constraints and
//! serializability hold between processes; lanes make conflicts rare and commits cheap.

mod caps;
mod command;
mod decide;
mod limits;
mod load;
mod queue;
mod run;
mod settle;
mod write;

pub(crate) use command::{Command, Direction, MarketResults, MoveMoney, Outcome, Place, Reply, Settle};

use crate::markets::refresh::Refresh;
use crate::{Clock, Error, Settings};
use overround_live::Live;
use overround_store::Store;
use queue::{Owner, Queue};
use run::{Cache, Runner};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// A command that waits for a lane.
struct Job {
    command: Arc<Command>,
    deadline: Instant,
    reply: oneshot::Sender<Result<Reply, Error>>,
}

/// The lanes of one process.
pub(crate) struct Lanes {
    queue: Arc<Queue<Job>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Lanes {
    /// Starts the lanes.
    pub(crate) fn start(
        store: &Store,
        live: &Live,
        clock: &Clock,
        settings: &Settings,
        refresh: &Arc<Refresh>,
    ) -> Self {
        let queue = Arc::new(Queue::new(settings.queue_depth));
        let limits = Arc::new(limits::LimitCache::default());
        let lane = |_| {
            let cache = Cache { live: live.clone(), clock: clock.clone(), refresh: Arc::clone(refresh) };
            let runner = Runner::new(store.clone(), cache, settings, Arc::clone(&limits));
            tokio::spawn(work(Arc::new(runner), Arc::clone(&queue), settings.batch_max.max(1)))
        };
        let tasks = Mutex::new((0..settings.lanes.max(1)).map(lane).collect());
        Self { queue, tasks }
    }

    /// Queues a command and waits for its outcome. Once queued it is carried out even if the caller goes
    /// away, unless its deadline passes first. A player's command is turned away when too much waits; a
    /// settlement waits, until its deadline, for room.
    pub(crate) async fn submit(&self, command: Command, deadline: Instant) -> Result<Reply, Error> {
        let (reply, outcome) = oneshot::channel();
        // All of a player's wallets stand in one line, so that a freeze takes its turn among what it stops.
        let owner = Owner { cell: command.player().cell, account: command.player().main_id };
        let waits = matches!(command, Command::Settle(_));
        let job = Job { command: Arc::new(command), deadline, reply };
        metrics::gauge!("overround_lane_queued").increment(1);
        let queued = if waits {
            matches!(timeout_at(deadline, self.queue.push_waiting(owner, job)).await, Ok(Ok(())))
        } else {
            self.queue.push(owner, job).is_ok()
        };
        if !queued {
            metrics::gauge!("overround_lane_queued").decrement(1);
            metrics::counter!("overround_lane_full_total").increment(1);
            return Err(unavailable());
        }
        // A batch that ended by a panic answers nobody: what became of it is known by its key.
        outcome.await.map_err(|_| unavailable())?
    }

    /// Takes no more commands and waits for those that were taken.
    pub(crate) async fn drain(&self) {
        self.close();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a lane ended by a panic");
            }
        }
    }

    fn close(&self) {
        self.queue.close();
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.close();
    }
}

/// The queue is full or the lanes end: the same request may be sent again.
const fn unavailable() -> Error {
    Error::Unavailable { part: "lane", retry_after_s: 1 }
}

/// A lane: one batch after another until the queue is closed and empty.
async fn work(runner: Arc<Runner>, queue: Arc<Queue<Job>>, batch_max: usize) {
    while let Some(batch) = queue.take(batch_max).await {
        taken(batch.items.len());
        let runner = Arc::clone(&runner);
        // In a task of its own, so that a defect that panics ends its batch and not the lane.
        if let Err(error) = tokio::spawn(async move { runner.run(batch).await }).await {
            metrics::counter!("overround_lane_panics_total").increment(1);
            tracing::error!(%error, "a lane's batch ended by a panic");
        }
    }
    runner.close().await;
}

/// Notes that so many commands wait no more.
fn taken(commands: usize) {
    metrics::gauge!("overround_lane_queued").decrement(count(commands));
}

/// A number of commands, as a metric takes it.
fn count(commands: usize) -> f64 {
    f64::from(u32::try_from(commands).unwrap_or(u32::MAX))
}
