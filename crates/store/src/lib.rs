//! PostgreSQL, the truth. The only crate with SQL: one file a table, under the feature's name.
//!
//! Functions that write take the transaction first; use cases own it, through [`Store::run`]. What a lane writes
//! of many tables they add to a [`Statement`], which asks PostgreSQL once.

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
mod statement;
pub mod tx;
pub mod wallet;

pub use connect::{ConnectOptions, NO_NEWS, Role, connect};
pub use error::Error;
pub use sqlx::PgPool as Pool;
pub use statement::Statement;
pub use tx::{Isolation, Store, Tx, Work};
