//! HTTP: routes, wire types, authentication and problem answers. It names no SQL and no Redis.
//!
//! [`router`] composes everything over an [`App`](overround_app::App); [`serve`] runs it until told
//! to stop; [`openapi`] is the document generated from the same code.

mod auth;
mod cursor;
mod digest;
mod docs;
mod extract;
mod feeds;
mod market_texts;
mod metrics;
mod observe;
mod problem;
mod rate_limits;
mod router;
mod routes;
mod serve;
mod settings;
mod state;
mod stream;
mod wire;

pub use auth::{
    Access, Auth, AuthError, Keys, LocalIssuer, ROUTES, Role, RouteRule, UnknownRole, user_id_of,
};
pub use docs::openapi;
pub use feeds::{
    FEED_BYTES_MAX, FEED_NONCE, FEED_SECRET_LEN_MIN, FEED_SIGNATURE, FeedSecret, Feeds, MessageRefused,
    MessageTaken, UofFeed,
};
pub use metrics::{MetricsError, install_metrics};
pub use metrics_exporter_prometheus::PrometheusHandle;
pub use observe::{RequestNames, in_request, request_names};
pub use rate_limits::{Class, ClassRates, Forwarding, NoProxies, Rates, TrustedProxies, UnknownForwarding};
pub use router::router;
pub use serve::{Ending, serve};
pub use settings::{ApiSettings, Environment, UnknownEnvironment};
