//! How a use case's answer becomes a response, and how a player is kept to what is theirs.

use crate::auth::Caller;
use crate::cursor;
use crate::extract::PageQuery;
use crate::problem::{IDEMPOTENT_REPLAYED, Problem};
use crate::wire::List;
use crate::wire::input::Reason;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};
use overround_app::{Answer, App, Error, Listed, Movement, Page};
use overround_domain::ids::AccountId;
use overround_domain::money::{Cents, Currency};
use serde::Serialize;
use std::future::Future;
use utoipa::ToSchema;

/// The answer of a write: the same status and body for the first execution and its repetitions.
pub fn written<T, B: From<T> + Serialize>(status: StatusCode, answer: Answer<T>) -> Response {
    let mut response = (status, Json(B::from(answer.value))).into_response();
    if answer.replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// A movement by hand, with the caller as its author.
pub fn movement(caller: &Caller, amount: Cents, currency: Currency, reason: Reason) -> Movement {
    Movement { amount, currency, author: caller.actor(), reason: reason.0 }
}

/// One page of the list named `name` (its route, owner and filters).
pub async fn listed<T, B, F>(
    name: &str,
    query: &PageQuery,
    read: impl FnOnce(Page) -> F,
) -> Result<Json<List<B>>, Problem>
where
    B: From<T> + ToSchema,
    F: Future<Output = Result<Listed<T>, Error>>,
{
    let found = read(query.page(name)?).await?;
    Ok(Json(List {
        items: found.items.into_iter().map(B::from).collect(),
        next_cursor: found.next.map(|place| cursor::encode(name, place)),
    }))
}

/// Lets a player reach only an own account: another's is answered like one that does not exist.
pub async fn may_reach(app: &App, caller: &Caller, account_id: AccountId) -> Result<(), Problem> {
    if caller.is_staff() {
        return Ok(());
    }
    match app.account_owner(account_id).await? {
        Some(owner) if owner == caller.user_id() => Ok(()),
        _ => Err(Problem::not_found("account", account_id)),
    }
}
