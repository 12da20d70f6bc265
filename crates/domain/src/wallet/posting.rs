//! Postings: sets of ledger entries that sum to zero.

use crate::ids::{AccountId, PostingId};
use crate::money::{Cents, Currency};
use uuid::Uuid;

stored_enum! {
    /// What kind of movement an entry is.
    EntryType {
        /// A stake goes on hold.
        Hold = "HOLD",
        /// A held stake comes free.
        Release = "RELEASE",
        /// Money comes in.
        Credit = "CREDIT",
        /// Money goes out.
        Debit = "DEBIT",
        /// A fee.
        Fee = "FEE",
    }
}

stored_enum! {
    /// What a posting refers to.
    RefType {
        /// A bet that holds or releases its stake.
        Bet = "BET",
        /// One generation of a bet's settlement.
        Settlement = "SETTLEMENT",
        /// Money from outside.
        Deposit = "DEPOSIT",
        /// Money to outside.
        Withdrawal = "WITHDRAWAL",
        /// A correction by an operator.
        Adjustment = "ADJUSTMENT",
        /// Money between accounts of the house.
        Transfer = "TRANSFER",
        /// The reverse of an earlier posting.
        Reversal = "REVERSAL",
        /// A cash-out.
        Cashout = "CASHOUT",
        /// Bonus money.
        Bonus = "BONUS",
    }
}

impl EntryType {
    /// What takes such a movement back.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Hold => Self::Release,
            Self::Release => Self::Hold,
            Self::Credit => Self::Debit,
            Self::Debit => Self::Credit,
            Self::Fee => Self::Fee,
        }
    }
}

impl RefType {
    /// Whether a posting of it may be reversed. What a bet moved is undone by settling the bet anew, a transfer
    /// by adjusting both wallets, and a reversal by doing again what it took back.
    pub const fn is_reversible(self) -> bool {
        matches!(self, Self::Deposit | Self::Withdrawal | Self::Adjustment)
    }
}

/// One line of a posting: an amount onto (positive) or off (negative) an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The account posted to.
    pub account_id: AccountId,
    /// Minor units, never zero; negative takes from the account.
    pub amount: Cents,
    /// The currency, which is the account's.
    pub currency: Currency,
    /// What kind of movement it is.
    pub entry_type: EntryType,
}

/// Entries that sum to zero in each currency. There is no way to make one that does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    id: PostingId,
    ref_type: RefType,
    ref_id: Uuid,
    entries: Vec<Entry>,
}

/// Why entries make no posting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostingError {
    /// There are no entries.
    #[error("a posting has at least one entry")]
    Empty,
    /// An entry moves nothing.
    #[error("the entry on account {account_id} moves no money")]
    ZeroEntry {
        /// Its account.
        account_id: AccountId,
    },
    /// The entries of a currency do not sum to zero.
    #[error("the entries in {currency} sum to {off_by} minor units, not to zero")]
    Unbalanced {
        /// The currency.
        currency: Currency,
        /// Their sum, in minor units.
        off_by: i128,
    },
    /// An amount that must be above zero (or a return that must not be below) is not.
    #[error("{amount} minor units cannot be posted as {what}")]
    AmountOutOfRange {
        /// What it was to be: a stake, a return, a deposit...
        what: &'static str,
        /// The amount.
        amount: Cents,
    },
}

impl Posting {
    /// The posting of these entries, which must sum to zero in each currency (invariant L1).
    ///
    /// # Errors
    /// When there is no entry, an entry is zero, or a currency's entries do not balance.
    pub fn new(
        id: PostingId,
        ref_type: RefType,
        ref_id: Uuid,
        entries: Vec<Entry>,
    ) -> Result<Self, PostingError> {
        if entries.is_empty() {
            return Err(PostingError::Empty);
        }
        if let Some(zero) = entries.iter().find(|entry| entry.amount == Cents::ZERO) {
            return Err(PostingError::ZeroEntry { account_id: zero.account_id });
        }
        for entry in &entries {
            let off_by = sum_in(&entries, entry.currency);
            if off_by != 0 {
                return Err(PostingError::Unbalanced { currency: entry.currency, off_by });
            }
        }
        Ok(Self { id, ref_type, ref_id, entries })
    }

    /// Its id.
    pub const fn id(&self) -> PostingId {
        self.id
    }

    /// What kind of thing it refers to.
    pub const fn ref_type(&self) -> RefType {
        self.ref_type
    }

    /// What it refers to: a bet, a settlement, or the posting itself where nothing else caused it.
    pub const fn ref_id(&self) -> Uuid {
        self.ref_id
    }

    /// Its entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

fn sum_in(entries: &[Entry], currency: Currency) -> i128 {
    entries
        .iter()
        .filter(|entry| entry.currency == currency)
        .map(|entry| i128::from(entry.amount.get()))
        .sum()
}
