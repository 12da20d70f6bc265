//! Wallets and transfers, on the wire.

use super::input::{Amount, Reason, SignedAmount};
use super::names::AccountKind;
use super::{Time, schema};
use overround_app::WalletView;
use overround_domain::ids::AccountId;
use overround_domain::money::Currency;
use overround_domain::wallet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is opened beside an account.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
pub enum WalletKind {
    #[serde(rename = "BONUS")]
    Bonus,
    #[serde(rename = "FREE_BET")]
    FreeBet,
    #[serde(rename = "DEBT")]
    Debt,
}

impl From<WalletKind> for wallet::AccountKind {
    fn from(kind: WalletKind) -> Self {
        match kind {
            WalletKind::Bonus => Self::Bonus,
            WalletKind::FreeBet => Self::FreeBet,
            WalletKind::Debt => Self::Debt,
        }
    }
}

/// Opens a wallet beside an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "DEBT", "floor_cents": -50000}))]
pub struct OpenWallet {
    /// One of a kind an account.
    pub kind: WalletKind,
    /// How much may be owed, in minor units below zero: of a DEBT, and of nothing else.
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = -10_000_000_000_000_i64, maximum = -1, example = -50000)]
    pub floor_cents: Option<SignedAmount>,
}

/// An amount that goes to another wallet of the account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "to_account_id": "acct_1C4KqX7YvQe3Jm9TzR5bNd", "amount_cents": 2000, "currency": "EUR",
    "reason": "the bonus was wagered"
}))]
pub struct Transfer {
    /// The wallet that it goes to.
    #[schema(value_type = schema::AccountId)]
    pub to_account_id: AccountId,
    /// Minor units.
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 2000)]
    pub amount_cents: Amount,
    /// The wallets' currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Currency,
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

/// A wallet of an account: an account of its own, with entries, balances and statements.
#[derive(Debug, Serialize, ToSchema)]
pub struct Wallet {
    /// The wallet.
    #[schema(value_type = schema::AccountId)]
    pub id: AccountId,
    /// PLAYER (cash), BONUS, FREE_BET or DEBT.
    pub kind: AccountKind,
    /// Its currency.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// Its balance in minor units; a debt's is zero or less.
    #[schema(example = 2000)]
    pub balance_cents: i64,
    /// The least balance it may have, in minor units.
    #[schema(maximum = 0, example = 0)]
    pub floor_cents: i64,
    /// When it was opened.
    pub created_at: Time,
}

impl From<WalletView> for Wallet {
    fn from(view: WalletView) -> Self {
        Self {
            id: view.id,
            kind: view.kind.into(),
            currency: view.currency,
            balance_cents: view.balance.get(),
            floor_cents: view.floor.get(),
            created_at: view.created_at.into(),
        }
    }
}
