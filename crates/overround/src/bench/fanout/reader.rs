//! Readers of a stream: what each of them gets, in which order, and when.

use super::super::load::{Tally, Window};
use super::centrifugo::{FOLLOWED, HELLO};
use crate::failure::{Failure, chain};
use chrono::Utc;
use futures::{SinkExt, StreamExt};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// How long the last frames may take after the end.
const TAIL: Duration = Duration::from_secs(20);
/// How much is read at once. All of it is zeroed before each read, and of the library's 128 KiB that would be a fifth of a
/// reader's CPU, which is taken from what is measured.
const READ_BYTES: usize = 4_096;
/// How many readers connect at one time.
const CONNECTING_MAX: usize = 256;
/// How long an answer to a connection's first words may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is read.
pub enum Source {
    /// A channel of a server's stream.
    Stream {
        /// The server.
        server: SocketAddr,
        /// The channel.
        channel: String,
        /// What readers say who they are by, in turns.
        bearers: Vec<HeaderValue>,
    },
    /// What a bare broadcaster sends.
    Bare {
        /// The broadcaster.
        server: SocketAddr,
    },
    /// A channel of Centrifugo.
    Centrifugo {
        /// The server.
        server: SocketAddr,
    },
}

/// What all readers of a round saw together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// Frames that are missing between two that came, and that nobody was told of.
    pub lost: u64,
    /// Frames that readers were told were passed over.
    pub conflated: u64,
    /// Readers who did not come to the last version.
    pub behind: u64,
}

impl Counted {
    /// Counts another round too.
    pub fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.conflated += other.conflated;
        self.behind += other.behind;
    }
}

/// All readers of a round.
pub struct Crowd {
    source: Arc<Source>,
    readers: u32,
    /// How many frames the round has.
    frames: u64,
    connected: AtomicU32,
    /// Who may connect: a server's queue of those who knock is short.
    doors: Semaphore,
    window: watch::Sender<Option<Window>>,
    /// When each frame was sent, by its number from 0.
    sent: Mutex<Vec<Instant>>,
    counted: Mutex<Counted>,
}

impl Crowd {
    /// A crowd that nobody joined yet.
    pub fn new(source: Arc<Source>, readers: u32, frames: u64) -> Self {
        Self {
            source,
            readers,
            frames,
            connected: AtomicU32::new(0),
            doors: Semaphore::new(CONNECTING_MAX),
            window: watch::channel(None).0,
            sent: Mutex::default(),
            counted: Mutex::default(),
        }
    }

    /// How many readers are connected.
    pub fn connected(&self) -> u32 {
        self.connected.load(Ordering::SeqCst)
    }

    /// Whether all readers are.
    pub fn is_complete(&self) -> bool {
        self.connected() >= self.readers
    }

    /// Tells the readers when what they get counts.
    pub fn begin(&self, window: Window) {
        self.window.send_replace(Some(window));
    }

    /// Notes that the next frame is on its way.
    pub fn sends(&self) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    }

    /// What was seen.
    pub fn counted(&self) -> Counted {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long ago a frame was sent.
    fn since(&self, frame: &Parsed, first_seq: u64) -> Option<Duration> {
        if let Some(us) = frame.sent_us {
            let now = u64::try_from(Utc::now().timestamp_micros()).ok()?;
            return Some(Duration::from_micros(now.saturating_sub(us)));
        }
        let at = usize::try_from(frame.seq.checked_sub(first_seq)?).ok()?;
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner).get(at).copied()?;
        Some(sent.elapsed())
    }
}

/// What a benchmark needs of a frame.
struct Parsed {
    seq: u64,
    is_conflated: bool,
    frames: u64,
    is_version: bool,
    /// When it was sent, in microseconds since the epoch, if it says so.
    sent_us: Option<u64>,
}

impl Parsed {
    /// Looks for the few words that matter: reading JSON would cost more than sending it.
    fn of(text: &str) -> Option<Self> {
        let number = |name: &str| {
            let (_, rest) = text.split_once(name)?;
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest.get(..digits)?.parse::<u64>().ok()
        };
        let kind = text.split_once(r#""type":""#).and_then(|(_, rest)| rest.split_once('"'))?.0;
        let is_conflated = kind == "conflated";
        Some(Self {
            seq: number(r#""seq":"#).unwrap_or_default(),
            frames: if is_conflated { number(r#""frames":"#)? } else { 0 },
            is_conflated,
            is_version: matches!(kind, "snapshot" | "update" | "reset"),
            sent_us: number(r#""sent":"#),
        })
    }
}

type Socket = WebSocketStream<TcpStream>;

async fn connect(source: &Source, index: u32) -> Result<Socket, String> {
    let (server, path, bearer) = match source {
        Source::Bare { server } => (server, "/", None),
        Source::Centrifugo { server } => (server, "/connection/websocket", None),
        Source::Stream { server, bearers, .. } => {
            let at = usize::try_from(index).unwrap_or_default() % bearers.len().max(1);
            (server, "/v1/stream", bearers.get(at))
        }
    };
    let stream = TcpStream::connect(server).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let request = format!("ws://{server}{path}").into_client_request();
    let mut request = request.map_err(|error| error.to_string())?;
    if let Some(bearer) = bearer {
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
    }
    let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
    let connected = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
    let (mut socket, _) = connected.map_err(|error| chain(&error))?;
    let wish = match source {
        Source::Bare { .. } => None,
        Source::Centrifugo { .. } => Some(HELLO.to_owned()),
        Source::Stream { channel, .. } => Some(json!({ "subscribe": [{ "channel": channel }] }).to_string()),
    };
    if let Some(wish) = wish {
        socket.send(Message::text(wish)).await.map_err(|error| chain(&error))?;
    }
    Ok(socket)
}

async fn text(socket: &mut Socket) -> Result<String, String> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
            Some(Ok(Message::Close(why))) => return Err(format!("closed: {why:?}")),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(chain(&error)),
            None => return Err("the connection is gone".to_owned()),
        }
    }
}

/// Waits until Centrifugo says that the channel is followed.
async fn followed(socket: &mut Socket) -> Result<(), String> {
    while !text(socket).await?.lines().any(|line| line.starts_with(FOLLOWED)) {}
    Ok(())
}

/// The first version that a reader gets.
async fn first_version(socket: &mut Socket) -> Result<(String, u64), String> {
    loop {
        let text = text(socket).await?;
        match Parsed::of(&text) {
            Some(Parsed { is_version: true, seq, .. }) => return Ok((text, seq)),
            _ => continue,
        }
    }
}

/// A frame as the server sends it.
///
/// # Errors
/// When there is none.
pub async fn sample(source: &Source) -> Result<String, Failure> {
    let failed = |why: String| {
        Failure::failed(format!("the stream of the server under test: {why}"), "look at its log")
    };
    let mut socket = connect(source, 0).await.map_err(failed)?;
    match timeout(PATIENCE, first_version(&mut socket)).await {
        Ok(first) => first.map(|(text, _)| text).map_err(failed),
        Err(_) => Err(failed("no version came".to_owned())),
    }
}

/// One reader, to the last frame of the round.
pub async fn follow(crowd: Arc<Crowd>, index: u32) -> Result<Tally, Failure> {
    let mut tally = Tally::new()?;
    let failed = |why: String| Failure::failed(format!("reader {index}: {why}"), "look at the server's log");
    let door = crowd.doors.acquire().await.map_err(|error| failed(error.to_string()))?;
    let mut socket = connect(&crowd.source, index).await.map_err(failed)?;
    drop(door);
    let begun = async {
        match &*crowd.source {
            Source::Bare { .. } => Ok(0),
            Source::Centrifugo { .. } => followed(&mut socket).await.map(|()| 0),
            Source::Stream { .. } => first_version(&mut socket).await.map(|(_, seq)| seq),
        }
    };
    let begun = timeout(PATIENCE, begun).await.unwrap_or_else(|_| Err("no version came".to_owned()));
    let mut seq = begun.map_err(failed)?;
    // Nothing is published before all readers are there.
    let first_seq = seq + 1;
    let mut begins = crowd.window.subscribe();
    crowd.connected.fetch_add(1, Ordering::SeqCst);
    let window = begins.wait_for(Option::is_some).await.ok().and_then(|window| *window);
    let Some(window) = window else { return Ok(tally) };
    let (last, mut counted) = (first_seq + crowd.frames - 1, Counted::default());
    while seq < last {
        let Ok(text) = timeout_at(window.until + TAIL, text(&mut socket)).await else {
            counted.behind += 1;
            break;
        };
        let text = match text {
            Ok(text) => text,
            Err(why) => {
                counted.behind += 1;
                tally.refuse(why);
                break;
            }
        };
        // Centrifugo puts several frames into one message when they wait.
        for frame in text.lines().filter_map(Parsed::of) {
            if frame.is_conflated {
                counted.conflated += frame.frames;
                counted.lost += frame.seq.saturating_sub(seq).saturating_sub(frame.frames);
                seq = frame.seq;
            } else if frame.is_version {
                counted.lost += frame.seq.saturating_sub(seq + 1);
                seq = frame.seq;
                if window.holds(Instant::now()) {
                    tally.accept(crowd.since(&frame, first_seq).unwrap_or_default());
                }
            }
        }
    }
    crowd.counted.lock().unwrap_or_else(PoisonError::into_inner).add(&counted);
    drop(timeout(Duration::from_secs(1), socket.close(None)).await);
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_frame_only_what_matters_is_read() {
        let update =
            Parsed::of(r#"{"channel":"c","epoch":"e","seq":17,"type":"update","data":{"version":17}}"#);
        let update = update.unwrap();
        assert_eq!((update.seq, update.is_version, update.sent_us), (17, true, None));
        let passed =
            Parsed::of(r#"{"channel":"c","seq":20,"type":"conflated","data":{"frames":3}}"#).unwrap();
        assert_eq!((passed.seq, passed.frames, passed.is_conflated, passed.is_version), (20, 3, true, false));
        let bare = Parsed::of(r#"{"seq":1,"type":"update","sent":1700000000000000}"#).unwrap();
        assert_eq!(bare.sent_us, Some(1_700_000_000_000_000));
        assert!(Parsed::of("{}").is_none());
    }
}
