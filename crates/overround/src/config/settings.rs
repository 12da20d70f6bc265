//! Every setting, once: its name, what it means, its type and its default.

use super::value::{Environment, LogFormat, Ranked, Secret, ServerUrl, Value};
use overround_api::{Forwarding, Rates, TrustedProxies};
use overround_domain::rate::Rate;
use std::net::SocketAddr;
use std::path::PathBuf;

/// One setting as the table has it.
pub struct Setting {
    /// Its name in `overround.toml`; in the environment `OVERROUND_` and this in capitals.
    pub name: &'static str,
    /// What it means, a line each.
    pub about: &'static [&'static str],
    /// Sets it from a text.
    pub set: fn(&mut Config, &str) -> Result<(), String>,
    /// Its value for people, secrets masked.
    pub show: fn(&Config) -> Option<String>,
}

impl Setting {
    /// The setting of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr;)*) => {
        /// The effective settings of one process.
        #[derive(Debug, Clone)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $name: $type,)*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        /// Every setting, in the order in which `overround config` prints them.
        pub const SETTINGS: &[Setting] = &[$(Setting {
            name: stringify!($name),
            about: &[$($doc),+],
            set: |config, text| {
                config.$name = <$type as Value>::read(text)?;
                Ok(())
            },
            show: |config| config.$name.show(),
        },)*];
    };
}

settings! {
    /// `development` or `production`. Production uses no embedded server and no local issuer.
    environment: Environment = Environment::Development;
    /// Folder of the embedded servers, the local issuer's key and the lock of `up`.
    state_dir: PathBuf = PathBuf::from(".overround");
    /// PostgreSQL for the application (role overround_app). Not set: the embedded one.
    database_url: Option<ServerUrl> = None;
    /// PostgreSQL for migrations (role overround_owner). Not set: `database_url`.
    owner_database_url: Option<ServerUrl> = None;
    /// PostgreSQL for the partition keeper (role overround_keeper). Not set: `database_url`.
    keeper_database_url: Option<ServerUrl> = None;
    /// Redis or Valkey. Not set: the embedded one. Of a cluster, nodes to begin with:
    /// redis+cluster://user:password@host:port,host:port
    redis_url: Option<ServerUrl> = None;
    /// The largest number of PostgreSQL connections of the application, beside one for each lane and up to four that prices
    /// are published by.
    database_connections_max: u32 = 16;
    /// Address and port of the HTTP API.
    listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080));
    /// Whether `serve` runs the workers too; otherwise `work` does.
    workers: bool = true;
    /// The largest request body, in bytes.
    body_bytes_max: usize = 65_536;
    /// After how long a request is given up, in milliseconds.
    request_timeout_ms: u64 = 5_000;
    /// How many streams a user may have open in one process.
    stream_connections_per_user_max: usize = 20;
    /// How many channels one stream may follow.
    stream_subscriptions_max: usize = 500;
    /// For how long a user counts as present whose server died, in milliseconds: its word holds for so long.
    presence_stay_ms: u64 = 30_000;
    /// How many requests a user may send that read: a second, and at once. Here and below, not set is no limit.
    limit_reads_user: Option<Rate> = Rates::default().reads.user;
    /// The same of a machine client: one whose token's `client_id` is its `sub`.
    limit_reads_client: Option<Rate> = Rates::default().reads.client;
    /// The same of an address (of IPv6 its first 64 bits), whoever sends from there.
    limit_reads_address: Option<Rate> = Rates::default().reads.address;
    /// How many bets a user may send: a second, and at once.
    limit_bets_user: Option<Rate> = Rates::default().bets.user;
    /// The same of a machine client.
    limit_bets_client: Option<Rate> = Rates::default().bets.client;
    /// The same of an address.
    limit_bets_address: Option<Rate> = Rates::default().bets.address;
    /// How many other writes a user may send: a second, and at once.
    limit_writes_user: Option<Rate> = Rates::default().writes.user;
    /// The same of a machine client.
    limit_writes_client: Option<Rate> = Rates::default().writes.client;
    /// The same of an address.
    limit_writes_address: Option<Rate> = Rates::default().writes.address;
    /// How many streams a user may ask for: a second, and at once.
    limit_streams_user: Option<Rate> = Rates::default().streams.user;
    /// The same of a machine client.
    limit_streams_client: Option<Rate> = Rates::default().streams.client;
    /// The same of an address.
    limit_streams_address: Option<Rate> = Rates::default().streams.address;
    /// The proxies that are believed about where a request comes from: networks, or how many there are in a row. Not set:
    /// a request comes from whoever connects.
    trusted_proxies: Option<TrustedProxies> = None;
    /// The header in which they say it: `x-forwarded-for` or `forwarded`. The other one is not read.
    forwarding: Forwarding = Forwarding::XForwardedFor;
    /// The `iss` of the bearer tokens that are accepted.
    token_issuer: String = "https://overround.invalid/local".to_owned();
    /// The `aud` of the bearer tokens that are accepted.
    token_audience: String = "overround".to_owned();
    /// Where the issuer publishes its keys (JWKS). Not set: the development stack's local issuer.
    jwks_url: Option<ServerUrl> = None;
    /// Where a market's prices are asked for when no feed of this process says them: `GET URL/KEY`. Not set: nowhere.
    price_provider_url: Option<ServerUrl> = None;
    /// The producer whose markets those are.
    price_provider_producer: String = "provider".to_owned();
    /// The house's margin on prices, in hundredths of a per cent (400: prices add up to 104 %).
    margin_bps: u32 = 400;
    /// By how many per cent a price on sale may move in one message, the higher of old and new over the lower; beyond that
    /// its market is suspended until a trader resumes it. 0: any distance.
    price_jump_pct_max: u32 = 0;
    /// The least stake, in minor units.
    stake_cents_min: i64 = 100;
    /// The largest stake, in minor units.
    stake_cents_max: i64 = 1_000_000;
    /// The largest potential payout of one bet, in minor units.
    payout_cents_max: i64 = 100_000_000;
    /// The largest potential payout of all bets together that an account places in a day, in UTC, in minor units. 0: any.
    payout_cents_day_max: i64 = 0;
    /// What is left of the limits on stakes while a market is in play, in per cent.
    in_play_limit_pct: u32 = 50;
    /// The largest number of legs of one bet, at most 20.
    legs_max: usize = 20;
    /// For how long the same bet under another key counts as sent twice, in milliseconds.
    duplicate_window_ms: i64 = 3_000;
    /// How many transactions of money run beside each other, each on a connection of its own. While one waits for the
    /// disk others decide and write: many more than the database has cores gain nothing.
    lanes: usize = 3;
    /// The largest number of commands in one transaction of a lane.
    batch_max: usize = 128;
    /// The largest number of commands that wait for the lanes; more are answered with 503.
    queue_depth: usize = 4_096;
    /// The secret that senders of Sportradar's Unified Odds Feed and this server prove to each other, at least 32
    /// characters. Not set: `/v1/feeds/uof` takes nothing.
    uof_secret: Option<Secret> = None;
    /// Which of its producers owns a market that several supply and are up for: their numbers, the best first. Those that
    /// are left out come after them by number, and 3 (before the start) last.
    uof_priority: Option<Ranked> = None;
    /// The host of Betfair's Exchange Stream, or of what stands in for it.
    betfair_host: String = "stream-api.betfair.com".to_owned();
    /// Its port.
    betfair_port: u16 = 443;
    /// Whether the stream is TLS. Without it secrets are readable on the way: on this machine only.
    betfair_tls: bool = true;
    /// File of the certificates (PEM) that vouch for the host. Not set: those that browsers trust.
    betfair_ca_file: Option<PathBuf> = None;
    /// The application key that Betfair gave out.
    betfair_app_key: Option<Secret> = None;
    /// The session token of a login at Betfair.
    betfair_session_token: Option<Secret> = None;
    /// How often Betfair sends a sign of life, in milliseconds; after three that are missing its markets are suspended.
    betfair_heartbeat_ms: u32 = 5_000;
    /// For how long Betfair gathers changes before it sends them, in milliseconds.
    betfair_conflate_ms: u32 = 0;
    /// What is logged, as in `info,sqlx=warn`.
    log: String = "info,sqlx=warn".to_owned();
    /// `auto`, `json` or `pretty`; auto is pretty on a terminal.
    log_format: LogFormat = LogFormat::Auto;
}
