//! The stream over WebSocket: one task a connection, whose memory does not grow with what it has not read.

mod connections;
mod session;

pub use connections::{Connection, Connections};
pub use session::{Session, Terms};
