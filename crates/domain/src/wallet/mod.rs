//! Wallet and ledger: accounts, postings that sum to zero, and the book they are applied to.

mod account;
mod book;
mod cell;
mod movements;
mod posting;
mod segregation;

pub use account::{Account, AccountKind, AccountStatus, Freeze};
pub use book::{Book, BookError, Booked};
pub use cell::{CELLS_MAX, Cell};
pub use movements::{
    PlayerAccounts, adjustment_posting, deposit_posting, hold_posting, reversal_posting, settlement_posting,
    transfer_posting, withdrawal_posting,
};
pub use posting::{Entry, EntryType, Posting, PostingError, RefType};
pub use segregation::Segregation;

#[cfg(test)]
mod tests;
