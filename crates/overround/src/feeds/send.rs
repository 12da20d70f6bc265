//! The sender's side of the Unified Odds Feed over HTTP: messages from files to a server, each proven.

use crate::failure::{Failure, chain};
use overround_api::{FEED_NONCE, FEED_SIGNATURE, FeedSecret};
use overround_feed::uof::Message;
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// What the messages came to.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether all were taken.
    pub ok: bool,
    /// One a file, in their order.
    pub messages: Vec<Sent>,
}

/// What one message came to.
#[derive(Debug, Serialize)]
pub struct Sent {
    /// Its file.
    pub file: String,
    /// The answer's status.
    pub status: u16,
    /// The answer: what the message came to, or the problem.
    pub answer: Value,
}

impl Sent {
    /// What the answer says, in words.
    pub fn told(&self) -> String {
        let text = |name: &str| {
            self.answer.get(name).map(|value| value.as_str().map_or(value.to_string(), str::to_owned))
        };
        if self.status == 200 {
            let told = ["message", "markets_changed", "producer_state", "recovery_request_id"]
                .map(|name| text(name).unwrap_or_default());
            let [message, changed, state, recovery] = told;
            let awaited =
                if recovery == "null" { String::new() } else { format!(", recovery {recovery} is awaited") };
            return format!("{message}: {changed} markets changed, the producer is {state}{awaited}");
        }
        format!("refused with {}: {}", text("code").unwrap_or_default(), text("detail").unwrap_or_default())
    }
}

/// Sends the messages of files, one a file, to the server at `base`, in their order. Each goes as a message of
/// `producer`, or of the producer that it names itself.
///
/// # Errors
/// When a file cannot be read, names no producer, or the server does not answer, or not with a proof of the secret.
pub async fn send(
    secret: &FeedSecret,
    base: &str,
    producer: Option<u32>,
    files: &[PathBuf],
) -> Result<Report, Failure> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .map_err(|error| Failure::failed(chain(&error), "check this machine's TLS settings"))?;
    let mut messages = Vec::with_capacity(files.len());
    for file in files {
        let body = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
        let product = producer.or_else(|| Message::parse(&body).ok()?.header().producer);
        let product = product.ok_or_else(|| unreadable(file, &"it names no producer"))?;
        let path = format!("/v1/feeds/uof/{product}");
        let (status, answer) = post(&client, secret, base, &path, body).await?;
        messages.push(Sent { file: file.display().to_string(), status, answer });
    }
    Ok(Report { ok: messages.iter().all(|one| one.status == 200), messages })
}

async fn post(
    client: &reqwest::Client,
    secret: &FeedSecret,
    base: &str,
    path: &str,
    body: Vec<u8>,
) -> Result<(u16, Value), Failure> {
    let url = format!("{}{path}", base.trim_end_matches('/'));
    let nonce = Uuid::new_v4().to_string();
    let signature = secret.sign_request("POST", path, &nonce, &body);
    let request = client
        .post(&url)
        .header(FEED_NONCE, &nonce)
        .header(FEED_SIGNATURE, signature)
        .header("Content-Type", "application/xml")
        .body(body);
    let silent = |error: reqwest::Error| {
        Failure::failed(
            format!("{url} does not answer: {}", chain(&error)),
            "start `overround serve`, or correct --to",
        )
    };
    let answer = request.send().await.map_err(silent)?;
    let status = answer.status().as_u16();
    let proof = answer.headers().get(FEED_SIGNATURE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let text = answer.text().await.map_err(silent)?;
    if !proof.is_some_and(|proof| secret.proves_answer(&nonce, status, &proof)) {
        return Err(Failure::failed(
            format!("{url} answered {status} without a proof of the secret"),
            "set uof_secret to the same text at both sides, and see what listens there",
        ));
    }
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

fn unreadable(file: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::usage(
        format!("{} cannot be sent: {why}", file.display()),
        "give files of one XML message of the Unified Odds Feed each, or --producer where a message names none",
    )
}
