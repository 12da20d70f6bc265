//! What benchmarks measure Redis' part by: the least that the same work takes.

use crate::connection::in_time;
use crate::fields::{clock_key_of, key_of, stream_key_of};
use crate::{Error, Live, Now, SnapshotWrite};
use overround_domain::ids::MarketId;
use redis::{Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisError, ScriptInvocation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

impl Live {
    /// Stores snapshots as [`Live::write_all`] does, whatever is there.
    ///
    /// # Errors
    /// When Redis is away or refuses.
    pub async fn write_blindly(&self, writes: &[SnapshotWrite<'_>], now: Now) -> Result<(), Error> {
        let script = &self.scripts.write_blindly;
        let calls = writes.iter().map(|write| self.write_call(script, write, now));
        let calls: Vec<ScriptInvocation<'_>> = calls.collect::<Result<_, _>>()?;
        let _: Vec<(String, String)> = self.connection.call_all(script, &calls).await?;
        Ok(())
    }

    /// Deletes all that is held of markets.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn delete(&self, markets: &[MarketId]) -> Result<(), Error> {
        let commands = markets.iter().map(|market| {
            let mut del = Cmd::new();
            del.arg("DEL").arg(key_of(*market)).arg(clock_key_of(*market)).arg(stream_key_of(*market));
            del
        });
        let deleted: Vec<Result<i64, Error>> = self.connection.each(commands.collect(), None).await;
        deleted.into_iter().try_for_each(|one| one.map(drop))
    }
}

/// A connection that asks for three bytes, one GET after the other, as redis-benchmark does: a request and an answer
/// without any client library.
#[derive(Debug)]
pub struct Getter {
    stream: TcpStream,
    request: Vec<u8>,
}

const KEY: &str = "overround:bench";
const VALUE: &str = "xxx";

impl Getter {
    /// Connects to the server at `url`, without TLS.
    ///
    /// # Errors
    /// When it cannot be reached, or refuses the login.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let info = url.into_connection_info().map_err(Error::Url)?;
        let ConnectionAddr::Tcp(host, port) = info.addr() else {
            return Err(Error::Url((ErrorKind::InvalidClientConfig, "TCP without TLS is measured").into()));
        };
        let stream = in_time(async { Ok(TcpStream::connect((host.as_str(), *port)).await?) }).await?;
        stream.set_nodelay(true).map_err(|error| Error::Refused(error.into()))?;
        let mut getter = Self { stream, request: command(&["GET", KEY]) };
        let settings = info.redis_settings();
        if let Some(password) = settings.password() {
            let user = settings.username().unwrap_or("default");
            getter.ask(&command(&["AUTH", user, password]), b"+OK\r\n").await?;
        }
        getter.ask(&command(&["SELECT", &settings.db().to_string()]), b"+OK\r\n").await?;
        getter.ask(&command(&["SET", KEY, VALUE, "EX", "3600"]), b"+OK\r\n").await?;
        Ok(getter)
    }

    /// Asks once.
    ///
    /// # Errors
    /// When the connection breaks, or something else is answered.
    pub async fn get(&mut self) -> Result<(), Error> {
        let request = std::mem::take(&mut self.request);
        let answered = self.ask(&request, b"$3\r\nxxx\r\n").await;
        self.request = request;
        answered
    }

    async fn ask(&mut self, request: &[u8], expected: &[u8]) -> Result<(), Error> {
        let asked = async {
            self.stream.write_all(request).await?;
            let mut answer = [0; 64];
            let mut read = 0;
            while read < expected.len() {
                let rest = answer.get_mut(read..expected.len()).unwrap_or_default();
                match self.stream.read(rest).await? {
                    0 => break,
                    more => read += more,
                }
            }
            Ok::<_, std::io::Error>(answer.get(..read) == Some(expected))
        };
        match asked.await.map_err(|error| Error::Refused(error.into()))? {
            true => Ok(()),
            false => {
                let refused = (ErrorKind::UnexpectedReturnType, "the server answers something else");
                Err(Error::Refused(RedisError::from(refused)))
            }
        }
    }
}

fn command(words: &[&str]) -> Vec<u8> {
    let words = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    let words: Vec<String> = words.collect();
    format!("*{}\r\n{}", words.len(), words.concat()).into_bytes()
}
