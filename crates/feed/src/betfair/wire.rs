//! The lines of a session that are no market data: what is sent, and what answers it.

use super::message::Message;
use super::session::Fault;
use super::subscription::{Credentials, MarketFilter, Prices, Subscription};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A line to send, its end included. It may carry secrets, so its `Debug` says nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    /// What goes on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn of(request: &Request<'_>) -> Result<Self, Fault> {
        let json =
            serde_json::to_string(request).map_err(|error| Fault::Malformed { reason: error.to_string() })?;
        Ok(Self(format!("{json}\r\n")))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Line").finish_non_exhaustive()
    }
}

#[derive(Serialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Request<'a> {
    Authentication {
        id: i64,
        app_key: &'a str,
        session: &'a str,
    },
    MarketSubscription {
        id: i64,
        market_filter: &'a MarketFilter,
        market_data_filter: DataFilter,
        conflate_ms: u32,
        heartbeat_ms: u32,
        segmentation_enabled: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        initial_clk: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        clk: Option<&'a str>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DataFilter {
    fields: Vec<Field>,
    ladder_levels: u32,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Field {
    Definition(&'static str),
    Prices(Prices),
}

/// Where a stream stands, to be resumed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clocks {
    pub(super) initial_clk: String,
    pub(super) clk: String,
}

/// The line that says who we are.
pub(super) fn authentication(id: i64, credentials: &Credentials) -> Result<Line, Fault> {
    let Credentials { app_key, session_token } = credentials;
    Line::of(&Request::Authentication { id, app_key, session: session_token })
}

/// The line that asks for markets, from where the stream stood if that is known.
pub(super) fn subscription(id: i64, asked: &Subscription, clocks: Option<&Clocks>) -> Result<Line, Fault> {
    Line::of(&Request::MarketSubscription {
        id,
        market_filter: &asked.filter,
        market_data_filter: DataFilter {
            fields: vec![Field::Definition("EX_MARKET_DEF"), Field::Prices(asked.prices)],
            ladder_levels: asked.ladder_levels,
        },
        conflate_ms: asked.conflate_ms,
        heartbeat_ms: asked.heartbeat_ms,
        segmentation_enabled: true,
        initial_clk: clocks.map(|clocks| clocks.initial_clk.as_str()),
        clk: clocks.map(|clocks| clocks.clk.as_str()),
    })
}

/// A line that was received.
#[derive(Debug)]
pub(super) enum Received {
    /// The connection is made.
    Connection,
    /// A request succeeded or failed.
    Status(Status),
    /// Market data, or a heartbeat.
    Change(Box<Message>),
    /// An operation that nobody asked for.
    Other,
}

/// The answer to a request, or why the connection is about to be closed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    op: String,
    pub(super) id: Option<i64>,
    status_code: Option<String>,
    pub(super) error_code: Option<String>,
    pub(super) error_message: Option<String>,
    connection_closed: Option<bool>,
}

impl Status {
    /// Whether the request succeeded and the connection stays.
    pub(super) fn is_success(&self) -> bool {
        self.status_code.as_deref() == Some("SUCCESS") && self.connection_closed != Some(true)
    }
}

/// Reads a line, its end included or not.
pub(super) fn read(line: &[u8]) -> Result<Received, String> {
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?.trim();
    if let Some(message) = Message::parse(text)? {
        return Ok(Received::Change(Box::new(message)));
    }
    let status: Status = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(match status.op.as_str() {
        "connection" => Received::Connection,
        "status" => Received::Status(status),
        _ => Received::Other,
    })
}
