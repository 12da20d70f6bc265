//! The OpenAPI document, generated from the routes, and the page that shows it.

mod complete;
mod problems;

use crate::routes;
use crate::state::ApiState;
use axum::Router;
use axum::routing::get;
use http::header::CONTENT_TYPE;
use std::sync::Arc;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The security scheme's name in the document.
const BEARER: &str = "bearer";
/// The name of what protects the routes of feeds.
const FEED: &str = "feed";

const ABOUT: &str = "The backend of a sportsbook: accounts and their ledger, bets, markets.\n\n\
    Money is a whole number of minor units beside its currency; prices are exact fractions; times are \
    RFC 3339 in UTC with milliseconds. Ids carry their kind as a prefix.\n\n\
    Every write takes an `Idempotency-Key`. Sent again with the same body it is not executed again: the \
    first answer comes back byte for byte, with `Idempotent-Replayed: true`. What was accepted, or \
    refused by a rule (409, 422), is kept for ever; 400, 401, 403, 404, 408, 413, 415 and 5xx are not \
    kept, and the same key may be sent again.\n\n\
    Errors are `application/problem+json` (RFC 9457) with a `code`. A request that is not answered in \
    time gets 503 with Retry-After, as one does that finds a datastore away: in both cases send it \
    again as it was.\n\n\
    Requests count by class (reads, bets, other writes, streams), for the caller and for the address. `RateLimit-Policy` \
    and `RateLimit` say how many are left; one too many is a 429 with Retry-After.";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Overround", description = ABOUT, license(name = "Apache-2.0", identifier = "Apache-2.0")),
    tags(
        (name = "accounts", description = "Accounts, their entries, credits and debits."),
        (name = "bets", description = "Placing bets and reading them."),
        (name = "events", description = "Sporting events."),
        (name = "markets", description = "Markets, their prices, and what traders do with them."),
        (name = "trading", description = "What traders do to prices, to an outcome, and to many markets at once."),
        (name = "feeds", description = "Market data that its providers send."),
        (name = "reports", description = "Sums over all accounts."),
        (name = "operations", description = "Health and metrics."),
    ),
)]
struct Document;

/// The OpenAPI 3.1 document of every route: each status, each code, with examples.
pub fn openapi() -> OpenApi {
    let (_, routes) = routes::all().split_for_parts();
    let mut api = Document::openapi();
    api.merge(routes);
    complete::complete(&mut api);
    api
}

/// `/openapi.json` and the page at `/docs`, whose files are part of the binary.
pub fn routes() -> Router<ApiState> {
    let document: Arc<str> = openapi().to_json().unwrap_or_default().into();
    let json = get(move || {
        let document = document.to_string();
        async move { ([(CONTENT_TYPE, "application/json")], document) }
    });
    let page = SwaggerUi::new("/docs").config(Config::from("/openapi.json"));
    Router::new().route("/openapi.json", json).merge(Router::<ApiState>::from(page))
}
