//! Which settings are possible, alone and together.

use super::{Config, Environment, Loaded, impossible};
use crate::failure::Failure;
use overround_api::FEED_SECRET_LEN_MIN;
use overround_feed::betfair::{CONFLATE_MS_MAX, HEARTBEAT_MS_MAX, HEARTBEAT_MS_MIN};

/// One thing that must hold: the setting to blame, and why when it does not.
type Rule = (&'static str, fn(&Config) -> bool, &'static str);

const RULES: &[Rule] = &[
    ("database_connections_max", |c| (2..=1_000).contains(&c.database_connections_max), "expected 2 to 1000"),
    ("body_bytes_max", |c| (1_024..=16_777_216).contains(&c.body_bytes_max), "expected 1024 to 16777216"),
    ("request_timeout_ms", |c| (100..=120_000).contains(&c.request_timeout_ms), "expected 100 to 120000"),
    (
        "stream_connections_per_user_max",
        |c| (1..=100_000).contains(&c.stream_connections_per_user_max),
        "expected 1 to 100000",
    ),
    (
        "stream_subscriptions_max",
        |c| (1..=10_000).contains(&c.stream_subscriptions_max),
        "expected 1 to 10000",
    ),
    ("presence_stay_ms", |c| (1_000..=600_000).contains(&c.presence_stay_ms), "expected 1000 to 600000"),
    ("margin_bps", |c| c.margin_bps <= 5_000, "expected at most 5000, which is 50 %"),
    ("price_jump_pct_max", |c| c.price_jump_pct_max <= 100_000, "expected at most 100000"),
    ("stake_cents_min", |c| c.stake_cents_min >= 1, "expected at least 1"),
    ("stake_cents_max", |c| c.stake_cents_max >= c.stake_cents_min, "expected at least stake_cents_min"),
    ("payout_cents_max", |c| c.payout_cents_max >= c.stake_cents_min, "expected at least stake_cents_min"),
    ("payout_cents_day_max", |c| c.payout_cents_day_max >= 0, "expected at least 0"),
    ("in_play_limit_pct", |c| c.in_play_limit_pct <= 500, "expected at most 500"),
    ("legs_max", |c| (1..=20).contains(&c.legs_max), "expected 1 to 20"),
    ("duplicate_window_ms", |c| (0..=60_000).contains(&c.duplicate_window_ms), "expected 0 to 60000"),
    ("lanes", |c| (1..=256).contains(&c.lanes), "expected 1 to 256"),
    ("batch_max", |c| (1..=1_000).contains(&c.batch_max), "expected 1 to 1000"),
    ("queue_depth", |c| (1..=1_000_000).contains(&c.queue_depth), "expected 1 to 1000000"),
    (
        "uof_secret",
        |c| c.uof_secret.as_ref().is_none_or(|secret| secret.reveal().len() >= FEED_SECRET_LEN_MIN),
        "expected at least 32 characters",
    ),
    (
        "betfair_heartbeat_ms",
        |c| (HEARTBEAT_MS_MIN..=HEARTBEAT_MS_MAX).contains(&c.betfair_heartbeat_ms),
        "expected 500 to 5000",
    ),
    ("betfair_conflate_ms", |c| c.betfair_conflate_ms <= CONFLATE_MS_MAX, "expected at most 120000"),
    (
        "betfair_tls",
        |c| c.environment != Environment::Production || c.betfair_tls,
        "production sends Betfair's secrets over TLS only",
    ),
    ("database_url", |c| scheme(c.database_url.as_ref(), &POSTGRES), "expected postgres://..."),
    ("owner_database_url", |c| scheme(c.owner_database_url.as_ref(), &POSTGRES), "expected postgres://..."),
    ("keeper_database_url", |c| scheme(c.keeper_database_url.as_ref(), &POSTGRES), "expected postgres://..."),
    (
        "redis_url",
        |c| scheme(c.redis_url.as_ref(), &["redis", "rediss", "redis+cluster", "rediss+cluster"]),
        "expected redis://..., rediss://..., redis+cluster://... or rediss+cluster://...",
    ),
    ("jwks_url", |c| scheme(c.jwks_url.as_ref(), &["http", "https"]), "expected https://..."),
    (
        "price_provider_url",
        |c| scheme(c.price_provider_url.as_ref(), &["http", "https"]),
        "expected https://...",
    ),
    (
        "database_url",
        |c| c.database_url.is_some() || (c.owner_database_url.is_none() && c.keeper_database_url.is_none()),
        "it is not set, while another role's database is",
    ),
    (
        "redis_url",
        |c| c.redis_url.is_some() == c.database_url.is_some(),
        "database_url and redis_url are set together, or neither (then the embedded servers are used)",
    ),
    (
        "database_url",
        |c| c.environment != Environment::Production || c.database_url.is_some(),
        "it is not set, and production uses no embedded server",
    ),
    (
        "jwks_url",
        |c| c.environment != Environment::Production || c.jwks_url.is_some(),
        "it is not set, and the development stack's local issuer is refused in production",
    ),
    (
        "jwks_url",
        |c| c.environment != Environment::Production || scheme(c.jwks_url.as_ref(), &["https"]),
        "production fetches the issuer's keys by https only",
    ),
];

const POSTGRES: [&str; 2] = ["postgres", "postgresql"];

/// Refuses the first impossible setting.
pub fn possible(loaded: &Loaded) -> Result<(), Failure> {
    for (name, holds, why) in RULES {
        if !holds(&loaded.config) {
            return Err(impossible(name, &loaded.place(name), why));
        }
    }
    Ok(())
}

fn scheme(url: Option<&super::ServerUrl>, allowed: &[&str]) -> bool {
    url.is_none_or(|url| allowed.iter().any(|s| url.reveal().split("://").next() == Some(*s)))
}
