//! Freezing accounts, on the wire.

use super::input::Reason;
use super::names::{AccountStatus, Freeze};
use super::{Time, schema};
use overround_app::FreezeView;
use overround_domain::ids::AccountId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What of an account is frozen, or let go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"freeze": "DEBIT", "reason": "the source of funds is being checked"}))]
pub struct FreezeAccount {
    /// DEBIT: bets and all else that takes money; CREDIT: all that pays in, bets' returns apart; or BOTH.
    pub freeze: Freeze,
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

/// The status that it left.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountFreeze {
    /// The account.
    #[schema(value_type = schema::AccountId)]
    pub account_id: AccountId,
    /// Its status.
    pub status: AccountStatus,
    /// How often it was frozen or let go so far; it counts what changed something.
    #[schema(minimum = 0)]
    pub status_version: i64,
    /// When that was its status.
    pub at: Time,
}

impl From<FreezeView> for AccountFreeze {
    fn from(view: FreezeView) -> Self {
        Self {
            account_id: view.account_id,
            status: view.status.into(),
            status_version: view.version,
            at: view.at.into(),
        }
    }
}
