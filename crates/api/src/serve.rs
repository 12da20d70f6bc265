//! Runs the router until it is told to stop.

use axum::Router;
use axum::serve::ListenerExt;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long requests in flight may take after the word to stop. Longer than any request may take.
const DRAIN_MAX: Duration = Duration::from_secs(30);

/// The word to end, and the streams that have to hear it.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// Cancelled, it is the word.
    pub stop: CancellationToken,
    /// The open streams.
    pub streams: TaskTracker,
}

/// Serves until `ending` says to stop, then takes no more connections, finishes the requests that it
/// took, tells the streams, and returns.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, router: Router, ending: Ending) -> std::io::Result<()> {
    let Ending { stop, streams } = ending;
    // An answer is one small write: waiting for more of it would only delay it.
    let listener = listener.tap_io(|tcp| {
        if let Err(error) = tcp.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's delay");
        }
    });
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let too_long = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN_MAX).await;
    };
    tokio::select! {
        ended = async {
            let ended = serving.await;
            streams.close();
            streams.wait().await;
            ended
        } => ended,
        () = too_long => {
            tracing::warn!("connections were still open {} s after the word to stop", DRAIN_MAX.as_secs());
            Ok(())
        }
    }
}
