//! Background tasks. A worker takes no input: it is woken by a signal or a timer, reads what there is
//! to do, and does it; doing it twice, or in two processes at once, is harmless.
//!
//! Snapshots are renewed by whoever hears their producer's signs of life (`App::renew`), not here: a
//! task that renewed them by itself would keep the prices of a silent producer on sale.

mod every;
mod exposure;
mod holder;
mod partition_keeper;
mod settler;
mod teller;
mod watcher;

use overround_app::App;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Starts every worker. Each ends after `stop` is cancelled, with what it is at finished; join the set
/// to wait for that.
pub fn run(app: &App, stop: &CancellationToken) -> JoinSet<()> {
    let mut workers = JoinSet::new();
    workers.spawn(partition_keeper::run(app.clone(), stop.clone()));
    workers.spawn(holder::run(app.clone(), stop.clone()));
    workers.spawn(settler::run(app.clone(), stop.clone()));
    workers.spawn(exposure::follow(app.clone(), stop.clone()));
    workers.spawn(exposure::repair(app.clone(), stop.clone()));
    workers.spawn(watcher::run(app.clone(), stop.clone()));
    workers.spawn(teller::run(app.clone(), stop.clone()));
    workers
}
