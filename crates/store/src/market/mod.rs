//! Market data: events, markets, outcomes, the fences that bets are checked against, holds,
//! producers, every version that was ever on sale, and results. One file a table.

pub mod events;
pub mod fences;
pub mod holds;
pub mod markets;
pub mod outcomes;
pub mod price_versions;
pub mod producers;
pub mod results;

pub use events::EventRow;
pub use holds::{HoldChange, HoldRow};
pub use markets::{MarketFilter, MarketRow};
pub use outcomes::OutcomeRow;
pub use producers::ProducerRow;
pub use results::ResultRow;
