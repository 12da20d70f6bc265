//! Accounts: who holds money, and how much.

use super::Cell;
use crate::ids::{AccountId, UserId};
use crate::money::{Cents, Currency};

stored_enum! {
    /// What an account is for.
    AccountKind {
        /// A player's cash.
        Player = "PLAYER",
        /// The stakes of a player's open bets.
        Hold = "HOLD",
        /// The house's own money: one account a cell and currency.
        House = "HOUSE",
        /// The other side of deposits and withdrawals: one account a cell and currency.
        PspClearing = "PSP_CLEARING",
        /// Fees taken: one account a cell and currency.
        Fees = "FEES",
        /// A player's bonus money.
        Bonus = "BONUS",
        /// What a player owes the house: a balance of zero or less.
        Debt = "DEBT",
    }
}

stored_enum! {
    /// Whether an account may be used.
    AccountStatus {
        /// Nothing stands against it.
        Active = "ACTIVE",
        /// No bets and no withdrawals; settlements are still paid in.
        Frozen = "FROZEN",
        /// No bets, deposits or withdrawals.
        Closed = "CLOSED",
    }
}

/// An account as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The share of the players it belongs to; no posting leaves it.
    pub cell: Cell,
    /// What it is for.
    pub kind: AccountKind,
    /// The player it belongs to; none on the house's.
    pub user_id: Option<UserId>,
    /// The player account that a hold, bonus or debt account stands beside; none on all others.
    pub owner_account_id: Option<AccountId>,
    /// The currency of its balance and of every entry.
    pub currency: Currency,
    /// Whether it may be used.
    pub status: AccountStatus,
    /// The sum of its entries, in minor units.
    pub balance: Cents,
    /// The least balance it may have; none on the house's accounts.
    pub floor: Option<Cents>,
    /// How many entries it has: the `account_seq` of the last.
    pub seq: i64,
}

impl Account {
    /// What can be taken from it before it reaches its floor; the whole range where it has none.
    pub const fn available(&self) -> Cents {
        match self.floor {
            Some(floor) => Cents::new(self.balance.get().saturating_sub(floor.get())),
            None => Cents::new(i64::MAX),
        }
    }
}
