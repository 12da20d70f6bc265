//! PostgreSQL, the truth. The only crate with SQL: one file a table, under the feature's name.
//!
//! Functions that write take the transaction first; use cases own it, through [`Store::run`].

pub mod bench;
pub mod betting;
mod cells;
mod connect;
pub mod doctor;
mod error;
pub mod events;
mod keyset;
pub mod market;
pub mod migrate;
pub mod partitions;
pub mod server_settings;
mod snapshot;
pub mod tx;
pub mod wallet;

pub use connect::{ConnectOptions, Role, connect};
pub use error::Error;
pub use sqlx::PgPool as Pool;
pub use tx::{Isolation, Store, Tx, Work};
