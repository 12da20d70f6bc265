//! What balances were, and statements.

use super::accounts::AccountPath;
use super::answer::may_reach;
use crate::auth::Caller;
use crate::cursor;
use crate::extract::{Ids, Limit, PageQuery, Params, TimeText};
use crate::problem::{FieldError, INVALID_QUERY, Problem};
use crate::state::ApiState;
use crate::wire::statements::{Balance, Statement, csv};
use crate::wire::{Time, schema};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use overround_app::{AsOf, Error};
use overround_domain::ids::EntryId;
use overround_domain::time::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

/// As of when a balance is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BalanceParams {
    /// After all entries up to and with this instant; now, if neither this nor `entry` is given.
    #[param(value_type = Option<Time>)]
    at: Option<TimeText>,
    /// After this entry of the account.
    #[param(value_type = Option<schema::EntryId>)]
    entry: Option<EntryId>,
}

/// Which part of which period.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementParams {
    /// The period's first instant.
    #[param(value_type = Time, required = true)]
    from: Option<TimeText>,
    /// The first instant after it.
    #[param(value_type = Time, required = true)]
    to: Option<TimeText>,
    /// How many rows, at most 200.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<Limit>,
    /// The `next_cursor` of the part before.
    cursor: Option<String>,
}

/// Which period.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeriodParams {
    /// The period's first instant.
    #[param(value_type = Time, required = true)]
    from: Option<TimeText>,
    /// The first instant after it.
    #[param(value_type = Time, required = true)]
    to: Option<TimeText>,
}

/// What an account's balance was
///
/// As of a time or an entry, or now.
#[utoipa::path(get, path = "/v1/accounts/{account_id}/balance", tag = "accounts",
    params(AccountPath, BalanceParams),
    responses((status = 200, description = "The balance.", body = Balance)))]
pub async fn get_balance(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    Params(params): Params<BalanceParams>,
) -> Result<Json<Balance>, Problem> {
    may_reach(&state.app, &caller, path.account_id).await?;
    let as_of = match (params.at, params.entry) {
        (None, None) => AsOf::Now,
        (Some(at), None) => AsOf::Time(at.0),
        (None, Some(entry)) => AsOf::Entry(entry),
        (Some(_), Some(_)) => return Err(bad("entry", "give at or entry, not both")),
    };
    Ok(Json(state.app.balance(path.account_id, as_of).await?.into()))
}

/// An account's statement
///
/// The entries of a period, oldest first, in parts; each part says what the whole period came to.
#[utoipa::path(get, path = "/v1/accounts/{account_id}/statement", tag = "accounts",
    params(AccountPath, StatementParams),
    responses((status = 200, description = "A part of the statement.", body = Statement)))]
pub async fn get_statement(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    Params(params): Params<StatementParams>,
) -> Result<Json<Statement>, Problem> {
    may_reach(&state.app, &caller, path.account_id).await?;
    let (from, to) = period(params.from, params.to)?;
    let name = format!("statement of {} from {from} to {to}", path.account_id);
    let page = PageQuery { limit: params.limit, cursor: params.cursor }.page(&name)?;
    let view = state.app.statement(path.account_id, from, to, page).await?;
    let next = view.entries.next.map(|place| cursor::encode(&name, place));
    Ok(Json(Statement::new(view, next)))
}

/// An account's statement as CSV
///
/// The whole period, with a line for the opening and one for the closing balance; at most 50000 entries.
#[utoipa::path(get, path = "/v1/accounts/{account_id}/statement.csv", tag = "accounts",
    params(AccountPath, PeriodParams),
    responses((status = 200, description = "The statement.", content_type = "text/csv", body = String)))]
pub async fn export_statement(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<AccountPath>,
    Params(params): Params<PeriodParams>,
) -> Result<Response, Problem> {
    may_reach(&state.app, &caller, path.account_id).await?;
    let (from, to) = period(params.from, params.to)?;
    let view = state.app.whole_statement(path.account_id, from, to).await.map_err(|error| match error {
        Error::Invalid { detail, .. } => bad("to", &detail),
        other => other.into(),
    })?;
    let bytes = csv(view).map_err(Error::internal)?;
    let name = format!("attachment; filename=\"statement-{}.csv\"", path.account_id);
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, name)], bytes)
        .into_response())
}

fn period(from: Option<TimeText>, to: Option<TimeText>) -> Result<(Timestamp, Timestamp), Problem> {
    let wanted = "a statement is of a period: an instant is wanted here";
    let from = from.ok_or_else(|| bad("from", wanted))?.0;
    let to = to.ok_or_else(|| bad("to", wanted))?.0;
    if from > to {
        return Err(bad("to", "the period ends before it begins"));
    }
    Ok((from, to))
}

fn bad(name: &str, detail: &str) -> Problem {
    Problem::invalid(INVALID_QUERY, FieldError::parameter(name, detail))
}
