//! Hearing what is published: one connection of a process, however many markets it follows.

use crate::connection::{TIMEOUT, in_time};
use crate::fields::{key_of, market_of, snapshot_of_lines, version_of};
use crate::{Error, Position};
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, Pipeline, PushInfo, PushKind, RedisError, Value};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::{Receiver, channel};

/// How many messages may wait to be heard. With more the connection counts as lost: what was missed is read again.
const UNHEARD_MAX: usize = 16_384;
/// How many channels are named in one round trip.
const CHANNELS_AT_ONCE: usize = 500;

/// What a subscriber hears.
#[derive(Debug)]
pub enum Heard {
    /// A market has a new version.
    Version(Position, Arc<Snapshot>),
    /// The connection is lost, and with it what is published meanwhile: connect again.
    Lost,
}

/// A connection that hears of the markets that it follows. It is told of a loss and does nothing about it by itself.
pub struct Subscriber {
    url: Arc<str>,
    connected: Option<Connected>,
}

struct Connected {
    server: MultiplexedConnection,
    pushes: Receiver<PushInfo>,
    /// More came than could wait.
    overflowed: Arc<AtomicBool>,
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("connected", &self.connected.is_some()).finish_non_exhaustive()
    }
}

impl Subscriber {
    pub(crate) const fn new(url: Arc<str>) -> Self {
        Self { url, connected: None }
    }

    /// Connects anew. Nothing is followed then.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn connect(&mut self) -> Result<(), Error> {
        self.connected = None;
        let (sender, pushes) = channel(UNHEARD_MAX);
        let overflowed = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&overflowed);
        let push = move |info: PushInfo| {
            // Confirmations answer their commands: nobody waits for them here too.
            if matches!(info.kind, PushKind::SSubscribe | PushKind::SUnsubscribe) {
                return Ok(());
            }
            sender.try_send(info).map_err(|_| {
                noted.store(true, Ordering::Release);
                SendError
            })
        };
        let client = redis::Client::open(with_resp3(&self.url)).map_err(Error::Url)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_push_sender(push);
        let server = in_time(client.get_multiplexed_async_connection_with_config(&config)).await?;
        self.connected = Some(Connected { server, pushes, overflowed });
        Ok(())
    }

    /// Hears of markets from now on. What came before is in their histories.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn follow(&self, markets: &[MarketId]) -> Result<(), Error> {
        self.each("SSUBSCRIBE", markets).await
    }

    /// Hears of markets no more.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn leave(&self, markets: &[MarketId]) -> Result<(), Error> {
        self.each("SUNSUBSCRIBE", markets).await
    }

    /// Whether the server still answers on this connection. One that is cut without a word is found out only so.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut ping = Cmd::new();
        ping.arg("PING");
        in_time(ping.query_async::<()>(&mut self.server()?)).await
    }

    /// What is heard next. Waits for ever if nothing is connected.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a message that is none of a market's.
    pub async fn next(&mut self) -> Result<Heard, Error> {
        let Some(connected) = &mut self.connected else { return std::future::pending().await };
        loop {
            let Some(push) = connected.pushes.recv().await else { return Ok(Heard::Lost) };
            if connected.overflowed.load(Ordering::Acquire) {
                return Ok(Heard::Lost);
            }
            match push.kind {
                PushKind::SMessage => return message_of(&push.data),
                PushKind::Disconnection => return Ok(Heard::Lost),
                _ => {}
            }
        }
    }

    fn server(&self) -> Result<MultiplexedConnection, Error> {
        let connected = self.connected.as_ref().ok_or(Error::Unavailable(None))?;
        Ok(connected.server.clone())
    }

    /// One command a channel: each is answered by one confirmation.
    async fn each(&self, command: &str, markets: &[MarketId]) -> Result<(), Error> {
        let mut server = self.server()?;
        for markets in markets.chunks(CHANNELS_AT_ONCE) {
            let mut pipeline = Pipeline::with_capacity(markets.len());
            for market in markets {
                pipeline.cmd(command).arg(key_of(*market)).ignore();
            }
            in_time(pipeline.query_async::<()>(&mut server)).await?;
        }
        Ok(())
    }
}

/// The URL with the protocol that knows messages nobody asked for.
fn with_resp3(url: &str) -> String {
    let (url, fragment) =
        url.split_once('#').map_or((url, String::new()), |(url, rest)| (url, format!("#{rest}")));
    let and = if url.contains('?') { '&' } else { '?' };
    format!("{url}{and}protocol=resp3{fragment}")
}

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// A message: the channel, and the epoch, the version and the fields of a snapshot, a line each.
fn message_of(data: &[Value]) -> Result<Heard, Error> {
    let bad = || {
        let refused = RedisError::from((ErrorKind::UnexpectedReturnType, "a message is no market's version"));
        Error::Refused(refused)
    };
    let (channel, body) = match data {
        [channel, body] => (text_of(channel).ok_or_else(bad)?, text_of(body).ok_or_else(bad)?),
        _ => return Err(bad()),
    };
    let market = market_of(channel).ok_or_else(bad)?;
    let (epoch, rest) = body.split_once('\n').ok_or_else(bad)?;
    let (version, lines) = rest.split_once('\n').ok_or_else(bad)?;
    let seq = version_of(market, version)?;
    let snapshot = snapshot_of_lines(market, seq, lines)?;
    Ok(Heard::Version(Position { epoch: epoch.into(), seq }, Arc::new(snapshot)))
}
