//! What is done to an account by hand: what freezes stop, and what may be posted, corrected and taken back.

use super::{Purse, Verdict};
use crate::sim::acts::Act;
use overround_domain::betting::{RefusalCode, RefusalData};
use overround_domain::ids::PostingId;
use overround_domain::money::Currency;
use overround_domain::wallet::{AccountStatus, Freeze, RefType};

/// The largest amount that is moved by hand.
const AMOUNT_MAX: i64 = 10_000_000_000_000;
/// How many postings of an account are remembered, to be asked back.
const POSTINGS_MAX: usize = 40;

/// What is stopped on an account. What bets return is paid in all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stops {
    /// Bets and all else that takes money.
    pub debits: bool,
    /// All that pays money in.
    pub credits: bool,
}

impl Stops {
    /// What is stopped once that is stopped too, or let go.
    pub const fn after(mut self, freeze: Freeze, on: bool) -> Self {
        if matches!(freeze, Freeze::Debit | Freeze::Both) {
            self.debits = on;
        }
        if matches!(freeze, Freeze::Credit | Freeze::Both) {
            self.credits = on;
        }
        self
    }

    /// Whether money may move by so much.
    pub const fn allow(self, amount: i64) -> bool {
        !(self.debits && amount < 0 || self.credits && amount > 0)
    }

    /// The word for it.
    pub const fn status(self) -> AccountStatus {
        match (self.debits, self.credits) {
            (false, false) => AccountStatus::Active,
            (true, false) => AccountStatus::DebitFrozen,
            (false, true) => AccountStatus::CreditFrozen,
            (true, true) => AccountStatus::Frozen,
        }
    }
}

/// A posting of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    pub id: PostingId,
    /// What it changed the balance by.
    pub amount: i64,
    /// Whether it was a credit, a debit or an adjustment: only those are taken back.
    pub by_hand: bool,
    pub reversed: bool,
}

/// What becomes of an act that moves money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// The balance changes by so much.
    Posted(RefType, i64),
    Refused(Verdict),
    /// The account has no such posting.
    NoPosting,
}

/// Whether an act names an amount that nobody may move.
pub const fn is_out_of_range(act: &Act) -> bool {
    match *act {
        Act::Move { amount, .. } => amount < 1 || amount > AMOUNT_MAX,
        Act::Adjust { amount, .. } => amount == 0 || amount < -AMOUNT_MAX || amount > AMOUNT_MAX,
        Act::Reverse { .. } | Act::Freeze { .. } | Act::Factor { .. } => false,
    }
}

impl Purse {
    /// What becomes of an act; none of a freeze or a factor, which move no money.
    pub fn handle(&self, act: &Act) -> Option<Handled> {
        Some(match *act {
            Act::Move { credits: true, amount, currency } => self.moved(RefType::Deposit, amount, currency),
            Act::Move { amount, currency, .. } => self.moved(RefType::Withdrawal, -amount, currency),
            Act::Adjust { amount, currency } => self.moved(RefType::Adjustment, amount, currency),
            Act::Reverse { posting } => match self.posted(posting) {
                Some(posted) => self.reversed(posted),
                None => Handled::NoPosting,
            },
            Act::Freeze { .. } | Act::Factor { .. } => return None,
        })
    }

    /// Money moves by so much, below zero out of the purse.
    fn moved(&self, as_what: RefType, amount: i64, currency: Currency) -> Handled {
        if !self.stops.allow(amount) {
            refused(RefusalCode::AccountFrozen)
        } else if currency != self.currency {
            refused(RefusalCode::CurrencyMismatch)
        } else if amount < 0 && self.balance + amount < 0 {
            Handled::Refused(self.insufficient())
        } else {
            Handled::Posted(as_what, amount)
        }
    }

    /// A posting is taken back.
    fn reversed(&self, posted: &Posted) -> Handled {
        if !posted.by_hand {
            refused(RefusalCode::NotReversible)
        } else if posted.reversed {
            refused(RefusalCode::AlreadyReversed)
        } else {
            self.moved(RefType::Reversal, -posted.amount, self.currency)
        }
    }

    /// A posting of this account that is remembered.
    pub fn posted(&self, id: PostingId) -> Option<&Posted> {
        self.postings.iter().find(|posted| posted.id == id)
    }

    /// Books a posting.
    pub fn book(&mut self, posted: Posted) {
        self.balance += posted.amount;
        self.postings.push(posted);
    }

    /// Marks a posting as taken back.
    pub fn mark_reversed(&mut self, id: PostingId) {
        self.postings.iter_mut().filter(|posted| posted.id == id).for_each(|posted| posted.reversed = true);
    }

    /// Forgets the postings that no later step asks back.
    pub fn forget_postings(&mut self) {
        let past = self.postings.len().saturating_sub(POSTINGS_MAX);
        self.postings.drain(..past);
    }
}

fn refused(code: RefusalCode) -> Handled {
    Handled::Refused(Verdict::Refused { code, leg: None, data: RefusalData::default() })
}
