//! Accounts and their wallets, and what is done to them by hand: credits, debits, adjustments, transfers, reversals,
//! freezes.

mod act;
mod adjust;
mod directory;
mod freeze;
mod move_money;
mod open_account;
mod opening;
mod read;
mod report;
mod reverse_posting;
mod statement;
mod transfer;
mod wallets;

pub(crate) use act::{Act, ByHand, Done};
pub(crate) use directory::{Directory, Player};
pub(crate) use opening::key_mismatch;
pub use report::Report;
pub use statement::{AsOf, WHOLE_STATEMENT_MAX};

use crate::Listed;
use overround_domain::ids::{AccountId, EntryId, PostingId, UserId};
use overround_domain::money::{Cents, Currency};
use overround_domain::time::Timestamp;
use overround_domain::wallet::{Account, AccountKind, AccountStatus, EntryType, RefType};
use overround_store::wallet::statements::Totals;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A player's account with what is on hold for open bets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// The account.
    pub id: AccountId,
    /// Whose it is.
    pub user_id: UserId,
    /// Its currency.
    pub currency: Currency,
    /// What can be staked or withdrawn, in minor units.
    pub balance: Cents,
    /// What is on hold for open bets, in minor units.
    pub held: Cents,
    /// Its status.
    pub status: AccountStatus,
    /// The number of its last ledger entry; 0 before the first. It has a default since answers were kept without it.
    #[serde(default)]
    pub account_seq: i64,
    /// When it was opened.
    pub created_at: Timestamp,
}

/// A wallet of a player's account: cash, or what was opened beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletView {
    /// The wallet, an account of its own.
    pub id: AccountId,
    /// What it is for: PLAYER, BONUS, FREE_BET or DEBT.
    pub kind: AccountKind,
    /// Its currency.
    pub currency: Currency,
    /// Its balance, in minor units; a debt's is zero or less.
    pub balance: Cents,
    /// The least balance it may have, in minor units.
    pub floor: Cents,
    /// When it was opened.
    pub created_at: Timestamp,
}

impl WalletView {
    /// The account as a wallet; none where it has no floor, which every wallet has.
    fn new(account: &Account, created_at: Timestamp) -> Option<Self> {
        Some(Self {
            id: account.id,
            kind: account.kind,
            currency: account.currency,
            balance: account.balance,
            floor: account.floor?,
            created_at,
        })
    }
}

/// A credit, debit, adjustment or transfer to make by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Minor units, from 1 to 10^13; an adjustment's may be below zero.
    pub amount: Cents,
    /// Its currency, which must be the account's.
    pub currency: Currency,
    /// Who makes it: 1 to 255 characters.
    pub author: String,
    /// Why: 1 to 1000 characters.
    pub reason: String,
}

/// What was posted by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostingView {
    /// The posting.
    pub posting_id: PostingId,
    /// The player's wallet; of a transfer the one that it came from.
    pub account_id: AccountId,
    /// What the wallet's balance changed by, in minor units.
    pub amount: Cents,
    /// Its currency.
    pub currency: Currency,
    /// The balance after it.
    pub balance_after: Cents,
    /// DEPOSIT, WITHDRAWAL, ADJUSTMENT, TRANSFER or REVERSAL.
    pub ref_type: RefType,
    /// The posting that it reverses; on all others itself.
    pub ref_id: PostingId,
    /// When it was posted.
    pub created_at: Timestamp,
}

/// What freezing an account, or letting it go, left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeView {
    /// The account.
    pub account_id: AccountId,
    /// Its status.
    pub status: AccountStatus,
    /// How often it was frozen or let go so far.
    pub version: i64,
    /// When that was its status.
    pub at: Timestamp,
}

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryView {
    /// The entry.
    pub id: EntryId,
    /// The account posted to.
    pub account_id: AccountId,
    /// Its posting.
    pub posting_id: PostingId,
    /// Its number among the account's entries, from 1.
    pub account_seq: i64,
    /// Minor units; negative is money out.
    pub amount: Cents,
    /// The currency.
    pub currency: Currency,
    /// The account's balance after it.
    pub balance_after: Cents,
    /// What kind of movement it is.
    pub entry_type: EntryType,
    /// What it refers to.
    pub ref_type: RefType,
    /// The id of what it refers to: a bet's, a settlement's, or the posting's own.
    pub ref_id: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What an account's balance was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceView {
    /// The account.
    pub account_id: AccountId,
    /// Its currency.
    pub currency: Currency,
    /// The balance.
    pub balance: Cents,
    /// After all entries up to and with this instant.
    pub at: Timestamp,
    /// After this entry, if one was asked for.
    pub entry_id: Option<EntryId>,
}

/// A period's entries, or a part of them, and what the whole period came to.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementView {
    /// The account.
    pub account_id: AccountId,
    /// Its currency.
    pub currency: Currency,
    /// The period's first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// What the whole period came to.
    pub totals: Totals,
    /// The entries, oldest first.
    pub entries: Listed<EntryView>,
}
