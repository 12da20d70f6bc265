//! The documented answers of what goes wrong.

use super::complete::text_header;
use crate::problem::{Code, title};
use serde_json::{Value, json};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::{Ref, RefOr, Response, ResponseBuilder};

/// The answer of that status, with an example for each code.
pub fn response(status: u16, codes: &[Code]) -> Response {
    let names: Vec<String> = codes.iter().map(|code| format!("`{}`", code.name)).collect();
    let examples = codes.iter().map(|code| {
        let example = ExampleBuilder::new().summary(title(code.name)).value(Some(example(*code))).build();
        (code.name, RefOr::T(example))
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples)
        .build();
    let mut response = ResponseBuilder::new()
        .description(names.join(", "))
        .content("application/problem+json", content)
        .header("Trace-Id", text_header("The trace that the request belongs to."));
    match status {
        401 => {
            response =
                response.header("WWW-Authenticate", text_header("What to authenticate with (RFC 6750)."));
        }
        409 | 422 => {
            response = response.header(
                "Idempotent-Replayed",
                text_header("`true` where the answer is that of an earlier request."),
            );
        }
        429 | 503 => {
            response = response.header("Retry-After", text_header("After how many seconds to try again."));
        }
        _ => {}
    }
    response.build()
}

fn example(code: Code) -> Value {
    let detail = if code.meaning.is_empty() { title(code.name) } else { code.meaning.to_owned() };
    let mut body = json!({
        "type": format!("urn:overround:problem:{}", code.name),
        "title": title(code.name),
        "status": code.status,
        "detail": detail,
        "instance": "/v1/accounts/acct_1C4KqX7YvQe3Jm9TzR5bNd/bets",
        "code": code.name,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, helpful(code.name)) {
        body.extend(more);
    }
    body
}

/// What some codes carry so that the next request can be right.
fn helpful(code: &str) -> Value {
    match code {
        "INVALID_BODY" => json!({"errors": [{"pointer": "/legs/0/market_id",
            "detail": "expected an id that starts with \"mkt_\", got \"bet_1C4KqX7YvQe3Jm9TzR5bNd\""}]}),
        "INVALID_PATH" => json!({"errors": [{"parameter": "account_id",
            "detail": "the id after \"acct_\" is not 22 characters of base 58"}]}),
        "INVALID_QUERY" => json!({"errors": [{"parameter": "limit",
            "detail": "a whole number from 1 to 200 is wanted"}]}),
        "RATE_LIMITED" => json!({"violated_policies": ["bets-user"]}),
        "UNAVAILABLE" => json!({"unavailable": ["redis"]}),
        "PRICE_CHANGED" => json!({"leg": 0, "current_price": {"num": 9, "den": 5}, "current_version": 18}),
        "LINE_CHANGED" => json!({"leg": 0, "current_line": "-0.5", "current_version": 18}),
        "STALE_PRICE" => json!({"leg": 0, "current_version": 18}),
        "BELOW_MIN" => json!({"stake_cents_min": 100}),
        "ABOVE_MAX" | "ABOVE_EVENT_MAX" | "COMBINATION_MAX" | "MAX_PAYOUT" => {
            json!({"stake_cents_max": 250_000})
        }
        "INSUFFICIENT_FUNDS" => json!({"available_cents": 320}),
        "CORRELATED" => json!({"leg": 1, "related_outcomes": [
            "out_1C4KqX7YvQe3Jm9TzR5bNd", "out_1C4KqX7YvQe3Jm9TzR5bNe"]}),
        _ => json!({}),
    }
}
