//! One server: the connection to it, made at first use and again after a failure.

use crate::connection::TIMEOUT;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, Pipeline, ProtocolVersion,
    PushInfo, RedisError, RedisResult, ServerErrorKind, Value,
};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

/// For how long a server that did not answer in time is not asked again, where there are others to go on with.
const REST: Duration = Duration::from_millis(500);

/// A server, or a node of a cluster.
pub(crate) struct Node {
    info: ConnectionInfo,
    /// The connection in use, or the one that the next command makes.
    connection: Mutex<Arc<OnceCell<MultiplexedConnection>>>,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    is_away: bool,
    rests_until: Option<Instant>,
}

impl Node {
    pub(crate) fn new(info: ConnectionInfo) -> Self {
        Self { info, connection: Mutex::default(), health: Mutex::default() }
    }

    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// The answers of commands, in their order and in one round trip: each its own, or why there is none of all.
    pub(crate) async fn send(
        &self,
        commands: &Pipeline,
        until: Instant,
    ) -> RedisResult<Vec<RedisResult<Value>>> {
        let cell = Arc::clone(&self.connection.lock().unwrap_or_else(PoisonError::into_inner));
        let exchange = async {
            let mut connection = cell.get_or_try_init(|| self.connect()).await?.clone();
            commands.query_async::<Vec<RedisResult<Value>>>(&mut connection).await
        };
        let answers = timeout_at(until, exchange).await.unwrap_or_else(|_| Err(too_late()));
        let is_lost = match &answers {
            // A connection on which nothing came in time may have been cut without a word.
            Err(error) => error.is_unrecoverable_error() || error.is_timeout(),
            // What became a replica is not what the address leads to any more.
            Ok(answers) => answers.iter().any(|one| is_of(one, ServerErrorKind::ReadOnly)),
        };
        if is_lost {
            self.forget(&cell);
        }
        answers
    }

    /// One command's answer.
    pub(crate) async fn ask(&self, command: Cmd, until: Instant) -> RedisResult<Value> {
        let answers = self.send(&pipeline_of([command]), until).await?;
        answers.into_iter().next().unwrap_or_else(|| Err(too_late()))
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        Client::open(self.info.clone())?.get_multiplexed_async_connection_with_config(&config()).await
    }

    /// Another connection, over which the server may say what nobody asked for.
    pub(crate) async fn connect_to_hear(
        &self,
        push: impl Fn(PushInfo) -> Result<(), redis::aio::SendError> + Send + Sync + 'static,
    ) -> RedisResult<MultiplexedConnection> {
        let settings = self.info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(self.info.clone().set_redis_settings(settings))?;
        client.get_multiplexed_async_connection_with_config(&config().set_push_sender(push)).await
    }

    /// Has the next command connect anew, if this connection is still the one in use.
    fn forget(&self, cell: &Arc<OnceCell<MultiplexedConnection>>) {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&connection, cell) {
            *connection = Arc::default();
        }
    }

    /// Whether the server did not answer a moment ago. Of those who ask at the end of that time one is told no.
    pub(crate) fn rests(&self) -> bool {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        match health.rests_until {
            None => false,
            Some(until) if until <= Instant::now() => {
                health.rests_until = Some(Instant::now() + TIMEOUT);
                false
            }
            Some(_) => true,
        }
    }

    /// Notes how the server answered; whether it went away, or came back.
    pub(crate) fn note<T>(&self, answer: &RedisResult<T>) -> bool {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let is_away = answer.is_err();
        let is_silent = answer.as_ref().is_err_and(RedisError::is_timeout);
        health.rests_until = is_silent.then(|| Instant::now() + REST);
        std::mem::replace(&mut health.is_away, is_away) != is_away
    }
}

/// Commands whose answers each stand for themselves.
pub(crate) fn pipeline_of(commands: impl IntoIterator<Item = Cmd>) -> Pipeline {
    let mut pipeline = Pipeline::new();
    pipeline.ignore_errors();
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}

/// How a server is called in a cluster: its host and port.
pub(crate) fn place_of(address: &ConnectionAddr) -> Option<(&str, u16)> {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => Some((host, *port)),
        _ => None,
    }
}

/// Whether an answer is this error of the server's.
pub(crate) fn is_of<T>(answer: &RedisResult<T>, kind: ServerErrorKind) -> bool {
    answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Server(kind))
}

pub(crate) fn too_late() -> RedisError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(TIMEOUT)).set_response_timeout(Some(TIMEOUT))
}
