//! Accounts, their entries, and what is done to them by hand.

use super::answer::{listed, may_reach, movement, written};
use crate::auth::Caller;
use crate::extract::{Ids, KeyedJson, Limit, PageQuery, Params};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::accounts::{Account, Adjust, Entry, MoveMoney, OpenAccount, Posting, ReversePosting};
use crate::wire::{List, schema};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use overround_app::{AccountView, PostingView};
use overround_domain::ids::{AccountId, PostingId};
use serde::Deserialize;
use utoipa::IntoParams;

/// An account in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AccountPath {
    /// The account.
    #[param(value_type = schema::AccountId)]
    pub account_id: AccountId,
}

/// A posting of an account in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct PostingPath {
    /// The account.
    #[param(value_type = schema::AccountId)]
    pub account_id: AccountId,
    /// The posting.
    #[param(value_type = schema::PostingId)]
    pub posting_id: PostingId,
}

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// How many rows, at most 200.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<Limit>,
    /// The `next_cursor` of the part before.
    cursor: Option<String>,
}

impl From<PageParams> for PageQuery {
    fn from(params: PageParams) -> Self {
        Self { limit: params.limit, cursor: params.cursor }
    }
}

/// No parameters at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// Opens an account
///
/// For the caller, in one currency. It starts empty.
#[utoipa::path(post, path = "/v1/accounts", tag = "accounts", request_body = OpenAccount,
    responses((status = 201, description = "The account.", body = Account)))]
pub async fn open_account(
    State(state): State<ApiState>,
    caller: Caller,
    request: KeyedJson<OpenAccount>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let opened = state.app.open_account(&caller.actor(), keyed, caller.user_id(), body.currency).await?;
    Ok(written::<AccountView, Account>(StatusCode::CREATED, opened))
}

/// The caller's accounts
///
/// One a currency, all in one answer.
#[utoipa::path(get, path = "/v1/accounts", tag = "accounts",
    responses((status = 200, description = "The caller's accounts.", body = List<Account>)))]
pub async fn list_accounts(
    State(state): State<ApiState>,
    caller: Caller,
    _: Params<NoParams>,
) -> Result<Json<List<Account>>, Problem> {
    let accounts = state.app.accounts_of(caller.user_id()).await?;
    Ok(Json(List { items: accounts.into_iter().map(Account::from).collect(), next_cursor: None }))
}

/// One account
#[utoipa::path(get, path = "/v1/accounts/{account_id}", tag = "accounts", params(AccountPath),
    responses((status = 200, description = "The account.", body = Account)))]
pub async fn get_account(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    _: Params<NoParams>,
) -> Result<Json<Account>, Problem> {
    may_reach(&state.app, &caller, path.account_id).await?;
    Ok(Json(state.app.account(path.account_id).await?.into()))
}

/// An account's ledger entries
///
/// Newest first. Entries never change.
#[utoipa::path(get, path = "/v1/accounts/{account_id}/entries", tag = "accounts",
    params(AccountPath, PageParams),
    responses((status = 200, description = "A part of the entries.", body = List<Entry>)))]
pub async fn list_entries(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    Params(page): Params<PageParams>,
) -> Result<Json<List<Entry>>, Problem> {
    may_reach(&state.app, &caller, path.account_id).await?;
    let name = format!("entries of {}", path.account_id);
    listed(&name, &page.into(), |page| state.app.entries(path.account_id, page)).await
}

/// Credits an account
///
/// Stands for a deposit until payments come.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/credits", tag = "accounts",
    params(AccountPath), request_body = MoveMoney,
    responses((status = 201, description = "The posting.", body = Posting)))]
pub async fn credit_account(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    request: KeyedJson<MoveMoney>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let credit = movement(&caller, body.amount_cents.0, body.currency, body.reason);
    let posted = state.app.credit(path.account_id, keyed, credit).await?;
    Ok(written::<PostingView, Posting>(StatusCode::CREATED, posted))
}

/// Debits an account
///
/// Stands for a withdrawal until payments come. What is on hold for open bets is never touched.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/debits", tag = "accounts",
    params(AccountPath), request_body = MoveMoney,
    responses((status = 201, description = "The posting.", body = Posting)))]
pub async fn debit_account(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    request: KeyedJson<MoveMoney>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let debit = movement(&caller, body.amount_cents.0, body.currency, body.reason);
    let posted = state.app.debit(path.account_id, keyed, debit).await?;
    Ok(written::<PostingView, Posting>(StatusCode::CREATED, posted))
}

/// Adjusts a balance
///
/// A correction by hand between a wallet of the player and the house, up or down, never below the wallet's floor.
/// So bonuses are granted and debts written off.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/adjustments", tag = "accounts",
    params(AccountPath), request_body = Adjust,
    responses((status = 201, description = "The posting.", body = Posting)))]
pub async fn adjust_account(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    request: KeyedJson<Adjust>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let adjustment = movement(&caller, body.amount_cents.0, body.currency, body.reason);
    let posted = state.app.adjust(path.account_id, keyed, adjustment).await?;
    Ok(written::<PostingView, Posting>(StatusCode::CREATED, posted))
}

/// Reverses a posting
///
/// Posts its entries with the opposite signs, once. Deposits, withdrawals and adjustments can be reversed.
#[utoipa::path(post, path = "/v1/accounts/{account_id}/postings/{posting_id}/reversals", tag = "accounts",
    params(PostingPath), request_body = ReversePosting,
    responses((status = 201, description = "The posting that reverses it.", body = Posting)))]
pub async fn reverse_posting(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<PostingPath>,
    request: KeyedJson<ReversePosting>,
) -> Result<Response, Problem> {
    let KeyedJson { keyed, body } = request;
    let (account, posting) = (path.account_id, path.posting_id);
    let posted = state.app.reverse_posting(account, posting, keyed, caller.actor(), body.reason.0).await?;
    Ok(written::<PostingView, Posting>(StatusCode::CREATED, posted))
}
