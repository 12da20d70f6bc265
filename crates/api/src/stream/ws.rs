//! The stream over WebSocket: what a connection asks for, what it is sent, and why it ends.

use super::{Connection, Due, Following, Terms, TooSlow};
use crate::wire::stream::Ask;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, SplitSink, SplitStream};
use futures::{SinkExt, StreamExt, poll};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// How long a reader may take to take what is sent.
const SEND_WAIT: Duration = Duration::from_secs(10);
/// How long a closed connection may take to be one.
const FAREWELL_WAIT: Duration = Duration::from_secs(1);
/// How many heartbeats may pass without a sign of life of the reader.
const SILENT_BEATS_MAX: u32 = 3;
/// How many messages a reader may send in a second.
const MESSAGES_A_SECOND_MAX: u32 = 50;

/// Why a connection is closed by the server: RFC 6455's own code where it has one, else one of the range that it leaves to
/// applications, named after HTTP's; and what to do about it.
#[derive(Debug, Clone, Copy)]
enum Closing {
    GoingAway,
    Unreadable,
    BadMessage,
    TokenEnded,
    Silent,
    TooSlow,
    TooManyMessages,
}

impl Closing {
    const fn frame(self) -> (u16, &'static str) {
        match self {
            Self::GoingAway => (1001, "the server ends; connect again and go on from your places"),
            Self::Unreadable => (1009, "a message has at most 64 KiB"),
            Self::BadMessage => (
                4400,
                "a message is a JSON object with subscribe or unsubscribe, and names no more channels than may be followed",
            ),
            Self::TokenEnded => (4401, "the token has ended; connect with a new one"),
            Self::Silent => (4408, "no answer to pings; connect again"),
            Self::TooSlow => {
                (4410, "too slow for all that is told of an account; connect again, and begin anew")
            }
            Self::TooManyMessages => (4429, "too many messages; name more channels in one"),
        }
    }
}

/// Why a session is over.
enum End {
    Closing(Closing),
    /// The reader went, or does not take what is sent.
    Gone,
}

impl From<TooSlow> for End {
    fn from(_: TooSlow) -> Self {
        Self::Closing(Closing::TooSlow)
    }
}

/// What happens to a connection beside news.
enum Aside {
    /// The reader said something, or cannot any more.
    Received(Option<Result<Message, axum::Error>>, SplitStream<WebSocket>),
    /// It is time to look whether the reader lives.
    Beat,
    Closing(Closing),
}

/// A connection that was made.
pub struct Session {
    sink: SplitSink<WebSocket, Message>,
    /// These are only looked at when they happened: asking each of them after every frame costs as much as a frame does.
    aside: FuturesUnordered<BoxFuture<'static, Aside>>,
    following: Following,
    terms: Terms,
    silent_beats: u32,
    messages: (Instant, u32),
    /// From when on news are sent.
    next_at: Instant,
    _open: Connection,
}

impl Session {
    /// A session over a socket.
    pub fn new(socket: WebSocket, following: Following, terms: Terms, open: Connection) -> Self {
        let now = Instant::now();
        let (messages, next_at) = ((now, 0), now);
        let (sink, stream) = socket.split();
        let aside = FuturesUnordered::from_iter([received(stream), alarm(&terms, now)]);
        Self { sink, aside, following, terms, silent_beats: 0, messages, next_at, _open: open }
    }

    /// Serves until either side ends it.
    pub async fn run(mut self) {
        if let End::Closing(why) = self.serve().await {
            let (code, reason) = why.frame();
            metrics::counter!("overround_stream_closed_total", "code" => code.to_string()).increment(1);
            let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
            let farewell = async {
                self.sink.send(close).await?;
                // Until the reader has closed too; or, where no more of it can be read, for as long as this may take. A socket
                // that is dropped with something unread loses what was sent.
                while let Some(aside) = self.aside.next().await {
                    match aside {
                        Aside::Received(Some(Ok(_)), stream) => self.aside.push(received(stream)),
                        Aside::Received(..) => break,
                        Aside::Beat | Aside::Closing(_) => {}
                    }
                }
                Ok::<(), axum::Error>(())
            };
            drop(timeout(FAREWELL_WAIT, farewell).await);
        }
    }

    async fn serve(&mut self) -> End {
        let conflate = self.terms.conflate;
        let mut waits = false;
        loop {
            let next_at = self.next_at;
            // What happened beside the news is seldom, and may end it.
            let step = tokio::select! {
                biased;
                Some(aside) = self.aside.next() => self.look_aside(aside).await,
                () = self.following.arrived() => {
                    waits = !conflate.is_zero();
                    self.tell(if waits { Due::Chronicles } else { Due::All }).await
                }
                // A block, since `select!` makes what stands here also where it does not wait, and a timer has its price.
                () = async { sleep_until(next_at).await }, if waits => {
                    waits = false;
                    self.next_at = Instant::now() + conflate;
                    self.tell(Due::All).await
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn look_aside(&mut self, aside: Aside) -> Result<(), End> {
        match aside {
            Aside::Received(Some(Ok(message)), stream) => {
                self.aside.push(received(stream));
                self.receive(message).await
            }
            // To one that is cut off nothing can be said, which costs nothing to find out.
            Aside::Received(Some(Err(_)), _) => Err(End::Closing(Closing::Unreadable)),
            Aside::Received(None, _) => Err(End::Gone),
            Aside::Beat => {
                self.aside.push(alarm(&self.terms, Instant::now() + self.terms.heartbeat));
                self.beat().await
            }
            Aside::Closing(why) => Err(End::Closing(why)),
        }
    }

    async fn beat(&mut self) -> Result<(), End> {
        if self.silent_beats >= SILENT_BEATS_MAX {
            return Err(End::Closing(Closing::Silent));
        }
        self.silent_beats += 1;
        self.feed(Message::Ping(Default::default())).await?;
        self.flush().await
    }

    async fn receive(&mut self, message: Message) -> Result<(), End> {
        self.silent_beats = 0;
        match message {
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => {
                // The answer to it was made when it was read, and is sent now.
                self.flush().await?;
                return Err(End::Gone);
            }
            Message::Text(_) | Message::Binary(_) => {}
        }
        let (since, count) = &mut self.messages;
        if since.elapsed() >= Duration::from_secs(1) {
            (*since, *count) = (Instant::now(), 0);
        }
        *count += 1;
        if *count > MESSAGES_A_SECOND_MAX {
            return Err(End::Closing(Closing::TooManyMessages));
        }
        let Some(ask) = message.to_text().ok().and_then(ask_of) else {
            return Err(End::Closing(Closing::BadMessage));
        };
        if ask.unsubscribe.len() + ask.subscribe.len() > self.terms.subscriptions_max * 2 {
            return Err(End::Closing(Closing::BadMessage));
        }
        for channel in ask.unsubscribe {
            let text = self.following.unsubscribe(&channel);
            self.say(text).await?;
        }
        let (said, has_new) = self.following.subscribe_all(&ask.subscribe).await;
        if has_new {
            // Nothing of it has been sent yet, so that its snapshot need not wait.
            self.next_at = Instant::now();
        }
        for text in said {
            self.say(text).await?;
        }
        self.flush().await
    }

    /// Tells what is due, channel by channel.
    async fn tell(&mut self, due: Due) -> Result<(), End> {
        while let Some(news) = self.following.take(due)? {
            for delivery in news {
                if let Some(text) = self.following.text(&delivery) {
                    // The bytes of a text: they cannot but be one.
                    let text = Utf8Bytes::try_from(text).unwrap_or_default();
                    self.feed(Message::Text(text)).await?;
                }
            }
        }
        self.flush().await
    }

    async fn say(&mut self, text: String) -> Result<(), End> {
        self.feed(Message::Text(text.into())).await
    }

    async fn feed(&mut self, message: Message) -> Result<(), End> {
        in_time(&self.terms, self.sink.feed(message)).await
    }

    async fn flush(&mut self) -> Result<(), End> {
        in_time(&self.terms, self.sink.flush()).await
    }
}

/// What the reader says next.
fn received(mut stream: SplitStream<WebSocket>) -> BoxFuture<'static, Aside> {
    Box::pin(async move { Aside::Received(stream.next().await, stream) })
}

/// What comes by itself: the end, or before that the time to look whether the reader lives.
fn alarm(terms: &Terms, beat_at: Instant) -> BoxFuture<'static, Aside> {
    let (stop, until) = (terms.stop.clone(), terms.until);
    Box::pin(async move {
        tokio::select! {
            biased;
            () = stop.cancelled() => Aside::Closing(Closing::GoingAway),
            () = sleep_until(until) => Aside::Closing(Closing::TokenEnded),
            () = sleep_until(beat_at) => Aside::Beat,
        }
    })
}

/// What a message asks for, if it is an object that does; serde would take a list of its fields too.
fn ask_of(text: &str) -> Option<Ask> {
    text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok()).flatten()
}

/// Waits for the reader to take what is sent, but not past the end of its token or of the server. One who does not in
/// time is gone: a word to it would wait as long.
async fn in_time<E>(terms: &Terms, sending: impl Future<Output = Result<(), E>>) -> Result<(), End> {
    let mut sending = pin!(sending);
    // Most can be sent at once, and need no timers.
    if let Poll::Ready(sent) = poll!(sending.as_mut()) {
        return sent.map_err(|_| End::Gone);
    }
    tokio::select! {
        biased;
        sent = sending => sent.map_err(|_| End::Gone),
        () = terms.stop.cancelled() => Err(End::Closing(Closing::GoingAway)),
        () = sleep_until(terms.until) => Err(End::Closing(Closing::TokenEnded)),
        () = sleep(SEND_WAIT) => {
            metrics::counter!("overround_stream_closed_total", "code" => "slow").increment(1);
            Err(End::Gone)
        }
    }
}
