//! The connection to Redis: how commands and scripts are sent, and for how long they are waited for.

use crate::Error;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, Script, ScriptInvocation, ServerErrorKind,
};
use std::time::Duration;

/// How long a command may take, connecting included.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(500);

/// Where commands go. Cheap to clone; connects at first use and again after a failure.
#[derive(Clone)]
pub(crate) struct Connection(ConnectionManager);

impl Connection {
    /// Called inside a tokio runtime. Nothing is connected yet.
    pub(crate) fn to(url: &str) -> Result<Self, RedisError> {
        let client = redis::Client::open(url)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_millis(100));
        ConnectionManager::new_lazy_with_config(client, config).map(Self)
    }

    /// One command's answer.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        in_time(command.query_async(&mut self.0.clone())).await
    }

    /// The answers of calls of one script, in their order and in one round trip; the server may have to be told the
    /// script first.
    pub(crate) async fn call_all<T: FromRedisValue>(
        &self,
        script: &Script,
        calls: &[ScriptInvocation<'_>],
    ) -> Result<Vec<T>, Error> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = Pipeline::with_capacity(calls.len());
        for call in calls {
            pipeline.invoke_script(call);
        }
        let mut connection = self.0.clone();
        match in_time(pipeline.query_async(&mut connection)).await {
            Err(Error::Refused(error)) if is_no_script(&error) => {
                in_time(script.load_async(&mut connection)).await?;
                in_time(pipeline.query_async(&mut connection)).await
            }
            other => other,
        }
    }
}

/// Waits for Redis, but not for long: reconnecting can take several timeouts.
pub(crate) async fn in_time<T>(command: impl Future<Output = Result<T, RedisError>>) -> Result<T, Error> {
    match tokio::time::timeout(TIMEOUT, command).await {
        Ok(answer) => answer.map_err(Error::from),
        Err(_) => Err(Error::Unavailable(None)),
    }
}

/// Whether the server does not know the script. A pipeline's error carries those of its commands.
fn is_no_script(error: &RedisError) -> bool {
    let no_script = ErrorKind::Server(ServerErrorKind::NoScript);
    error.kind() == no_script
        || error.clone().into_server_errors().is_some_and(|errors| {
            errors.iter().any(|(_, error)| error.kind() == Some(ServerErrorKind::NoScript))
        })
}
