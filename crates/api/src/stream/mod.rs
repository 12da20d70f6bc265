//! The stream: one task a connection, whose memory does not grow with what it has not read.
//!
//! What a connection follows, and what it is told of it, is the same whatever it speaks ([`Following`]): a WebSocket
//! ([`ws`]), or Server-Sent Events ([`sse`]), whose reader keeps its [`places`] for us.

mod connections;
mod following;
mod places;
pub mod sse;
pub mod ws;

pub use connections::{Connection, Connections};
pub use following::{Due, Following, Known, Refusal, TooSlow, place_after};

use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What was agreed on when a connection was made.
pub struct Terms {
    /// How often at most prices are sent; zero is whenever they change.
    pub conflate: Duration,
    /// How often the connection is looked at.
    pub heartbeat: Duration,
    /// How many channels may be followed.
    pub subscriptions_max: usize,
    /// When the token ends.
    pub until: Instant,
    /// The server is asked to end.
    pub stop: CancellationToken,
}
