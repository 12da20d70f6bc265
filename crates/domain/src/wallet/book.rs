//! The book: the accounts that a batch loaded, and what postings make of them.

use super::{Account, AccountKind, AccountStatus, Cell, Entry, Posting};
use crate::ids::AccountId;
use crate::money::{Cents, Currency};
use std::collections::{BTreeMap, BTreeSet};

/// An entry as the ledger keeps it: with its number on the account and the balance it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booked {
    /// The entry.
    pub entry: Entry,
    /// Its number among the entries of its account, from 1, without a gap.
    pub account_seq: i64,
    /// The account's balance after it.
    pub balance_after: Cents,
}

/// Why a posting cannot be booked. Nothing of it has been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// An account of the posting was not loaded.
    #[error("account {0} is not in the book")]
    UnknownAccount(AccountId),
    /// An entry is not in its account's currency.
    #[error("account {0} is in another currency than its entry")]
    WrongCurrency(AccountId),
    /// The accounts of the posting lie in two cells.
    #[error("account {0} is in another cell than the posting's other accounts")]
    AcrossCells(AccountId),
    /// An account would end below its floor.
    #[error("account {account_id} has only {available} minor units available")]
    BelowFloor {
        /// The account.
        account_id: AccountId,
        /// What could have been taken from it.
        available: Cents,
    },
    /// An account would end above its ceiling.
    #[error("account {account_id} takes only {room} minor units more")]
    AboveCeiling {
        /// The account.
        account_id: AccountId,
        /// What could have been put on it.
        room: Cents,
    },
    /// A balance or an entry's number would leave its range.
    #[error("the balance of account {0} would leave the range of 64 bits")]
    Overflow(AccountId),
}

/// The accounts that a batch loaded. Postings apply to it in order, each wholly or not at all.
#[derive(Debug, Clone, Default)]
pub struct Book {
    accounts: BTreeMap<AccountId, Account>,
    house: BTreeMap<(Cell, AccountKind, Currency), AccountId>,
    touched: BTreeSet<AccountId>,
}

impl Book {
    /// The book of these accounts.
    pub fn new(accounts: impl IntoIterator<Item = Account>) -> Self {
        let accounts: BTreeMap<_, _> = accounts.into_iter().map(|account| (account.id, account)).collect();
        let house = accounts
            .values()
            .filter(|account| account.user_id.is_none())
            .map(|account| ((account.cell, account.kind, account.currency), account.id))
            .collect();
        Self { accounts, house, touched: BTreeSet::new() }
    }

    /// An account as it stands now.
    pub fn get(&self, id: &AccountId) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// The house's account of a cell, kind and currency.
    pub fn find(&self, cell: Cell, kind: AccountKind, currency: Currency) -> Option<&Account> {
        self.get(self.house.get(&(cell, kind, currency))?)
    }

    /// Applies a posting: all of its entries, in their order, or none. An account may pass its floor
    /// or ceiling within the posting, as long as it does not end beyond it.
    ///
    /// # Errors
    /// See [`BookError`]; the book is then as it was.
    pub fn post(&mut self, posting: &Posting) -> Result<Vec<Booked>, BookError> {
        let booked = self.book(posting)?;
        for line in &booked {
            let id = line.entry.account_id;
            if let Some(account) = self.accounts.get_mut(&id) {
                account.balance = line.balance_after;
                account.seq = line.account_seq;
                self.touched.insert(id);
            }
        }
        Ok(booked)
    }

    /// Freezes an account or lets it go.
    pub fn set_status(&mut self, id: &AccountId, status: AccountStatus) {
        if let Some(account) = self.accounts.get_mut(id) {
            account.status = status;
            self.touched.insert(*id);
        }
    }

    /// The accounts that were posted to, frozen or let go, as they stand now, by id.
    pub fn changed(&self) -> Vec<Account> {
        self.touched.iter().filter_map(|id| self.get(id)).cloned().collect()
    }

    fn book(&self, posting: &Posting) -> Result<Vec<Booked>, BookError> {
        let mut booked: Vec<Booked> = Vec::with_capacity(posting.entries().len());
        let mut cell = None;
        for entry in posting.entries() {
            let id = entry.account_id;
            let account = self.get(&id).ok_or(BookError::UnknownAccount(id))?;
            if account.currency != entry.currency {
                return Err(BookError::WrongCurrency(id));
            }
            if *cell.get_or_insert(account.cell) != account.cell {
                return Err(BookError::AcrossCells(id));
            }
            let last = booked.iter().rfind(|line| line.entry.account_id == id);
            let (balance, seq) =
                last.map_or((account.balance, account.seq), |line| (line.balance_after, line.account_seq));
            booked.push(Booked {
                entry: *entry,
                account_seq: seq.checked_add(1).ok_or(BookError::Overflow(id))?,
                balance_after: balance.checked_add(entry.amount).ok_or(BookError::Overflow(id))?,
            });
        }
        self.check_bounds(&booked)?;
        Ok(booked)
    }

    fn check_bounds(&self, booked: &[Booked]) -> Result<(), BookError> {
        for (position, line) in booked.iter().enumerate() {
            let id = line.entry.account_id;
            let is_last = booked.iter().rposition(|other| other.entry.account_id == id) == Some(position);
            let account = self.get(&id).ok_or(BookError::UnknownAccount(id))?;
            let after = line.balance_after;
            // An account that is being raised may still be below a floor that was set later.
            let falls = after < account.balance;
            if is_last && falls && account.floor.is_some_and(|floor| after < floor) {
                return Err(BookError::BelowFloor { account_id: id, available: account.available() });
            }
            if let Some(ceiling) = account.ceiling().filter(|ceiling| is_last && after > *ceiling) {
                let room = Cents::new(ceiling.get().saturating_sub(account.balance.get()));
                return Err(BookError::AboveCeiling { account_id: id, room });
            }
        }
        Ok(())
    }
}
