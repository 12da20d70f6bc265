//! A proxy that delays, stops, cuts off, and leads elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// How many pieces may be on their way in one direction of a connection.
const ON_THE_WAY_MAX: usize = 1_024;

/// What has been done to the connections that there were at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// They carry.
    Carried,
    /// They are closed.
    Cut,
    /// They stay open, and nothing comes through any more.
    Silent,
}

/// A proxy in front of a server of this machine.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    target: AtomicU16,
    delay_ms: AtomicU64,
    fate: std::sync::Mutex<watch::Sender<Fate>>,
}

impl Proxy {
    /// One in front of the server at a port.
    pub(crate) async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            target: AtomicU16::new(target),
            delay_ms: AtomicU64::new(0),
            fate: std::sync::Mutex::new(watch::Sender::new(Fate::Carried)),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { port, shared, accepting }
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The Redis behind it.
    pub(crate) fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Holds back whatever the server says from now on for so long.
    pub(crate) fn delay(&self, delay: Duration) {
        self.shared.delay_ms.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Cuts the connections; new ones lead to the server at a port, and nowhere if it is 0.
    pub(crate) fn lead_to(&self, target: u16) {
        self.shared.target.store(target, Ordering::SeqCst);
        self.end(Fate::Cut);
    }

    /// Lets nothing more through on the connections, as if a firewall had forgotten them. New ones are carried.
    pub(crate) fn silence(&self) {
        self.end(Fate::Silent);
    }

    fn end(&self, fate: Fate) {
        let next = watch::Sender::new(Fate::Carried);
        let before = std::mem::replace(&mut *self.shared.fate.lock().unwrap(), next);
        before.send_replace(fate);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        let fate = shared.fate.lock().unwrap().subscribe();
        tokio::spawn(carry(client, Arc::clone(&shared), fate));
    }
}

async fn carry(client: TcpStream, shared: Arc<Shared>, mut fate: watch::Receiver<Fate>) {
    let target = shared.target.load(Ordering::SeqCst);
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let carried = async {
        tokio::select! {
            () = one_way(from_client, to_server, None) => {}
            () = one_way(from_server, to_client, Some(&shared)) => {}
        }
    };
    let ended = async {
        // Who was given no end ends with the proxy.
        drop(fate.wait_for(|fate| *fate != Fate::Carried).await);
        *fate.borrow()
    };
    tokio::pin!(carried);
    let fate = tokio::select! {
        () = &mut carried => Fate::Cut,
        fate = ended => fate,
    };
    if fate == Fate::Silent {
        // The halves stay open, unread.
        std::future::pending::<()>().await;
    }
}

/// Carries what is said one way. What is held back does not hold up what comes after it.
async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delayed: Option<&Arc<Shared>>) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY_MAX);
    let read = async move {
        let mut piece = vec![0; 65_536];
        loop {
            let Ok(length @ 1..) = from.read(&mut piece).await else { return };
            let delay = delayed.map_or(0, |shared| shared.delay_ms.load(Ordering::SeqCst));
            let due = Instant::now() + Duration::from_millis(delay);
            if sender.send((due, piece[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let write = async {
        while let Some((due, piece)) = receiver.recv().await {
            sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}
