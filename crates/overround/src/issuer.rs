//! The development stack's local issuer: its key in the state folder, readable by its owner only.

use crate::config::{Config, Environment};
use crate::failure::{Failure, chain};
use overround_api::{ApiSettings, Auth, ClassRates, Keys, LocalIssuer, Rates};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

const KEY_FILE: &str = "issuer.pkcs8";

/// The API's settings.
pub fn api_settings(config: &Config) -> ApiSettings {
    ApiSettings {
        issuer: config.token_issuer.clone(),
        audience: config.token_audience.clone(),
        body_bytes_max: config.body_bytes_max,
        request_timeout_ms: config.request_timeout_ms,
        stream_connections_per_user_max: config.stream_connections_per_user_max,
        stream_subscriptions_max: config.stream_subscriptions_max,
        rates: rates(config),
        trusted_proxies: config.trusted_proxies.clone(),
        forwarding: config.forwarding,
    }
}

fn rates(config: &Config) -> Rates {
    let class = |user, client, address| ClassRates { user, client, address };
    Rates {
        reads: class(config.limit_reads_user, config.limit_reads_client, config.limit_reads_address),
        bets: class(config.limit_bets_user, config.limit_bets_client, config.limit_bets_address),
        writes: class(config.limit_writes_user, config.limit_writes_client, config.limit_writes_address),
        streams: class(config.limit_streams_user, config.limit_streams_client, config.limit_streams_address),
    }
}

/// Who checks bearer tokens: the configured issuer's keys, or the local issuer.
///
/// # Errors
/// When the keys' address is no address, or the local issuer is not allowed.
pub fn auth(config: &Config) -> Result<Auth, Failure> {
    let keys = match &config.jwks_url {
        Some(url) => Keys::Jwks { url: url.reveal().to_owned() },
        None => Keys::Local(kept(config)?),
    };
    auth_with(config, keys)
}

/// Who checks bearer tokens, with these keys.
///
/// # Errors
/// As [`auth`].
pub fn auth_with(config: &Config, keys: Keys) -> Result<Auth, Failure> {
    Auth::new(&api_settings(config), keys).map_err(|error| refused(&error))
}

/// The local issuer with the key that the state folder keeps; the first one makes it.
///
/// # Errors
/// Outside development, or when the key can be neither read nor made.
pub fn kept(config: &Config) -> Result<LocalIssuer, Failure> {
    let path = config.state_dir.join(KEY_FILE);
    let unusable = |error: std::io::Error| {
        Failure::failed(
            format!("the local issuer's key {} cannot be used: {error}", path.display()),
            "make the folder writable, or choose another with --state-dir",
        )
    };
    if config.environment == Environment::Development && !path.exists() {
        keep(&config.state_dir, &path, passing(config)?.to_pkcs8()).map_err(unusable)?;
    }
    let key = match config.environment {
        Environment::Development => std::fs::read(&path).map_err(unusable)?,
        Environment::Production => Vec::new(),
    };
    LocalIssuer::from_pkcs8(environment(config), &config.token_issuer, &config.token_audience, &key)
        .map_err(|error| refused(&error))
}

/// A local issuer whose key nobody keeps.
///
/// # Errors
/// Outside development.
pub fn passing(config: &Config) -> Result<LocalIssuer, Failure> {
    LocalIssuer::generate(environment(config), &config.token_issuer, &config.token_audience)
        .map_err(|error| refused(&error))
}

/// Writes the key so that it is whole whenever it is there; the first of two writers wins.
fn keep(dir: &Path, path: &Path, key: &[u8]) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(dir)?;
    let draft = dir.join(format!("{KEY_FILE}.{}", std::process::id()));
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(key)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn environment(config: &Config) -> overround_api::Environment {
    match config.environment {
        Environment::Development => overround_api::Environment::Development,
        Environment::Production => overround_api::Environment::Production,
    }
}

fn refused(error: &overround_api::AuthError) -> Failure {
    Failure::usage(
        chain(error),
        "set jwks_url, token_issuer and token_audience; `overround config` explains them",
    )
}
