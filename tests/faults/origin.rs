//! A price provider over HTTP that keeps the history of what it was asked and what it told.

use overround_domain::markets::SourceMarket;
use overround_domain::time::Timestamp;
use overround_testkit::match_odds;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Whose markets they are.
pub(crate) const PRODUCER: &str = "origin";
/// One answer in so many takes longer than anybody waits for it.
const SLOW_EVERY: u32 = 40;
/// How long it takes, and how long one takes that is slow.
const TAKES_MS: Range<u64> = 5..120;
const SLOW: Duration = Duration::from_secs(2);
/// How old the prices are that it tells: some are fresh for a moment, most are stale, and some nobody may sell.
const AGES_MS: Range<i64> = 11_000..20_000;

/// One load of a market, as its origin saw it: from the question to just before the answer, or until the asker was gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load {
    /// Which market, by its number.
    pub(crate) market: usize,
    /// Which server asked.
    pub(crate) server: usize,
    pub(crate) begun: Instant,
    /// None while it goes on.
    pub(crate) ended: Option<Instant>,
    pub(crate) told: Option<Telling>,
}

/// What was told of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Telling {
    /// Unlike any other's: it is told as the market's delay, so that each version says by which load it was made.
    pub(crate) number: i64,
    pub(crate) at: Timestamp,
    pub(crate) age_ms: i64,
}

impl Telling {
    /// How long ago the market was confirmed, at an instant.
    pub(crate) const fn age_ms_at(self, instant: Timestamp) -> i64 {
        instant.millis() - self.at.millis() + self.age_ms
    }
}

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Tells,
    /// It keeps this server waiting.
    Holds(usize),
    /// It answers nobody with prices.
    Away,
}

/// The provider. It ends when it is dropped.
pub(crate) struct Origin {
    address: SocketAddr,
    book: Arc<Book>,
    manner: watch::Sender<Manner>,
    serving: JoinHandle<()>,
}

impl Origin {
    /// One of so many markets.
    pub(crate) async fn start(markets: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (manner, now) = watch::channel(Manner::Tells);
        let book = Arc::new(Book {
            markets: (0..markets).map(market).collect(),
            loads: Mutex::default(),
            draws: Mutex::new(ChaCha8Rng::seed_from_u64(9)),
            manner: now,
        });
        let of_all = Arc::clone(&book);
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&of_all), socket));
            }
        });
        Self { address, book, manner, serving }
    }

    /// Its markets, before anybody was told of them.
    pub(crate) fn markets(&self) -> &[SourceMarket] {
        &self.book.markets
    }

    /// Where a server asks: each somewhere else, so that it is known who asks.
    pub(crate) fn url(&self, server: usize) -> String {
        format!("http://{}/{server}/", self.address)
    }

    /// Keeps a server waiting until it is let go.
    pub(crate) fn hold(&self, server: usize) {
        self.manner.send_replace(Manner::Holds(server));
    }

    /// Tells no prices any more.
    pub(crate) fn goes_away(&self) {
        self.manner.send_replace(Manner::Away);
    }

    /// Tells whoever asks, and who was kept waiting.
    pub(crate) fn tells(&self) {
        self.manner.send_replace(Manner::Tells);
    }

    /// All loads so far, in the order in which they began.
    pub(crate) fn loads(&self) -> Vec<Load> {
        self.book.loads.lock().unwrap().clone()
    }

    /// How many loads of a server were told prices.
    pub(crate) fn told(&self, server: usize) -> usize {
        self.loads().iter().filter(|load| load.server == server && load.told.is_some()).count()
    }

    /// A load of a server that goes on.
    pub(crate) fn open(&self, server: usize) -> Option<Load> {
        self.loads().into_iter().find(|load| load.server == server && load.ended.is_none())
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What its connections share.
struct Book {
    markets: Vec<SourceMarket>,
    loads: Mutex<Vec<Load>>,
    draws: Mutex<ChaCha8Rng>,
    manner: watch::Receiver<Manner>,
}

fn market(number: usize) -> SourceMarket {
    match_odds(&format!("origin-e{number}"), &format!("origin-m{number}"), &[(2, 1), (2, 1)])
}

/// Answers the one question of a connection.
async fn serve(book: Arc<Book>, mut socket: TcpStream) {
    let Some((server, market)) = asked(&book, &mut socket).await else { return };
    let place = book.begin(server, market);
    let tells = tokio::select! {
        tells = book.takes_its_time(server) => tells,
        // Nobody says more than the question: it hung up.
        _ = socket.read_u8() => return book.end(place, None),
    };
    let age_ms = tells.then(|| book.draws.lock().unwrap().random_range(AGES_MS));
    // Before the answer: who has it may give its lease back, and another load begin.
    book.end(place, age_ms);
    let answer = age_ms.map_or_else(
        || "HTTP/1.1 503 Away\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned(),
        |age_ms| book.answer(place, age_ms),
    );
    drop(socket.write_all(answer.as_bytes()).await);
}

/// Who asks for which market, by the path of the request: `GET /SERVER/KEY`.
async fn asked(book: &Book, socket: &mut TcpStream) -> Option<(usize, usize)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let (server, key) = head.split(' ').nth(1).unwrap().trim_start_matches('/').split_once('/').unwrap();
    let market = book.markets.iter().position(|market| market.key == key);
    Some((server.parse().unwrap(), market.unwrap_or_else(|| panic!("asked for {key}"))))
}

impl Book {
    fn begin(&self, server: usize, market: usize) -> usize {
        let mut loads = self.loads.lock().unwrap();
        loads.push(Load { market, server, begun: Instant::now(), ended: None, told: None });
        loads.len() - 1
    }

    /// Ends a load, with prices of this age or none.
    fn end(&self, place: usize, age_ms: Option<i64>) {
        let load = &mut self.loads.lock().unwrap()[place];
        let at = Timestamp::from(chrono::Utc::now());
        let number = i64::try_from(place).unwrap() + 1;
        load.told = age_ms.map(|age_ms| Telling { number, at, age_ms });
        load.ended = Some(Instant::now());
    }

    fn answer(&self, place: usize, age_ms: i64) -> String {
        let Load { market, told, .. } = self.loads.lock().unwrap()[place].clone();
        let market = SourceMarket { bet_delay_ms: told.unwrap().number, ..self.markets[market].clone() };
        let body = json!({ "age_ms": age_ms, "market": market }).to_string();
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
    }

    /// Whether there are prices for a server, after a while.
    async fn takes_its_time(&self, server: usize) -> bool {
        let takes = {
            let mut draws = self.draws.lock().unwrap();
            let slow = draws.random_range(0..SLOW_EVERY) == 0;
            if slow { SLOW } else { Duration::from_millis(draws.random_range(TAKES_MS)) }
        };
        tokio::time::sleep(takes).await;
        let mut manner = self.manner.clone();
        let manner = manner.wait_for(|manner| *manner != Manner::Holds(server)).await;
        manner.is_ok_and(|manner| *manner != Manner::Away)
    }
}
