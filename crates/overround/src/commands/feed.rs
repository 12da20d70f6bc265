//! `feed`: live producers of market data.

use crate::cli::{BetfairFilter, FeedCommand, SendUof};
use crate::compose::System;
use crate::config::{Config, Secret};
use crate::failure::{Failure, chain};
use crate::feeds::{hear_betfair, send};
use crate::out;
use crate::stores::Stores;
use overround_adapters::betfair::{Endpoint, Transport};
use overround_api::FeedSecret;
use overround_app::Clock;
use overround_feed::betfair::{Credentials, MarketFilter, Session, Subscription};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;

/// Hears a producer, or sends its messages.
///
/// # Errors
/// When a setting is missing, a part cannot be started, the producer refuses for good, or a message was not taken.
pub async fn feed(config: &Config, command: FeedCommand) -> Result<(), Failure> {
    match command {
        FeedCommand::Betfair(filter) => betfair(config, filter).await,
        FeedCommand::Uof(options) => uof(config, &options).await,
    }
}

async fn betfair(config: &Config, filter: BetfairFilter) -> Result<(), Failure> {
    let (endpoint, session) = (endpoint(config)?, session(config, filter)?);
    let stores = Stores::open(config).await?;
    let ended = async {
        let system = System::start(config, &stores, Clock::system(), None).await?;
        tracing::info!(host = endpoint.host, port = endpoint.port, "hearing Betfair");
        let ended = hear_betfair(&system.app, endpoint, session).await;
        system.stop().await;
        ended
    };
    let ended = ended.await;
    stores.close().await;
    ended
}

fn session(config: &Config, filter: BetfairFilter) -> Result<Session, Failure> {
    let key = needed(config.betfair_app_key.as_ref(), "betfair_app_key")?;
    let token = needed(config.betfair_session_token.as_ref(), "betfair_session_token")?;
    let filter = MarketFilter {
        market_ids: filter.market,
        event_ids: filter.event,
        event_type_ids: filter.event_type,
        market_types: filter.market_type,
        country_codes: filter.country,
        ..MarketFilter::default()
    };
    let subscription = Subscription::new(filter)
        .with_heartbeat(config.betfair_heartbeat_ms)
        .and_then(|subscription| subscription.with_conflation(config.betfair_conflate_ms))
        .map_err(|error| Failure::usage(error, "correct betfair_heartbeat_ms or betfair_conflate_ms"))?;
    Ok(Session::new(Credentials::new(key.reveal(), token.reveal()), subscription))
}

fn endpoint(config: &Config) -> Result<Endpoint, Failure> {
    let unusable =
        |error: rustls::Error| Failure::failed(chain(&error), "install a binary with a TLS provider");
    let transport = match (config.betfair_tls, &config.betfair_ca_file) {
        (false, _) => Transport::Tcp,
        (true, None) => Endpoint::betfair().map_err(unusable)?.transport,
        (true, Some(file)) => Transport::tls(roots(file)?).map_err(unusable)?,
    };
    Ok(Endpoint { host: config.betfair_host.clone(), port: config.betfair_port, transport })
}

/// The certificates of a file.
fn roots(file: &Path) -> Result<RootCertStore, Failure> {
    let unreadable = |why: String| {
        Failure::usage(
            format!("the certificates of {} cannot be used: {why}", file.display()),
            "correct betfair_ca_file: certificates in PEM",
        )
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unreadable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unreadable("there is none".to_owned()));
    }
    Ok(roots)
}

async fn uof(config: &Config, options: &SendUof) -> Result<(), Failure> {
    let secret = FeedSecret::new(needed(config.uof_secret.as_ref(), "uof_secret")?.reveal());
    let base = options.to.clone().unwrap_or_else(|| format!("http://{}", config.listen));
    let report = send(&secret, &base, options.producer, &options.files).await?;
    if options.json {
        out::line(serde_json::to_string(&report).map_err(|error| Failure::failed(error, "report it"))?);
    } else {
        report.messages.iter().for_each(|sent| out::line(format!("{}: {}", sent.file, sent.told())));
    }
    if report.ok {
        return Ok(());
    }
    let refused = report.messages.iter().filter(|sent| sent.status != 200).count();
    Err(Failure::failed(
        format!("{refused} of {} messages were not taken", report.messages.len()),
        "each one's answer says why",
    ))
}

fn needed<'a>(secret: Option<&'a Secret>, name: &str) -> Result<&'a Secret, Failure> {
    secret.ok_or_else(|| {
        Failure::usage(
            format!("the setting {name} is missing"),
            format!("set it in the environment (OVERROUND_{}) or in overround.toml", name.to_uppercase()),
        )
    })
}
