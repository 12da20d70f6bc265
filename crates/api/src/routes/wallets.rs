//! The wallets of an account, and transfers between them.

use super::accounts::{AccountPath, NoParams};
use super::answer::{may_reach, movement, written};
use crate::auth::Caller;
use crate::extract::{Ids, KeyedJson, Params};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::List;
use crate::wire::accounts::Posting;
use crate::wire::wallets::{OpenWallet, Transfer, Wallet};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use overround_app::{PostingView, WalletView};

/// Opens a wallet
///
/// Bonus money, free bets or a debt, beside the account's cash. It starts empty, and is an account of its own: it
/// has entries, balances and statements, and is adjusted, under its own id.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/wallets", tag = "accounts",
    params(AccountPath), request_body = OpenWallet,
    responses((status = 201, description = "The wallet.", body = Wallet)))]
pub async fn open_wallet(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    request: KeyedJson<OpenWallet>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let floor = body.floor_cents.map(|floor| floor.0);
    let opened =
        state.app.open_wallet(path.account_id, &caller.actor(), keyed, body.kind.into(), floor).await?;
    Ok(written::<WalletView, Wallet>(StatusCode::CREATED, opened))
}

/// An account's wallets
///
/// Its cash first, all in one answer.
#[utoipa::path(get, path = "/v1/accounts/{account_id}/wallets", tag = "accounts", params(AccountPath),
    responses((status = 200, description = "The wallets.", body = List<Wallet>)))]
pub async fn list_wallets(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    _: Params<NoParams>,
) -> Result<Json<List<Wallet>>, Problem> {
    may_reach(&state.app, &caller, path.account_id).await?;
    let wallets = state.app.wallets(path.account_id).await?;
    Ok(Json(List { items: wallets.into_iter().map(Wallet::from).collect(), next_cursor: None }))
}

/// Transfers between wallets
///
/// From the wallet in the path to another of the same account: a bonus to cash, cash or a bonus to a debt.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/transfers", tag = "accounts",
    params(AccountPath), request_body = Transfer,
    responses((status = 201, description = "The posting, as the wallet that it came from sees it.", body = Posting)))]
pub async fn transfer(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    request: KeyedJson<Transfer>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let transfer = movement(&caller, body.amount_cents.0, body.currency, body.reason);
    let posted = state.app.transfer(path.account_id, body.to_account_id, keyed, transfer).await?;
    Ok(written::<PostingView, Posting>(StatusCode::CREATED, posted))
}
