//! What an operator may set of the API.

use crate::rate_limits::{ClassRates, Forwarding, Proxies, Rates, TrustedProxies};
use overround_domain::rate::Rate;
use std::str::FromStr;

/// Where this process runs. Some conveniences exist in development only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// A developer's or a test's machine.
    Development,
    /// Everywhere else.
    Production,
}

/// A text that names no environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an environment is \"development\" or \"production\"")]
pub struct UnknownEnvironment;

impl FromStr for Environment {
    type Err = UnknownEnvironment;
    fn from_str(text: &str) -> Result<Self, UnknownEnvironment> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err(UnknownEnvironment),
        }
    }
}

/// The settings of the HTTP API.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The only `iss` that is taken in a token.
    pub issuer: String,
    /// What must stand in a token's `aud`.
    pub audience: String,
    /// The largest request body in bytes; a larger one is answered with 413.
    pub body_bytes_max: usize,
    /// How long a request may take, in milliseconds; then it is answered with 503 (or 408 while its
    /// body was still arriving), and a command that still waits in a lane is not executed.
    pub request_timeout_ms: u64,
    /// How many streams a user may have open in one process.
    pub stream_connections_per_user_max: usize,
    /// How many channels a stream may follow.
    pub stream_subscriptions_max: usize,
    /// How many requests are taken.
    pub rates: Rates,
    /// The proxies that are believed about where a request comes from; none: every request comes from its peer.
    pub trusted_proxies: Option<TrustedProxies>,
    /// The header in which they say it.
    pub forwarding: Forwarding,
}

impl ApiSettings {
    /// Who is believed about where a request comes from.
    pub const fn forwarding(&self) -> Proxies<'_> {
        Proxies { trusted: self.trusted_proxies.as_ref(), header: self.forwarding }
    }
}

/// What people and programs need on a busy day, several times over. An address may be that of many people.
impl Default for Rates {
    fn default() -> Self {
        let rate = |per_s, burst| Rate::new(per_s, burst).ok();
        let class = |user, client, address| ClassRates { user, client, address };
        Self {
            reads: class(rate(50, 500), rate(500, 2_000), rate(2_000, 10_000)),
            bets: class(rate(20, 200), rate(500, 2_000), rate(2_000, 10_000)),
            writes: class(rate(20, 200), rate(500, 2_000), rate(1_000, 5_000)),
            streams: class(rate(2, 40), rate(20, 200), rate(100, 2_000)),
        }
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            issuer: "https://overround.invalid/local".to_owned(),
            audience: "overround".to_owned(),
            body_bytes_max: 64 * 1024,
            request_timeout_ms: 5000,
            stream_connections_per_user_max: 20,
            stream_subscriptions_max: 500,
            rates: Rates::default(),
            trusted_proxies: None,
            forwarding: Forwarding::XForwardedFor,
        }
    }
}
