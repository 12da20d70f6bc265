//! The stream, over WebSocket: one task a connection, whose memory does not grow with what it has not read.
//! What a connection follows, and what it is told of it, is the same whatever it speaks (`following.rs`).

mod connections;
mod following;
mod ws;

pub use connections::{Connection, Connections};
pub use following::Following;
pub use ws::{Session, Terms};
