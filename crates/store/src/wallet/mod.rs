//! `wallet`: accounts, the ledger's entries, and what was already asked for.

pub mod accounts;
pub mod actor_idempotency;
pub mod entries;
pub mod freezes;
pub mod house;
pub mod idempotency;
pub mod reports;
pub mod reversals;
pub mod statements;
pub mod turns;
