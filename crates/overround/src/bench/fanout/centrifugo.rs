//! Centrifugo beside us: the same frames to as many readers, by a WebSocket server that many use. It is measured at its
//! cheapest: one process, its memory engine, no history, no checking of who connects.

use super::super::client::{Client, message};
use crate::failure::{Failure, chain};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Request};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// The channel that readers follow.
const CHANNEL: &str = "m";
/// What a reader says first.
pub const HELLO: &str = concat!(r#"{"id":1,"connect":{}}"#, "\n", r#"{"id":2,"subscribe":{"channel":"m"}}"#);
/// What begins its answer to the second of these.
pub const FOLLOWED: &str = r#"{"id":2,"subscribe":"#;
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A Centrifugo that runs; ended when it is dropped.
pub struct Centrifugo {
    _child: Child,
    client: Client,
    /// Its process.
    pub pid: u32,
    /// Where it takes readers.
    pub address: SocketAddr,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("Centrifugo: {error}"), "give the path of a binary of its version 6")
}

impl Centrifugo {
    /// Starts that binary.
    ///
    /// # Errors
    /// When it does not come to take messages.
    pub async fn start(binary: &Path) -> Result<Self, Failure> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|one| one.local_addr());
        let address = free.map_err(failed)?;
        let mut command = Command::new(binary);
        command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
            .env("CENTRIFUGO_HTTP_SERVER_ADDRESS", address.ip().to_string())
            .env("CENTRIFUGO_HTTP_SERVER_PORT", address.port().to_string())
            .env("CENTRIFUGO_CLIENT_INSECURE", "true")
            .env("CENTRIFUGO_HTTP_API_INSECURE", "true")
            // So long that no reader is asked whether it lives.
            .env("CENTRIFUGO_CLIENT_PING_INTERVAL", "3600s")
            .env("CENTRIFUGO_LOG_LEVEL", "error");
        let child = command.spawn().map_err(failed)?;
        let pid = child.id().ok_or_else(|| failed("it ended at once"))?;
        let until = Instant::now() + PATIENCE;
        loop {
            match Client::connect(address).await {
                Ok(client) => return Ok(Self { _child: child, client, pid, address }),
                Err(error) if Instant::now() > until => return Err(failed(chain(&error))),
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Has a frame sent to all readers.
    ///
    /// # Errors
    /// When it does not take it.
    pub async fn publish(&mut self, frame: &str) -> Result<(), Failure> {
        let host = HeaderValue::try_from(self.address.to_string()).map_err(failed)?;
        let body = format!(r#"{{"channel":"{CHANNEL}","data":{frame}}}"#);
        let request =
            Request::post("/api/publish").header(HOST, host).header(CONTENT_TYPE, "application/json");
        let request = request.body(Bytes::from(body)).map_err(failed)?;
        match self.client.send(&message(&request)).await {
            Ok((200, answer)) if !answer.starts_with(b"{\"error\"") => Ok(()),
            Ok((status, answer)) => Err(failed(format!("{status} {}", String::from_utf8_lossy(&answer)))),
            Err(error) => Err(failed(chain(&error))),
        }
    }
}
