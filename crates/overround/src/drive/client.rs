//! The players' way to the API: HTTP with connections kept alive.

use super::patience::Patience;
use crate::failure::{Failure, chain};
use backon::Retryable;
use hdrhistogram::Histogram;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Answers slower than this are counted as this slow, in microseconds.
const LATENCY_US_MAX: u64 = 60_000_000;

/// An answer of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// Whether it said that it repeats an earlier answer.
    pub replayed: bool,
}

impl Answer {
    /// The body as the type that a good answer has.
    ///
    /// # Errors
    /// When it is not that type's JSON.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::failed(
                format!("the API's answer cannot be read: {error}: {}", self.text()),
                "the binary's client and API differ; report it with this line",
            )
        })
    }

    /// The body for people.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(400).collect()
    }
}

/// A client of one API; cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    patience: Patience,
    latency: Arc<Mutex<Histogram<u64>>>,
}

impl Client {
    /// A client of the API at `base`, such as `http://127.0.0.1:8080`. A request that is answered with
    /// "try again" is sent again as long as `patience` lasts.
    ///
    /// # Errors
    /// When the machine gives no HTTP client.
    pub fn new(base: String, patience: Patience) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .tcp_nodelay(true)
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| no_client(chain(&error)))?;
        let latency =
            Histogram::new_with_max(LATENCY_US_MAX, 3).map_err(|error| no_client(error.to_string()))?;
        Ok(Self { http, base, patience, latency: Arc::new(Mutex::new(latency)) })
    }

    /// How long it waits for what is away.
    pub const fn patience(&self) -> Patience {
        self.patience
    }

    /// Reads `path`.
    ///
    /// # Errors
    /// When the API does not answer, or not with 200.
    pub async fn get<T: DeserializeOwned>(&self, token: &str, path: &str) -> Result<T, Failure> {
        let answer =
            self.answered(|| self.http.get(format!("{}{path}", self.base)).bearer_auth(token)).await?;
        if answer.status == 200 { answer.read() } else { Err(unexpected("GET", path, &answer)) }
    }

    /// Posts `body` under `key`.
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn post(&self, token: &str, path: &str, key: &str, body: &Value) -> Result<Answer, Failure> {
        let url = format!("{}{path}", self.base);
        self.answered(|| self.http.post(&url).bearer_auth(token).header("Idempotency-Key", key).json(body))
            .await
    }

    /// The same, and how long the answer took counts in [`latency`](Self::latency).
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn post_timed(
        &self,
        token: &str,
        path: &str,
        key: &str,
        body: &Value,
    ) -> Result<Answer, Failure> {
        let start = Instant::now();
        let answer = self.post(token, path, key, body).await?;
        let us = u64::try_from(start.elapsed().as_micros()).unwrap_or(LATENCY_US_MAX);
        let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        latency.saturating_record(us);
        Ok(answer)
    }

    /// How long timed answers took, in microseconds.
    pub fn latency(&self) -> Histogram<u64> {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn answered(&self, request: impl Fn() -> reqwest::RequestBuilder) -> Result<Answer, Failure> {
        let once = || async {
            match read(request()).await {
                Ok(answer) if [429, 503].contains(&answer.status) => Err(Unanswered::Busy(answer)),
                Ok(answer) => Ok(answer),
                Err(error) => Err(Unanswered::Failed(error)),
            }
        };
        // The same key goes out again, so that nothing can happen twice.
        let answer = once
            .retry(self.patience.pauses())
            .when(|why| match why {
                Unanswered::Busy(_) => true,
                Unanswered::Failed(error) => error.is_connect(),
            })
            .await;
        match answer {
            Ok(answer) | Err(Unanswered::Busy(answer)) => Ok(answer),
            Err(Unanswered::Failed(error)) => Err(Failure::failed(
                format!("the API at {} does not answer: {}", self.base, chain(&error)),
                "look at the log for why the server went away",
            )),
        }
    }
}

/// Why there is no answer yet.
enum Unanswered {
    /// It was "try again".
    Busy(Answer),
    /// None came.
    Failed(reqwest::Error),
}

/// An answer that this request never gets from a sound server.
pub fn unexpected(method: &str, path: &str, answer: &Answer) -> Failure {
    Failure::failed(
        format!("{method} {path} was answered with {}: {}", answer.status, answer.text()),
        "the log has the request's trace id; report it with this line",
    )
}

async fn read(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let replayed = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
    Ok(Answer { status, body: response.bytes().await?.to_vec(), replayed })
}

fn no_client(error: String) -> Failure {
    Failure::failed(format!("no HTTP client: {error}"), "check the machine's limits on open files")
}
