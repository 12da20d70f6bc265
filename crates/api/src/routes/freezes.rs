//! Freezing accounts and letting them go.

use super::accounts::AccountPath;
use super::answer::written;
use crate::auth::Caller;
use crate::extract::{Ids, KeyedJson};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::freezes::{AccountFreeze, FreezeAccount};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use overround_app::FreezeView;
use overround_domain::ids::AccountId;

/// Freezes an account
///
/// For what takes money, what pays it in, or both; it adds to what is frozen. Bets are settled and paid all
/// the same. An account that was frozen so already stays as it is.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/freeze", tag = "accounts",
    params(AccountPath), request_body = FreezeAccount,
    responses((status = 200, description = "The account's status.", body = AccountFreeze)))]
pub async fn freeze_account(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    request: KeyedJson<FreezeAccount>,
) -> Result<Response, Problem> {
    freeze(&state, &caller, path.account_id, request, true).await
}

/// Lets a frozen account go
///
/// For what takes money, what pays it in, or both; what else is frozen stays so.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/unfreeze", tag = "accounts",
    params(AccountPath), request_body = FreezeAccount,
    responses((status = 200, description = "The account's status.", body = AccountFreeze)))]
pub async fn unfreeze_account(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    request: KeyedJson<FreezeAccount>,
) -> Result<Response, Problem> {
    freeze(&state, &caller, path.account_id, request, false).await
}

async fn freeze(
    state: &ApiState,
    caller: &Caller,
    account: AccountId,
    request: KeyedJson<FreezeAccount>,
    on: bool,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let (what, reason) = (body.freeze.into(), body.reason.0);
    let frozen = state.app.freeze(account, keyed, what, on, caller.actor(), reason).await?;
    Ok(written::<FreezeView, AccountFreeze>(StatusCode::OK, frozen))
}
