//! Runs the router until it is told to stop.

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

/// How long requests in flight may take after the word to stop. Longer than any request may take.
const DRAIN_MAX: Duration = Duration::from_secs(30);
/// How long the head of a request may take, or the next request of a connection that is kept alive. Longer than the minute for
/// which proxies keep theirs: who closes first has no request on the way.
const HEAD_WAIT: Duration = Duration::from_secs(75);
/// How long, after the word to stop, the head of a connection's first request may still take.
const LAST_HEAD_WAIT: Duration = Duration::from_secs(1);
/// How long nobody is let in after the system had no room for another connection.
const FULL_WAIT: Duration = Duration::from_millis(500);

/// The word to end, and the streams that have to hear it.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// Cancelled, it is the word.
    pub stop: CancellationToken,
    /// The open streams.
    pub streams: TaskTracker,
}

/// Serves until `ending` says to stop, then takes no more connections, finishes the requests that it
/// took, tells the streams, and returns. That a connection cannot be accepted is logged, and is no end.
pub async fn serve(listener: TcpListener, router: Router, ending: Ending) {
    let Ending { stop, streams } = ending;
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, peer)) => drop(connections.spawn(connection(tcp, peer, router.clone(), stop.clone()))),
            Err(error) if was_gone_already(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted now");
                sleep(FULL_WAIT).await;
            }
        }
    }
    drop(listener);
    connections.close();
    let over = async {
        connections.wait().await;
        streams.close();
        streams.wait().await;
    };
    tokio::select! {
        () = over => {}
        () = sleep(DRAIN_MAX) => {
            tracing::warn!("connections were still open {} s after the word to stop", DRAIN_MAX.as_secs());
        }
    }
}

/// Whether the connection was gone before it was accepted, which is nothing of ours.
fn was_gone_already(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Serves one connection until either side ends it.
async fn connection(tcp: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    // An answer is one small write: waiting for more of it would only delay it.
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's delay");
    }
    let has_asked = AtomicBool::new(false);
    let service = service_fn(|mut request: Request<Incoming>| {
        has_asked.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request.map(Body::new))
    });
    let mut http = http1::Builder::new();
    // Head and body of an answer are small: one copy costs less than a list of two.
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT).writev(false);
    let mut serving = pin!(http.serve_connection(TokioIo::new(tcp), service).with_upgrades());
    let ended = tokio::select! {
        biased;
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            let never_asked = async {
                sleep(LAST_HEAD_WAIT).await;
                if has_asked.load(Ordering::Relaxed) {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                ended = serving.as_mut() => ended,
                () = never_asked => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    const WHOLE: &str = "GET / HTTP/1.1\r\nhost: here\r\n\r\n";

    /// On a clock that goes on whenever all are waiting.
    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_head_does_not_come_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "here" }));
        let ending = Ending::default();
        let stop = ending.stop.clone();
        let serving = tokio::spawn(serve(listener, router, ending));
        let whole_and_a_half = format!("{WHOLE}GET /");
        for (sent, answers) in [("", 0), ("GET / HTTP/1.1\r\nho", 0), (WHOLE, 1), (&whole_and_a_half, 1)] {
            let mut client = TcpStream::connect(address).await.unwrap();
            let since = Instant::now();
            client.write_all(sent.as_bytes()).await.unwrap();
            let mut told = String::new();
            client.read_to_string(&mut told).await.unwrap();
            assert_eq!(told.matches("HTTP/1.1 200 OK").count(), answers, "{sent:?}: {told}");
            assert!(since.elapsed() >= HEAD_WAIT, "{sent:?}: closed after {:?}", since.elapsed());
        }
        // Nor does one hold up the end.
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HT").await.unwrap();
        // The server waits for the rest of it when the clock goes on.
        sleep(LAST_HEAD_WAIT).await;
        let since = Instant::now();
        stop.cancel();
        serving.await.unwrap();
        assert!(since.elapsed() < DRAIN_MAX, "it ended after {:?}", since.elapsed());
    }
}
