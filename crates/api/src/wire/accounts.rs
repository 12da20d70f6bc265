//! Accounts, their entries and what is done to them by hand, on the wire.

use super::input::{Amount, Reason, SignedAmount};
use super::names::{AccountStatus, EntryType, RefType};
use super::{Time, schema};
use overround_app::{AccountView, EntryView, PostingView};
use overround_domain::ids::{AccountId, BetId, EntryId, PostingId, SettlementId, UserId};
use overround_domain::money::Currency;
use overround_domain::wallet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Opens an account for the caller.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"currency": "EUR"}))]
pub struct OpenAccount {
    /// ISO 4217; one account a user and currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Currency,
}

/// An amount to credit or debit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount_cents": 5000, "currency": "EUR", "reason": "cash desk deposit 1182"}))]
pub struct MoveMoney {
    /// Minor units.
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 5000)]
    pub amount_cents: Amount,
    /// The account's currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Currency,
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

/// A correction of a balance.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount_cents": -1250, "currency": "EUR", "reason": "bet 77 was paid twice"}))]
pub struct Adjust {
    /// Minor units: above zero from the house to the player, below zero from the player to the house.
    #[schema(value_type = i64, minimum = -10_000_000_000_000_i64, maximum = 10_000_000_000_000_i64, example = -1250)]
    pub amount_cents: SignedAmount,
    /// The account's currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Currency,
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

/// Why a posting is taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the deposit was charged back"}))]
pub struct ReversePosting {
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

/// A player's account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Account {
    /// The account.
    #[schema(value_type = schema::AccountId)]
    pub id: AccountId,
    /// Whose it is.
    #[schema(value_type = schema::UserId)]
    pub user_id: UserId,
    /// Its currency.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// What can be staked or withdrawn, in minor units.
    #[schema(example = 5000)]
    pub balance_cents: i64,
    /// What is on hold for open bets, in minor units.
    #[schema(example = 500)]
    pub held_cents: i64,
    /// Its status.
    pub status: AccountStatus,
    /// The number of its last ledger entry, 0 before the first: of two balances the one of the higher number is the later.
    #[schema(example = 12)]
    pub account_seq: i64,
    /// When it was opened.
    pub created_at: Time,
}

impl From<AccountView> for Account {
    fn from(view: AccountView) -> Self {
        Self {
            id: view.id,
            user_id: view.user_id,
            currency: view.currency,
            balance_cents: view.balance.get(),
            held_cents: view.held.get(),
            status: view.status.into(),
            account_seq: view.account_seq,
            created_at: view.created_at.into(),
        }
    }
}

/// What was posted by hand.
#[derive(Debug, Serialize, ToSchema)]
pub struct Posting {
    /// The posting.
    #[schema(value_type = schema::PostingId)]
    pub posting_id: PostingId,
    /// The player's account or wallet; of a transfer the one that the money came from.
    #[schema(value_type = schema::AccountId)]
    pub account_id: AccountId,
    /// What its balance changed by, in minor units; negative is money out.
    #[schema(example = 5000)]
    pub amount_cents: i64,
    /// The currency.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// The balance after it, in minor units.
    #[schema(example = 12500)]
    pub balance_after_cents: i64,
    /// DEPOSIT, WITHDRAWAL, ADJUSTMENT, TRANSFER or REVERSAL.
    pub ref_type: RefType,
    /// The posting that it reverses; on all others its own.
    #[schema(value_type = schema::PostingId)]
    pub ref_id: PostingId,
    /// When it was posted.
    pub created_at: Time,
}

impl From<PostingView> for Posting {
    fn from(view: PostingView) -> Self {
        Self {
            posting_id: view.posting_id,
            account_id: view.account_id,
            amount_cents: view.amount.get(),
            currency: view.currency,
            balance_after_cents: view.balance_after.get(),
            ref_type: view.ref_type.into(),
            ref_id: view.ref_id,
            created_at: view.created_at.into(),
        }
    }
}

/// One entry of an account's ledger.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// The entry.
    #[schema(value_type = schema::EntryId)]
    pub id: EntryId,
    /// The account posted to.
    #[schema(value_type = schema::AccountId)]
    pub account_id: AccountId,
    /// The posting it belongs to.
    #[schema(value_type = schema::PostingId)]
    pub posting_id: PostingId,
    /// Its number among the account's entries, from 1 without a gap.
    #[schema(minimum = 1)]
    pub account_seq: i64,
    /// Minor units; negative is money out.
    #[schema(example = -500)]
    pub amount_cents: i64,
    /// The currency.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// The balance after it, in minor units.
    #[schema(example = 4500)]
    pub balance_after_cents: i64,
    /// The kind of movement.
    #[serde(rename = "type")]
    pub entry_type: EntryType,
    /// What it refers to.
    pub ref_type: RefType,
    /// The id of what it refers to.
    #[schema(example = "bet_1C4KqX7YvQe3Jm9TzR5bNd")]
    pub ref_id: String,
    /// When it was made.
    pub created_at: Time,
}

impl From<EntryView> for Entry {
    fn from(view: EntryView) -> Self {
        Self {
            id: view.id,
            account_id: view.account_id,
            posting_id: view.posting_id,
            account_seq: view.account_seq,
            amount_cents: view.amount.get(),
            currency: view.currency,
            balance_after_cents: view.balance_after.get(),
            entry_type: view.entry_type.into(),
            ref_type: view.ref_type.into(),
            ref_id: reference(view.ref_type, view.ref_id),
            created_at: view.created_at.into(),
        }
    }
}

/// The id that an entry refers to, with the prefix of its kind.
fn reference(kind: wallet::RefType, id: Uuid) -> String {
    use wallet::RefType as R;
    match kind {
        R::Bet | R::Cashout => BetId::from_uuid(id).to_string(),
        R::Settlement => SettlementId::from_uuid(id).to_string(),
        R::Deposit | R::Withdrawal | R::Adjustment | R::Transfer | R::Reversal | R::Bonus => {
            PostingId::from_uuid(id).to_string()
        }
    }
}
