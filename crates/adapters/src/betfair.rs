//! Betfair's Exchange Stream API over TCP and TLS.
//!
//! [`run`] drives a [`Session`] over one connection after another and hands what it says to a bounded
//! channel. While nobody receives from that, nothing is read: the source conflates what it cannot send.

use crate::lines::{Read, read_some};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use overround_domain::time::Timestamp;
use overround_feed::betfair::{ANSWER_MS_MAX, Fault, Line, Session};
use overround_feed::health::State;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

pub use overround_feed::betfair::Event;

/// The longest line that is read. An image in segments has lines of some hundred kilobytes.
pub const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long making or writing to a connection may take.
const IO_TIME_MAX: Duration = Duration::from_secs(15);
/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;
const HOST: &str = "stream-api.betfair.com";
const PORT: u16 = 443;

/// Where the source is.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its name, which its certificate must have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How bytes get there.
    pub transport: Transport,
}

/// How bytes get to the source and back.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Plain TCP, to a source on this machine: a session's secrets go over it.
    Tcp,
    /// TLS.
    Tls(Arc<ClientConfig>),
}

impl Endpoint {
    /// Betfair's own, trusted by the certificates that browsers trust.
    ///
    /// # Errors
    /// When the TLS provider supports no version of TLS.
    pub fn betfair() -> Result<Self, rustls::Error> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Ok(Self { host: HOST.to_owned(), port: PORT, transport: Transport::tls(roots)? })
    }
}

impl Transport {
    /// TLS to a source whose certificate one of these vouches for.
    ///
    /// # Errors
    /// When the TLS provider supports no version of TLS.
    pub fn tls(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Self::Tls(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
    }
}

/// How long to wait before another connection: twice as long after each failure, with jitter, from the
/// least time again once a connection was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The wait after the first failure.
    pub min: Duration,
    /// The longest wait, jitter apart, which can double it.
    pub max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { min: Duration::from_millis(500), max: Duration::from_secs(30) }
    }
}

/// The waits between connections.
#[derive(Debug)]
struct Backoff {
    retry: Retry,
    delays: ExponentialBackoff,
}

impl Backoff {
    fn new(retry: Retry) -> Self {
        let builder = ExponentialBuilder::new().with_min_delay(retry.min).with_max_delay(retry.max);
        Self { retry, delays: builder.with_jitter().without_max_times().build() }
    }

    /// The wait after a connection, which was up or never got so far.
    fn next(&mut self, was_up: bool) -> Duration {
        if was_up {
            *self = Self::new(self.retry);
        }
        self.delays.next().unwrap_or(self.retry.max)
    }
}

/// Why the source is not tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It refuses what is asked, or who asks. The session may be run again after the advice was taken.
    #[error("Betfair refuses the stream: {advice}")]
    Refused {
        /// What to do.
        advice: &'static str,
        /// What it said.
        source: Fault,
    },
    /// The endpoint's host is no name that a certificate could have.
    #[error("{host:?} is no host name")]
    Host {
        /// The name.
        host: String,
        /// What is wrong with it.
        source: InvalidDnsNameError,
    },
}

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// Nobody wants to hear more.
    #[error("it is not wanted any more")]
    Unwanted,
    #[error("the connection failed")]
    Io(#[from] io::Error),
    #[error("the source closed the connection")]
    Closed,
    #[error("a line is longer than {LINE_BYTES_MAX} bytes")]
    LineTooLong,
    #[error("the session cannot go on")]
    Fault(#[from] Fault),
}

/// Runs a session over one connection after another, until `stop` is cancelled, `events` has no receiver
/// any more, or the source refuses what no new attempt can change. However it ends, nothing that the
/// session said may be trusted after it. A session that is run again goes on from where it was, and says
/// only what changed since: what it knew before is in [`Session::markets`].
///
/// # Errors
/// When the source must not be tried again before somebody has done something.
pub async fn run(
    session: &mut Session,
    endpoint: &Endpoint,
    retry: Retry,
    events: &mpsc::Sender<Event>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let server = server_name(&endpoint.host)?;
    let clock = Clock::start();
    let mut backoff = Backoff::new(retry);
    loop {
        let mut connection = Connection { session, events, stop, clock: &clock, was_up: false };
        let ended = connection.live(endpoint, &server).await;
        let was_up = connection.was_up;
        let down = session.disconnected(clock.now());
        let advice = if let Ended::Fault(fault) = &ended { fault.advice() } else { None };
        match (ended, advice) {
            (Ended::Unwanted, _) => return Ok(()),
            (Ended::Fault(source), Some(advice)) => {
                hand_over(events, stop, down).await;
                return Err(Error::Refused { advice, source });
            }
            (ended, _) => warn(endpoint, &ended),
        }
        if !hand_over(events, stop, down).await {
            return Ok(());
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = events.closed() => return Ok(()),
            () = sleep(backoff.next(was_up)) => {}
        }
    }
}

fn warn(endpoint: &Endpoint, ended: &Ended) {
    let source = std::error::Error::source(ended).map(ToString::to_string);
    tracing::warn!(host = %endpoint.host, port = endpoint.port, source, "Betfair stream: {ended}; trying again");
}

fn server_name(host: &str) -> Result<ServerName<'static>, Error> {
    ServerName::try_from(host.to_owned()).map_err(|source| Error::Host { host: host.to_owned(), source })
}

/// Hands an event over, waiting for room. False when nobody wants it any more.
async fn hand_over(
    events: &mpsc::Sender<Event>,
    stop: &CancellationToken,
    event: impl IntoIterator<Item = Event>,
) -> bool {
    for event in event {
        let sent = tokio::select! {
            () = stop.cancelled() => return false,
            sent = events.send(event) => sent,
        };
        if sent.is_err() {
            return false;
        }
    }
    true
}

/// The wall clock at the beginning, and what passed since: it never goes back.
#[derive(Debug)]
struct Clock {
    started: Instant,
    started_ms: i64,
}

impl Clock {
    fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Self { started: Instant::now(), started_ms }
    }

    fn now(&self) -> Timestamp {
        let passed_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.started_ms).plus_millis(passed_ms)
    }

    /// The instant of the runtime's clock at which [`Self::now`] is `at`.
    fn instant(&self, at: Timestamp) -> Instant {
        let ahead_ms = at.millis().saturating_sub(self.started_ms);
        self.started + Duration::from_millis(u64::try_from(ahead_ms).unwrap_or(0))
    }
}

/// One connection of a session.
struct Connection<'a> {
    session: &'a mut Session,
    events: &'a mpsc::Sender<Event>,
    stop: &'a CancellationToken,
    clock: &'a Clock,
    /// Whether all that was asked for came at some time.
    was_up: bool,
}

impl Connection<'_> {
    /// Makes the connection and lives on it until it ends.
    async fn live(&mut self, endpoint: &Endpoint, server: &ServerName<'static>) -> Ended {
        let ended = match self.connect(endpoint).await {
            Ok(tcp) => match &endpoint.transport {
                Transport::Tcp => self.converse(tcp).await,
                Transport::Tls(config) => self.converse_over_tls(tcp, config, server).await,
            },
            Err(ended) => Err(ended),
        };
        ended.err().unwrap_or(Ended::Closed)
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<TcpStream, Ended> {
        let address = (endpoint.host.as_str(), endpoint.port);
        let tcp = self.in_time(TcpStream::connect(address)).await?;
        // What is sent is a line at a time, and is waited for.
        tcp.set_nodelay(true)?;
        Ok(tcp)
    }

    async fn converse_over_tls(
        &mut self,
        tcp: TcpStream,
        config: &Arc<ClientConfig>,
        server: &ServerName<'static>,
    ) -> Result<(), Ended> {
        let connecting = TlsConnector::from(Arc::clone(config)).connect(server.clone(), tcp);
        let tls = self.in_time(connecting).await?;
        self.converse(tls).await
    }

    /// Waits for what the other side should do at once.
    async fn in_time<T>(&self, work: impl Future<Output = io::Result<T>>) -> Result<T, Ended> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Ended::Unwanted),
            done = timeout(IO_TIME_MAX, work) => Ok(done.map_err(io::Error::from)??),
        }
    }

    /// Passes lines between the source and the session until one of them ends it.
    async fn converse(&mut self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Ended> {
        let mut stream = BufReader::with_capacity(READ_BYTES, stream);
        let mut line = Vec::new();
        self.session.connected(self.clock.now());
        loop {
            match self.read_some(&mut stream, &mut line).await? {
                None => {
                    self.session.check(self.clock.now())?;
                    continue;
                }
                Some(Read::Line) => {}
                Some(Read::Part) => {
                    self.session.receiving(self.clock.now());
                    continue;
                }
                Some(Read::TooLong) => return Err(Ended::LineTooLong),
                Some(Read::Ended) => return Err(Ended::Closed),
            }
            let output = self.session.receive(&line, self.clock.now())?;
            line.clear();
            self.was_up |= self.session.state() == State::Up;
            if !hand_over(self.events, self.stop, output.events).await {
                return Err(Ended::Unwanted);
            }
            if let Some(answer) = output.send {
                self.send(&mut stream, &answer).await?;
            }
        }
    }

    /// Reads on; none when the session's deadline comes first.
    async fn read_some(
        &self,
        stream: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
        line: &mut Vec<u8>,
    ) -> Result<Option<Read>, Ended> {
        let no_deadline = self.clock.now().plus_millis(ANSWER_MS_MAX);
        let deadline = self.clock.instant(self.session.deadline().unwrap_or(no_deadline));
        tokio::select! {
            // What has come is read before the clock is looked at: who receives slowly is not a silent source.
            biased;
            () = self.stop.cancelled() => Err(Ended::Unwanted),
            read = read_some(stream, line, LINE_BYTES_MAX) => Ok(Some(read?)),
            () = self.events.closed() => Err(Ended::Unwanted),
            () = sleep_until(deadline) => Ok(None),
        }
    }

    async fn send(
        &self,
        stream: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
        line: &Line,
    ) -> Result<(), Ended> {
        let stream = stream.get_mut();
        let writing = async {
            stream.write_all(line.as_bytes()).await?;
            stream.flush().await
        };
        self.in_time(writing).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_again_once_a_connection_was_up() {
        let retry = Retry { min: Duration::from_secs(1), max: Duration::from_secs(6) };
        let mut backoff = Backoff::new(retry);
        // Jitter adds less than the wait itself.
        for (was_up, least_s) in
            [(false, 1), (false, 2), (false, 4), (false, 6), (false, 6), (true, 1), (false, 2)]
        {
            let least = Duration::from_secs(least_s);
            let wait = backoff.next(was_up);
            assert!((least..least * 2).contains(&wait), "{wait:?} is not {least:?} with jitter");
        }
    }
}
