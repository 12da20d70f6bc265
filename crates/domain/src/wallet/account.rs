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
        /// The face value of a player's free bets.
        FreeBet = "FREE_BET",
        /// What a player owes the house: a balance of zero or less.
        Debt = "DEBT",
    }
}

impl AccountKind {
    /// Whether it is a wallet of a player: cash, or what stands beside it and is opened, adjusted and transferred
    /// by hand. What is on hold is moved by bets only.
    pub const fn is_wallet(self) -> bool {
        matches!(self, Self::Player | Self::Bonus | Self::FreeBet | Self::Debt)
    }

    /// Whether money of this kind may become money of that one: a bonus that was earned becomes cash, and both
    /// repay a debt. What is a player's own is not made a bonus, a free bet is never paid out, and nobody
    /// is lent cash.
    pub const fn transfers_to(self, to: Self) -> bool {
        matches!((self, to), (Self::Bonus, Self::Player) | (Self::Player | Self::Bonus, Self::Debt))
    }
}

stored_enum! {
    /// Whether an account may be used.
    AccountStatus {
        /// Nothing stands against it.
        Active = "ACTIVE",
        /// No bets and nothing else that takes money; settlements are still paid in.
        DebitFrozen = "DEBIT_FROZEN",
        /// Nothing is paid in but what bets return.
        CreditFrozen = "CREDIT_FROZEN",
        /// Both.
        Frozen = "FROZEN",
        /// No bets, deposits or withdrawals.
        Closed = "CLOSED",
    }
}

stored_enum! {
    /// Which way of an account is stopped, or let go again.
    Freeze {
        /// Bets and all else that takes money from it.
        Debit = "DEBIT",
        /// All that pays money in, but for what bets return.
        Credit = "CREDIT",
        /// Both.
        Both = "BOTH",
    }
}

impl Freeze {
    const fn stops(self) -> (bool, bool) {
        match self {
            Self::Debit => (true, false),
            Self::Credit => (false, true),
            Self::Both => (true, true),
        }
    }
}

impl AccountStatus {
    /// Whether a freeze stands against bets and all else that takes money.
    pub const fn is_debit_frozen(self) -> bool {
        matches!(self, Self::DebitFrozen | Self::Frozen)
    }

    /// Whether a freeze stands against what pays money in, bets' returns apart.
    pub const fn is_credit_frozen(self) -> bool {
        matches!(self, Self::CreditFrozen | Self::Frozen)
    }

    /// The status once that is frozen too. A closed account stays closed.
    #[must_use]
    pub const fn frozen(self, freeze: Freeze) -> Self {
        let (debit, credit) = freeze.stops();
        self.with(self.is_debit_frozen() || debit, self.is_credit_frozen() || credit)
    }

    /// The status once that is let go. A closed account stays closed.
    #[must_use]
    pub const fn unfrozen(self, freeze: Freeze) -> Self {
        let (debit, credit) = freeze.stops();
        self.with(self.is_debit_frozen() && !debit, self.is_credit_frozen() && !credit)
    }

    const fn with(self, debit: bool, credit: bool) -> Self {
        match (self, debit, credit) {
            (Self::Closed, _, _) => Self::Closed,
            (_, true, true) => Self::Frozen,
            (_, true, false) => Self::DebitFrozen,
            (_, false, true) => Self::CreditFrozen,
            (_, false, false) => Self::Active,
        }
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
    /// The player account that a hold, bonus, free-bet or debt account stands beside; none on all others.
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
    /// The greatest balance it may have: a debt is never more than repaid. None on all other accounts.
    pub const fn ceiling(&self) -> Option<Cents> {
        match self.kind {
            AccountKind::Debt => Some(Cents::ZERO),
            _ => None,
        }
    }

    /// What can be taken from it before it reaches its floor; the whole range where it has none.
    pub const fn available(&self) -> Cents {
        match self.floor {
            Some(floor) => Cents::new(self.balance.get().saturating_sub(floor.get())),
            None => Cents::new(i64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AccountStatus, Freeze};

    #[test]
    fn freezes_add_up_and_are_let_go_each_for_itself() {
        use AccountStatus::{Active, Closed, CreditFrozen, DebitFrozen, Frozen};
        use Freeze::{Both, Credit, Debit};
        let table = [
            (Active, Debit, DebitFrozen, Active),
            (Active, Credit, CreditFrozen, Active),
            (Active, Both, Frozen, Active),
            (DebitFrozen, Debit, DebitFrozen, Active),
            (DebitFrozen, Credit, Frozen, DebitFrozen),
            (DebitFrozen, Both, Frozen, Active),
            (CreditFrozen, Debit, Frozen, CreditFrozen),
            (CreditFrozen, Credit, CreditFrozen, Active),
            (CreditFrozen, Both, Frozen, Active),
            (Frozen, Debit, Frozen, CreditFrozen),
            (Frozen, Credit, Frozen, DebitFrozen),
            (Frozen, Both, Frozen, Active),
            (Closed, Both, Closed, Closed),
        ];
        for (status, freeze, frozen, unfrozen) in table {
            assert_eq!(
                (status.frozen(freeze), status.unfrozen(freeze)),
                (frozen, unfrozen),
                "{status} {freeze}"
            );
        }
    }
}
