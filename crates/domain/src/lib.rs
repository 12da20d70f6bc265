//! The betting rules of Overround: pure functions over plain values.
//!
//! Nothing here does I/O, reads a clock or draws a random number; times and ids come in as
//! arguments. Money is whole minor units, prices are exact fractions, and there is no floating
//! point. What a rule refuses it names by a [`betting::RefusalCode`].

#[macro_use]
mod names;

pub mod betting;
pub mod events;
pub mod ids;
pub mod invariants;
pub mod markets;
pub mod money;
pub mod odds;
pub mod rate;
pub mod time;
pub mod wallet;

pub use names::UnknownName;

#[cfg(test)]
mod test_support;
