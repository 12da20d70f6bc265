//! The signals that ask the process to end.

use tokio::signal::unix::{SignalKind, signal};

/// Returns when Ctrl-C or SIGTERM arrives. From the first call on they no longer end the process.
pub async fn asked_to_end() {
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
