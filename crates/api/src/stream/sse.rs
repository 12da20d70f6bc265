//! The stream as Server-Sent Events: for readers who name their channels once, and then only listen.

use super::places::Places;
use super::{Connection, Due, Following, Known, Refusal, Terms, TooSlow, place_after};
use crate::problem::{FieldError, INVALID_QUERY, NOT_FOUND, Problem};
use crate::wire::stream::{Channel, Subscribe};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

/// How many channels may be named: an event's id says how far each of them was read.
pub const CHANNELS_MAX: usize = 50;
/// How many parts may wait for a reader to take them, each the news of one channel.
const UNSENT_MAX: usize = 1;
/// How long a reader may take to take what is sent.
const SEND_WAIT: Duration = Duration::from_secs(10);
/// After how long a reader that was cut off comes back.
const BEGINNING: &str = "retry: 1000\n\n";
const BEAT: &str = ":\n\n";
const GOING_AWAY: &str = ": the server ends; connect again with Last-Event-ID\n\n";
const TOKEN_ENDED: &str = ": the token has ended; connect with a new one and Last-Event-ID\n\n";
/// Asks a proxy (nginx) to pass events on as they come.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The channels of a query, and how far they were read by the header `Last-Event-ID`.
///
/// # Errors
/// When they are no channels, one is named twice, there are too many, or the id is none of theirs.
pub fn places(channels: &str, last_event_id: Option<&str>) -> Result<Places, Problem> {
    let parsed: Result<Vec<Channel>, String> = channels.split(',').map(str::parse).collect();
    let channels = parsed.map_err(|detail| invalid("channels", detail))?;
    if channels.len() > CHANNELS_MAX {
        let detail = format!("at most {CHANNELS_MAX} channels may be named");
        return Err(invalid("channels", detail));
    }
    match last_event_id.filter(|id| !id.is_empty()) {
        None => Ok(Places::new(&channels)),
        Some(id) => Places::of_id(id, &channels).ok_or_else(|| {
            let detail = "it is no id of an event of these channels; leave it out to begin anew";
            invalid("Last-Event-ID", detail)
        }),
    }
}

/// A connection that was made.
pub struct Session {
    following: Following,
    places: Places,
    terms: Terms,
    parts: Sender<Bytes>,
    _open: Connection,
}

const TOO_SLOW: &str = ": too slow for all that is told of an account; connect again, and begin anew\n\n";

/// Why a session is over.
enum End {
    /// The reader went, or does not take what is sent.
    Gone,
    /// It did not keep up with what it has to be told all of.
    TooSlow,
}

impl From<TooSlow> for End {
    fn from(_: TooSlow) -> Self {
        Self::TooSlow
    }
}

impl Session {
    /// Follows the channels from their places; the session, and the answer whose body it writes.
    ///
    /// # Errors
    /// When one of them cannot be followed.
    pub async fn begin(
        mut following: Following,
        places: Places,
        terms: Terms,
        open: Connection,
    ) -> Result<(Self, Response), Problem> {
        let wishes: Vec<Subscribe> = places.channels().map(Subscribe::from_place).collect();
        let known: Option<Known> = following.known(&wishes).await;
        for wish in &wishes {
            let refused = |refusal| refused(&wish.channel, refusal);
            following.subscribe(wish, known.as_ref()).map_err(refused)?;
        }
        let (parts, body) = channel(UNSENT_MAX);
        Ok((Self { following, places, terms, parts, _open: open }, answer(body)))
    }

    /// Serves until either side ends it.
    pub async fn run(mut self) {
        if let Err(End::TooSlow) = self.serve().await {
            metrics::counter!("overround_stream_closed_total", "code" => "4410").increment(1);
            // Whoever is gone has no use for a reason.
            drop(self.send(TOO_SLOW.into()).await);
        }
    }

    async fn serve(&mut self) -> Result<(), End> {
        let mut beats = interval(self.terms.heartbeat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beats.reset();
        let (stop, until, conflate) = (self.terms.stop.clone(), self.terms.until, self.terms.conflate);
        let (mut waits, mut next_at) = (false, Instant::now());
        self.send(BEGINNING.into()).await?;
        loop {
            tokio::select! {
                () = stop.cancelled() => return self.send(GOING_AWAY.into()).await,
                () = sleep_until(until) => return self.send(TOKEN_ENDED.into()).await,
                () = self.parts.closed() => return Err(End::Gone),
                () = self.following.arrived() => {
                    waits = true;
                    if !conflate.is_zero() {
                        self.tell(Due::Chronicles).await?;
                    }
                }
                () = sleep_until(next_at), if waits => {
                    waits = false;
                    next_at = Instant::now() + conflate;
                    self.tell(Due::All).await?;
                }
                _ = beats.tick() => self.send(BEAT.into()).await?,
            }
        }
    }

    /// Tells what is due, channel by channel.
    async fn tell(&mut self, due: Due) -> Result<(), End> {
        while let Some(news) = self.following.take(due)? {
            let mut part = Vec::new();
            for delivery in news {
                let Some(text) = self.following.text(&delivery) else { continue };
                // Notices are no part of a channel's order, and leave the last id as it is.
                if let Some((channel, at)) = place_after(&delivery) {
                    self.places.read(channel, at.clone());
                    part.extend_from_slice(format!("id: {}\n", self.places.id()).as_bytes());
                }
                part.extend_from_slice(b"data: ");
                part.extend_from_slice(&text);
                part.extend_from_slice(b"\n\n");
            }
            if !part.is_empty() {
                self.send(part.into()).await?;
            }
        }
        Ok(())
    }

    /// Waits for the reader to take a part; one who does not in time is gone.
    async fn send(&self, part: Bytes) -> Result<(), End> {
        match timeout(SEND_WAIT, self.parts.send(part)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

fn answer(parts: Receiver<Bytes>) -> Response {
    let body = futures::stream::unfold(parts, |mut parts| async {
        let part = parts.recv().await?;
        Some((Ok::<Bytes, Infallible>(part), parts))
    });
    let mut answer = Response::new(Body::from_stream(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer.headers_mut().insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    answer
}

fn refused(channel: &str, Refusal { code, detail }: Refusal) -> Problem {
    match code {
        "NOT_FOUND" => Problem::new(NOT_FOUND, format!("{channel}: {detail}")),
        "UNAVAILABLE" => Problem::unavailable(vec!["stream"], 1),
        _ => invalid("channels", format!("{channel}: {detail}")),
    }
}

fn invalid(parameter: &str, detail: impl Into<String>) -> Problem {
    Problem::invalid(INVALID_QUERY, FieldError::parameter(parameter, detail))
}
