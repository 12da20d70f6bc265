//! Betfair Exchange Stream messages (`op: mcm`): as recorded one a line, plain or bz2 ([`Recording`]), or
//! live ([`Session`]).
//!
//! Field meanings are those of Betfair's "Exchange Stream API" documentation: `img` replaces a market,
//! everything else is a delta; a ladder entry of size 0 removes its level; `SEG_START`, `SEG` and
//! `SEG_END` are one message in parts; a runner is a selection id and a handicap `hc`.

mod book;
mod error;
mod input;
mod lenient;
mod market;
mod markets;
mod message;
mod names;
mod recording;
mod segments;
mod session;
mod subscription;
mod wire;

pub use error::FeedError;
pub use input::Input;
pub use recording::{Counts, Recording};
pub use session::{ANSWER_MS_MAX, Event, Fault, Output, Session};
pub use subscription::{
    CONFLATE_MS_MAX, Credentials, HEARTBEAT_MS_MAX, HEARTBEAT_MS_MIN, LADDER_LEVELS_MAX, MarketFilter,
    Prices, Subscription, SubscriptionError,
};
pub use wire::Line;
