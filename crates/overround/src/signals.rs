//! The signals that ask the process to end.

use std::sync::OnceLock;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

static ASKED: OnceLock<CancellationToken> = OnceLock::new();

/// From here on the first Ctrl-C or SIGTERM asks the process to end, whatever it is at, and is not
/// forgotten; a second one ends it at once.
pub fn listen() {
    let asked = ASKED.get_or_init(CancellationToken::new).clone();
    tokio::spawn(async move {
        next().await;
        asked.cancel();
        next().await;
        std::process::exit(130);
    });
}

/// Returns once the process was asked to end; at once when it was before.
pub async fn asked_to_end() {
    ASKED.get_or_init(CancellationToken::new).cancelled().await;
}

/// Returns when the next Ctrl-C or SIGTERM arrives. From the first call on they no longer end the process.
pub async fn next() {
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else {
        // Without handlers the signals keep their usual effect.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
