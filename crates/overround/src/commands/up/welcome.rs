//! What `up` prints first: addresses, logins, and a request to begin with.

use crate::drive::Client;
use crate::failure::{Failure, chain};
use crate::stores::Stores;
use overround_api::{LocalIssuer, Role};
use serde_json::{Value, json};

/// How long the demo logins are good, in seconds.
const LOGIN_S: u32 = 7 * 86_400;
/// What the demo player's account holds at least after a start, in minor units.
const DEMO_CENTS: i64 = 10_000;

/// The demo logins.
const LOGINS: [(&str, Role); 4] =
    [("demo", Role::Player), ("trader", Role::Trader), ("finance", Role::Finance), ("admin", Role::Admin)];

/// Opens the demo player's account, and gives the text.
///
/// # Errors
/// When a token cannot be signed or the API does not answer.
pub async fn text(
    local: &LocalIssuer,
    client: &Client,
    stores: &Stores,
    url: &str,
) -> Result<String, Failure> {
    let mut lines = vec![
        format!("API        {url}/v1        documentation {url}/docs"),
        format!("health     {url}/health/ready        metrics {url}/metrics"),
        format!("PostgreSQL {}", stores.postgres()),
        format!("Redis      {}", stores.redis().masked()),
        String::new(),
        "Logins (bearer tokens, good for a week):".to_owned(),
    ];
    let mut tokens = Vec::new();
    for (login, role) in LOGINS {
        let token = local.sign(login, &[role], LOGIN_S, chrono::Utc::now().into());
        let token = token.map_err(|error| {
            Failure::failed(chain(&error), "delete the issuer's key from the state folder; a new one is made")
        })?;
        lines.push(format!("  {login:<8} {token}"));
        tokens.push(token);
    }
    let [demo, _, finance, _] = tokens.as_slice() else { return Ok(lines.join("\n")) };
    let account = demo_account(client, demo, finance).await?;
    lines.push(String::new());
    lines.push("What is on sale, and the demo player's account:".to_owned());
    lines.push(format!("  TOKEN={demo}"));
    lines.push(format!("  curl -H \"Authorization: Bearer $TOKEN\" '{url}/v1/markets?status=OPEN'"));
    lines.push(format!("  curl -H \"Authorization: Bearer $TOKEN\" {url}/v1/accounts/{account}"));
    lines.push(String::new());
    Ok(lines.join("\n"))
}

/// The demo player's account, opened and funded when it is not there yet.
async fn demo_account(client: &Client, demo: &str, finance: &str) -> Result<String, Failure> {
    let opened = client.post(demo, "/v1/accounts", "demo", &json!({"currency": "EUR"})).await?;
    let id = if opened.status == 201 {
        opened.read::<Value>()?.get("id").and_then(Value::as_str).map(str::to_owned)
    } else {
        let accounts: Value = client.get(demo, "/v1/accounts").await?;
        accounts.pointer("/items/0/id").and_then(Value::as_str).map(str::to_owned)
    };
    let id = id.ok_or_else(|| {
        Failure::failed(format!("the demo player has no account: {}", opened.text()), "look at the log")
    })?;
    let body = json!({"amount_cents": DEMO_CENTS, "currency": "EUR", "reason": "demo deposit"});
    // One key for ever, so that the deposit is made once.
    client.post(finance, &format!("/v1/accounts/{id}/credits"), "demo-deposit", &body).await?;
    Ok(id)
}
