//! Lanes: all that changes a balance queues here.
//!
//! A lane takes what queued while its last commit ran and runs it as one SERIALIZABLE transaction:
//! it **loads** the rows that the commands touch with set-based queries, **decides** each command in
//! turn by the domain's rules, and **writes** all rows, one INSERT a table. A batch of one takes the
//! same path. Correctness never depends on lanes: constraints and serializability hold between
//! processes; lanes make conflicts rare and commits cheap.

mod command;
mod decide;
mod load;
mod run;
mod settle;
mod write;

pub(crate) use command::{Command, Direction, MarketResults, MoveMoney, Outcome, Place, Reply, Settle};

use crate::{Clock, Error, Settings};
use overround_domain::wallet::Cell;
use overround_live::Live;
use overround_store::Store;
use run::Runner;
use std::sync::{Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A command that waits in a lane.
struct Job {
    command: Command,
    deadline: Instant,
    reply: oneshot::Sender<Result<Reply, Error>>,
}

/// The lanes of one process. There is one so far, which owns every cell.
pub(crate) struct Lanes {
    queue: mpsc::Sender<Job>,
    closing: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Lanes {
    /// Starts the lanes.
    pub(crate) fn start(store: &Store, live: &Live, clock: &Clock, settings: &Settings) -> Self {
        let (queue, jobs) = mpsc::channel(settings.queue_depth);
        let closing = CancellationToken::new();
        let runner = Runner::new(store.clone(), live.clone(), clock.clone(), settings.rules.clone());
        let task = tokio::spawn(work(runner, jobs, closing.clone(), settings.batch_max));
        Self { queue, closing, task: Mutex::new(Some(task)) }
    }

    /// Queues a command in the lane of its cell and waits for its outcome. Once queued it is carried
    /// out even if the caller goes away, unless its deadline passes first.
    pub(crate) async fn submit(
        &self,
        _cell: Cell,
        command: Command,
        deadline: Instant,
    ) -> Result<Reply, Error> {
        let (reply, outcome) = oneshot::channel();
        let full = |_| {
            metrics::counter!("overround_lane_full_total").increment(1);
            Error::Unavailable { part: "lane", retry_after_s: 1 }
        };
        self.queue.try_send(Job { command, deadline, reply }).map_err(full)?;
        metrics::gauge!("overround_lane_queued").increment(1);
        outcome.await.map_err(|_| Error::internal("a lane ended with a command unanswered"))?
    }

    /// Takes no more commands and waits for those that were taken.
    pub(crate) async fn drain(&self) {
        self.closing.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "a lane ended by a panic");
        }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

async fn work(runner: Runner, mut jobs: mpsc::Receiver<Job>, closing: CancellationToken, batch_max: usize) {
    let mut batch = Vec::with_capacity(batch_max);
    loop {
        tokio::select! {
            biased;
            () = closing.cancelled(), if !jobs.is_closed() => jobs.close(),
            taken = jobs.recv_many(&mut batch, batch_max) => {
                if taken == 0 {
                    return;
                }
                metrics::gauge!("overround_lane_queued").decrement(batch_len(taken));
                metrics::histogram!("overround_lane_batch_size").record(batch_len(taken));
                runner.run(std::mem::take(&mut batch)).await;
            }
        }
    }
}

fn batch_len(taken: usize) -> f64 {
    f64::from(u32::try_from(taken).unwrap_or(u32::MAX))
}
