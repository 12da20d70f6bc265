//! Market data in: Betfair Exchange Stream messages, recorded or live, Sportradar Unified Odds Feed
//! messages, and the built-in match simulator.
//!
//! All sources are pure: bytes (or a seed) in, [`Applied`] values out, one a message. Whatever the
//! source, the house sees the same normalized [`SourceMarket`]s, each the complete state of one
//! market. Floating point stays inside the simulator's model; no result carries it.

pub mod betfair;
mod decimal;
pub mod health;
pub mod simulator;
pub mod uof;

use overround_domain::markets::SourceMarket;
use overround_domain::time::Timestamp;

/// What one message of a source came to. A message that was sent in segments is one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The instant of the message on the source's own clock. Never goes back within one source.
    pub at: Timestamp,
    /// The markets that stand differently after this message, complete, in the message's order.
    /// Empty when the message moved nothing that the house looks at (traded volumes, lay prices).
    pub changed: Vec<SourceMarket>,
    /// The source only said that it is alive.
    pub heartbeat: bool,
    /// The source says that what it sends is late (Betfair: status 503). Prices must not be trusted
    /// until an item without this flag follows.
    pub stale_upstream: bool,
    /// What happened, in words, when it is worth telling: a goal, half-time. Only the simulator tells.
    pub headline: Option<String>,
}
