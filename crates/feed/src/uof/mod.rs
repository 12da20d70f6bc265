//! Sportradar Unified Odds Feed: XML messages, one market state a message.
//!
//! [`Message::parse`] reads one message, [`Feed::apply`] folds it into what is known. Field meanings are
//! those of Sportradar's "Unified Odds Feed" documentation. Names of events, markets and players come
//! from an API beside the feed that is not read here, so names fall back to ids.
//!
//! The settlement family (`bet_settlement`, `bet_cancel` and their rollbacks) is read into values and
//! changes no market: a result is a fold over all such messages, and belongs to whoever keeps them.

mod descriptions;
mod error;
mod feed;
mod market;
mod message;
mod parse;
mod standing;
mod xml;

pub use error::Error;
pub use feed::{Counts, Feed, Heard};
pub use market::Said;
pub use message::{
    Alive, BetCancel, BetSettlement, BetStop, CancelledMarket, Certainty, FixtureChange, Header, MarketOdds,
    MarketRef, MarketStatus, Message, OddsChange, OutcomeOdds, OutcomeResult, RollbackBetSettlement,
    RolledBackMarket, SettledMarket, SnapshotComplete,
};
pub use parse::MESSAGE_BYTES_MAX;
