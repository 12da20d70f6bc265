//! The bare broadcast, in a process of its own so that its CPU can be told: one task that sends the same bytes to every
//! connection in turn, by the same WebSocket library and without anything else.

use crate::failure::{Failure, chain};
use crate::out;
use chrono::Utc;
use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// What is broadcast; the first line of its standard input. The second one begins it, the end of it ends it.
#[derive(Serialize, Deserialize)]
pub struct Program {
    /// The frame before its number, between number and instant, and after that.
    parts: [String; 3],
    readers: u32,
    rate: u32,
    frames: u64,
}

impl Program {
    /// So many frames like that one, at so many a second, to so many readers.
    pub fn new(frame: &str, readers: u32, rate: u32, frames: u64) -> Self {
        let (before, rest) = frame.split_once(r#""seq":"#).unwrap_or((frame, ""));
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        // The instant stands where the frame's own stood, so that both are of one length.
        let (between, _) = after.rsplit_once(r#""time":"#).unwrap_or((after, ""));
        let between = between.replacen(r#""type":"snapshot""#, r#""type":"update""#, 1);
        let parts = [format!(r#"{before}"seq":"#), format!(r#"{between}"sent":"#), "}".to_owned()];
        Self { parts, readers, rate, frames }
    }

    /// The frame of that number, as it is sent now.
    pub fn frame(&self, seq: u64) -> String {
        let [before, between, after] = &self.parts;
        format!("{before}{seq}{between}{}{after}", Utc::now().timestamp_micros())
    }
}

/// A broadcaster that runs; ended when it is dropped.
pub struct Broadcaster {
    child: Child,
    stdin: ChildStdin,
    /// Its process.
    pub pid: u32,
    /// Where it takes readers.
    pub address: SocketAddr,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("the bare broadcast: {error}"), "report it")
}

impl Broadcaster {
    /// Starts one.
    ///
    /// # Errors
    /// When it does not come to listen.
    pub async fn start(program: &Program) -> Result<Self, Failure> {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("overround").args(["bench", "broadcast"]).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().map_err(failed)?;
        let pid = child.id().ok_or_else(|| failed("it ended at once"))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (mut stdin, stdout) = stdin.zip(stdout).ok_or_else(|| failed("it has no pipes"))?;
        let program = serde_json::to_string(program).map_err(failed)?;
        stdin.write_all(format!("{program}\n").as_bytes()).await.map_err(failed)?;
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address).await.map_err(failed)?;
        let address = address.trim().parse().map_err(failed)?;
        Ok(Self { child, stdin, pid, address })
    }

    /// Has it begin.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn begin(&mut self) -> Result<(), Failure> {
        self.stdin.write_all(b"begin\n").await.map_err(failed)
    }

    /// Waits until it ended.
    pub async fn end(mut self) {
        drop(self.stdin);
        drop(self.child.wait().await);
    }
}

/// Broadcasts what standard input says.
///
/// # Errors
/// When it cannot listen, or standard input is no program.
pub async fn broadcast() -> Result<(), Failure> {
    let mut stdin = BufReader::new(tokio::io::stdin());
    let mut line = String::new();
    stdin.read_line(&mut line).await.map_err(failed)?;
    let program: Program = serde_json::from_str(&line).map_err(|error| {
        Failure::usage(
            format!("standard input is no program: {error}"),
            "run `bench fanout`, which starts this",
        )
    })?;
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    out::line(listener.local_addr().map_err(failed)?.to_string());
    let mut readers = Vec::new();
    while readers.len() < program.readers as usize {
        let (stream, _) = listener.accept().await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let socket = tokio_tungstenite::accept_async(stream).await.map_err(|error| failed(chain(&error)))?;
        let (sender, mut answers) = socket.split();
        // Somebody has to read what readers say.
        tokio::spawn(async move { while answers.next().await.is_some_and(|answer| answer.is_ok()) {} });
        readers.push(sender);
    }
    line.clear();
    stdin.read_line(&mut line).await.map_err(failed)?;
    let mut turns = interval(Duration::from_secs_f64(1.0 / f64::from(program.rate.max(1))));
    turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for seq in 1..=program.frames {
        turns.tick().await;
        let frame = Utf8Bytes::from(program.frame(seq));
        for reader in &mut readers {
            // A reader that went away has no more to get.
            drop(reader.send(Message::Text(frame.clone())).await);
        }
    }
    let mut rest = Vec::new();
    stdin.read_to_end(&mut rest).await.map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_frame_is_like_the_real_one() {
        let frame = r#"{"channel":"markets:m","epoch":"0123","seq":41,"type":"snapshot","data":{"version":41},"time":"2026-11-26T12:00:00.000Z"}"#;
        let program = Program::new(frame, 1, 1, 1);
        let bare = program.frame(7);
        assert!(
            bare.starts_with(r#"{"channel":"markets:m","epoch":"0123","seq":7,"type":"update","#),
            "{bare}"
        );
        assert!(serde_json::from_str::<serde_json::Value>(&bare).unwrap()["sent"].is_u64(), "{bare}");
        assert!(bare.len().abs_diff(frame.len()) < 16);
    }
}
