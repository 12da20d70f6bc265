//! The stream of what changes.

use crate::auth::Caller;
use crate::extract::{ConflateMs, HeartbeatMs, Params};
use crate::problem::{FieldError, INVALID_QUERY, Problem, UPGRADE_REQUIRED};
use crate::state::ApiState;
use crate::stream::{Connection, Following, Terms, sse, ws};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use http::header::{ACCEPT, UPGRADE};
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::IntoParams;

/// The largest message of a reader, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// What is read of a connection at once, in bytes; each has a buffer of so much.
const READ_BYTES: usize = 4 * 1024;
/// How much may wait in a connection's own buffer, in bytes, before its reader is waited for.
const UNSENT_BYTES_MAX: usize = 1024 * 1024;

/// How far a reader of events has read.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How long a connection may last, whatever its token says.
const CONNECTION_MAX: Duration = Duration::from_secs(7 * 86_400);

/// How to be told.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StreamParams {
    /// Of Server-Sent Events, what to follow: channels with commas between, at most 50. Over WebSocket they are asked for in
    /// messages.
    #[param(example = "markets:mkt_1C4KqX7YvQe3Jm9TzR5bNd")]
    channels: Option<String>,
    /// Prices are sent at most once in so many milliseconds, the newest of each market; 0 is whenever they change.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 60_000, default = 0)]
    conflate_ms: Option<ConflateMs>,
    /// A ping is sent every so many milliseconds; who answers none of three is closed.
    #[param(value_type = Option<i64>, minimum = 1_000, maximum = 60_000, default = 15_000)]
    heartbeat_ms: Option<HeartbeatMs>,
}

/// The stream
///
/// A WebSocket, or Server-Sent Events for who asks with `Accept: text/event-stream`.
///
/// Over WebSocket send `{"subscribe": [{"channel": "markets:mkt_..."}]}` and `{"unsubscribe": ["markets:mkt_..."]}`.
/// Frames are `{channel, epoch, seq, type, data, time}`: first `subscribed` and a `snapshot`, then an `update` for each
/// version, whose seq is one more than the last one's. Who names the `epoch` and `seq` of the last frame read, in
/// `subscribe`, gets what came after it, or a `reset` with the market as it stands where that is not kept any more, or
/// the epoch is over. A reader that falls behind gets the newest prices only: `conflated` says how many frames were
/// passed over; none that changes a status, line or runner is. `stale` says that prices may not be sold any more, and
/// `fresh` that they may again. What is refused is a frame of type `error`. Close codes: 1001 the server ends, 1009 too
/// large a message, 4400 bad message, 4401 token ended, 4408 silent, 4410 too slow for what is told of an account,
/// 4429 too many messages.
///
/// `events:{event_id}` tells what happens to a sporting event. A `snapshot` (or `reset`) is the event as
/// `GET /v1/events/{event_id}` answers it; then follow `event.changed` (its name, sport or start: take them from the highest
/// `version`), `market.opened` (it has another market) and `market.settled` (a market's result, of which the highest
/// `generation` counts). `GET /v1/markets?event_id=` after a snapshot or reset lists the markets that it had before,
/// with their results. Prices and statuses are told by the markets' own channels. Frames of type `presence`, which have
/// no epoch and seq, say how many users are present: the first at once, then once a second at most if it changed. Who
/// says `{"channel": "events:evt_...", "present": true}` is one of them for as long as the connection lasts.
///
/// `account:{account_id}` tells what happens to an account: of the caller's own, or of any to who may read all. A
/// `snapshot` (or `reset`) is the account as `GET /v1/accounts/{account_id}` answers it; then each event is a frame with
/// the next `seq`, whose type is its name: `bet.placed`, `bet.settled`, `wallet.credited`, `wallet.debited`,
/// `wallet.adjusted`, `wallet.reversed`, `wallet.transferred`, `wallet.opened`, `account.frozen`, `account.unfrozen`.
/// `balance_cents` (of the wallet that `account_id` names) and `held_cents` are what they came to by the event; a
/// snapshot may be later than events that follow it, so take them from the frame with the highest `account_seq`.
///
/// Of what is told of accounts and sporting events none is passed over unawares, and `conflate_ms` does not hold it up. Who
/// was away names its place and gets what it missed, while that is kept (the last 128 of an account and 512 of an event, for
/// ten minutes after the last); else there is a `reset`. Who is connected and too slow for that gets a `reset` of an event,
/// and is disconnected with 4410 where it was an account.
///
/// As Server-Sent Events the channels of the query are followed, and nobody is present by that. The `data` of an event is
/// a frame; its `id` says how far all channels were read, and sent back as `Last-Event-ID` (by browsers, of themselves)
/// goes on from there. Comments are signs of life. What cannot be followed is a problem, before anything is sent.
#[utoipa::path(get, path = "/v1/stream", tag = "stream", params(StreamParams,
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was read of the same \
            channels (Server-Sent Events).")),
    responses(
        (status = 101, description = "The connection is a WebSocket from now on."),
        (status = 200, description = "The events.", body = String, content_type = "text/event-stream")))]
pub async fn stream(
    State(state): State<ApiState>,
    caller: Caller,
    Params(params): Params<StreamParams>,
    request: Request,
) -> Result<Response, Problem> {
    let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let terms = Terms {
        conflate: ms(params.conflate_ms.map_or(0, |ms| ms.0)),
        heartbeat: ms(params.heartbeat_ms.map_or(15_000, |ms| ms.0)),
        subscriptions_max: state.settings.stream_subscriptions_max,
        until: Instant::now() + caller.expires_in().min(CONNECTION_MAX),
        stop: state.ending.stop.clone(),
    };
    if wants_events(request.headers()) {
        return events(&state, &caller, params.channels.as_deref(), terms, request.headers()).await;
    }
    let upgrade = WebSocketUpgrade::from_request(request, &state).await.map_err(|_| {
        let detail = "ask for an upgrade to a WebSocket (RFC 6455), or for Accept: text/event-stream";
        Problem::new(UPGRADE_REQUIRED, detail)
    })?;
    if params.channels.is_some() {
        return Err(invalid_channels("over WebSocket channels are asked for in messages"));
    }
    let open = opened(&state, &caller)?;
    let following = Following::new(&state.app, &caller, terms.conflate, terms.subscriptions_max);
    Ok(upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .read_buffer_size(READ_BYTES)
        .max_write_buffer_size(UNSENT_BYTES_MAX)
        .on_upgrade(move |socket| {
            let session = ws::Session::new(socket, following, terms, open).run();
            state.ending.streams.track_future(session)
        }))
}

async fn events(
    state: &ApiState,
    caller: &Caller,
    channels: Option<&str>,
    terms: Terms,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let channels =
        channels.ok_or_else(|| invalid_channels("name what to follow, such as markets:mkt_..."))?;
    let last = headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or("not a text"));
    let places = sse::places(channels, last)?;
    let open = opened(state, caller)?;
    let following = Following::new(&state.app, caller, terms.conflate, terms.subscriptions_max);
    let (session, answer) = sse::Session::begin(following, places, terms, open).await?;
    state.ending.streams.spawn(session.run());
    Ok(answer)
}

/// Whether a request is for Server-Sent Events.
fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let mut kinds = accepted.flat_map(|accept| accept.split(','));
    let wanted = |kind: &str| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/event-stream");
    !headers.contains_key(UPGRADE) && kinds.any(wanted)
}

/// One more stream of the caller's.
fn opened(state: &ApiState, caller: &Caller) -> Result<Connection, Problem> {
    let most = state.settings.stream_connections_per_user_max;
    let open = state.connections.open(caller.user_id(), most);
    open.ok_or_else(|| Problem::too_many_connections(most))
}

fn invalid_channels(detail: &str) -> Problem {
    Problem::invalid(INVALID_QUERY, FieldError::parameter("channels", detail))
}
