//! What is left of the house when its parts are killed, cut off, filled up or set back under load.
//!
//! Every test has servers of its own: a PostgreSQL and a Valkey that keep their promises (fsync on), or Valkeys behind
//! proxies, and
//! real `overround serve` processes. Seeded players bet over HTTP with keys and keep a ledger of what they
//! were told; the test breaks a part, mends what an operator's supervisor would, and waits for bets to be
//! taken again. Then the ledger and the house must tell the same story: see `Ledger::holds_true`.

mod accounts;
mod clock;
mod cluster;
mod disk;
mod failover;
mod histories;
mod ledger;
mod load;
mod origin;
mod postgres;
mod presence;
mod process;
mod proxy;
mod rate_limits;
mod readers;
mod refreshing;
mod servers;
mod slow;
mod stage;
mod wounds;

use overround_testkit::until;
use std::time::Duration;

/// How often a reader asks.
const POLL: Duration = Duration::from_millis(10);
