//! Hearing what is published of markets, or told in chronicles: one connection of a process to each server, however many
//! of them it follows.

use crate::connection::{Connection, TIMEOUT};
use crate::fields::{key_of, market_of, snapshot_of_lines, version_of};
use crate::node::{Node, is_of, pipeline_of, too_late};
use crate::{Chronicle, Error, Position};
use futures::future::join_all;
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use redis::aio::{MultiplexedConnection, SendError};
use redis::{Cmd, ErrorKind, PushInfo, PushKind, RedisError, RedisResult, ServerErrorKind, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, timeout};

/// How many messages may wait to be heard. With more all connections count as lost: what was missed is read again.
const UNHEARD_MAX: usize = 16_384;
/// How long after a failure a server is connected to again, at first and at most.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// What can be followed: a market or a chronicle, which has a channel of its own.
pub trait Followed: Copy + Ord + Send + Sync + 'static {
    /// What is said on its channel.
    type Said: Send;

    /// The channel's name.
    fn channel(self) -> String;

    /// What a channel is of.
    fn of_channel(name: &str) -> Option<Self>;

    /// What a message says, and its seq.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when it cannot be read.
    fn read(self, seq: &str, body: &str) -> Result<(i64, Self::Said), Error>;
}

impl Followed for MarketId {
    type Said = Arc<Snapshot>;

    fn channel(self) -> String {
        key_of(self)
    }

    fn of_channel(name: &str) -> Option<Self> {
        market_of(name)
    }

    fn read(self, seq: &str, body: &str) -> Result<(i64, Arc<Snapshot>), Error> {
        let version = version_of(self, seq)?;
        Ok((version, Arc::new(snapshot_of_lines(self, version, body)?)))
    }
}

impl Followed for Chronicle {
    type Said = Arc<str>;

    fn channel(self) -> String {
        self.key()
    }

    fn of_channel(name: &str) -> Option<Self> {
        Self::of_key(name)
    }

    fn read(self, seq: &str, body: &str) -> Result<(i64, Arc<str>), Error> {
        Ok((self.seq(seq)?, body.into()))
    }
}

/// What a subscriber hears.
#[derive(Debug)]
pub enum Heard<T: Followed> {
    /// There is something new: a version of a market, an event of a chronicle.
    Said(T, Position, T::Said),
    /// Of these nothing is heard any more, and what is published meanwhile is missed: follow them again.
    Lost(BTreeSet<T>),
}

/// Connections that hear of what is followed, one to each server that has some of it. It tells of a loss and does nothing
/// about it by itself.
pub struct Subscriber<T> {
    connection: Connection,
    /// The connections, each under a number that no other has had.
    ears: BTreeMap<u64, Ear<T>>,
    numbers: u64,
    /// Servers that could not be connected to.
    failed: Vec<Failed>,
    /// Lost since the last time that somebody listened.
    lost: BTreeSet<T>,
    sender: Sender<(u64, PushInfo)>,
    pushes: Receiver<(u64, PushInfo)>,
    /// More came than could wait.
    overflowed: Arc<AtomicBool>,
}

/// A connection to one server.
struct Ear<T> {
    node: Arc<Node>,
    server: MultiplexedConnection,
    topics: BTreeSet<T>,
    /// How many confirmations are to come that topics are left. One that nobody asked for is the server's own: the
    /// slot has moved. It also shifts the answers on this connection, which is given up.
    leaving: Arc<AtomicUsize>,
}

struct Failed {
    node: Arc<Node>,
    again_at: Instant,
    again_after: Duration,
}

impl<T> fmt::Debug for Subscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("connections", &self.ears.len()).finish_non_exhaustive()
    }
}

impl<T: Followed> Subscriber<T> {
    pub(crate) fn new(connection: Connection) -> Self {
        let (sender, pushes) = channel(UNHEARD_MAX);
        let (ears, failed, lost) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        Self { connection, ears, numbers: 0, failed, lost, sender, pushes, overflowed: Arc::default() }
    }

    /// Hears of topics from now on, connecting where that is needed. What came before is in their histories. Answers
    /// which of them are followed: not those whose server is away.
    pub async fn follow(&mut self, topics: &[T]) -> BTreeSet<T> {
        let (followed, moved) = self.follow_at_owners(topics).await;
        if moved.is_empty() {
            return followed;
        }
        // Their slots are somewhere else, which is known by now.
        let (again, _) = self.follow_at_owners(&moved).await;
        &followed | &again
    }

    /// The topics that are followed, and those whose slots have moved.
    async fn follow_at_owners(&mut self, topics: &[T]) -> (BTreeSet<T>, Vec<T>) {
        let (mut followed, mut moved) = (BTreeSet::new(), Vec::new());
        for (node, topics) in self.by_owner(topics).await {
            let Some(number) = self.ear_at(&node).await else { continue };
            let Some(ear) = self.ears.get_mut(&number) else { continue };
            match ear.each("SSUBSCRIBE", &topics).await {
                Ok(answers) => {
                    for (topic, answer) in topics.into_iter().zip(answers) {
                        if answer.is_ok() {
                            ear.topics.insert(topic);
                            followed.insert(topic);
                        } else if is_of(&answer, ServerErrorKind::Moved) {
                            moved.push(topic);
                        }
                    }
                }
                Err(error) => self.lose(number, Some(&error)),
            }
        }
        if !moved.is_empty() {
            self.connection.learn().await;
        }
        (followed, moved)
    }

    async fn by_owner(&self, topics: &[T]) -> Vec<(Arc<Node>, Vec<T>)> {
        let mut parts: Vec<(Arc<Node>, Vec<T>)> = Vec::new();
        for topic in topics {
            let Some(owner) = self.connection.owner_of(&topic.channel()).await else { continue };
            match parts.iter_mut().find(|(node, _)| Arc::ptr_eq(node, &owner)) {
                Some((_, topics)) => topics.push(*topic),
                None => parts.push((owner, vec![*topic])),
            }
        }
        parts
    }

    /// The connection to a server, made if there is none; none while the server is away.
    async fn ear_at(&mut self, node: &Arc<Node>) -> Option<u64> {
        if let Some((number, _)) = self.ears.iter().find(|(_, ear)| Arc::ptr_eq(&ear.node, node)) {
            return Some(*number);
        }
        let failed = self.failed.iter().position(|failed| Arc::ptr_eq(&failed.node, node));
        if failed.and_then(|at| self.failed.get(at)).is_some_and(|failed| failed.again_at > Instant::now()) {
            return None;
        }
        self.numbers += 1;
        let (number, leaving) = (self.numbers, Arc::default());
        let connecting = node.connect_to_hear(self.hearing(number, Arc::clone(&leaving)));
        let server = timeout(TIMEOUT, connecting).await.unwrap_or_else(|_| Err(too_late()));
        let failed = failed.map(|at| self.failed.swap_remove(at));
        match server {
            Ok(server) => {
                let topics = BTreeSet::new();
                self.ears.insert(number, Ear { node: Arc::clone(node), server, topics, leaving });
                Some(number)
            }
            Err(error) => {
                self.connection.note_failure(node, &error);
                let again_after =
                    failed.map_or(AGAIN_AFTER.0, |failed| (failed.again_after * 2).min(AGAIN_AFTER.1));
                let again_at = Instant::now() + again_after;
                self.failed.retain(|failed| failed.again_at + AGAIN_AFTER.1 > Instant::now());
                self.failed.push(Failed { node: Arc::clone(node), again_at, again_after });
                None
            }
        }
    }

    /// What a connection does with what it hears.
    fn hearing(
        &self,
        number: u64,
        leaving: Arc<AtomicUsize>,
    ) -> impl Fn(PushInfo) -> Result<(), SendError> + Send + Sync + 'static {
        let (sender, overflowed) = (self.sender.clone(), Arc::clone(&self.overflowed));
        move |info| {
            // Confirmations answer their commands: nobody waits for them here too.
            let is_confirmation = match info.kind {
                PushKind::SSubscribe => true,
                PushKind::SUnsubscribe => {
                    let one_less = |left: usize| left.checked_sub(1);
                    leaving.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less).is_ok()
                }
                _ => false,
            };
            if is_confirmation {
                return Ok(());
            }
            sender.try_send((number, info)).map_err(|_| {
                overflowed.store(true, Ordering::Release);
                SendError
            })
        }
    }

    /// Hears of topics no more.
    pub async fn leave(&mut self, topics: &[T]) {
        let mut failed = Vec::new();
        for (number, ear) in &mut self.ears {
            let left: Vec<T> = topics.iter().copied().filter(|topic| ear.topics.remove(topic)).collect();
            if left.is_empty() {
                continue;
            }
            ear.leaving.fetch_add(left.len(), Ordering::AcqRel);
            if let Err(error) = ear.each("SUNSUBSCRIBE", &left).await {
                failed.push((*number, error));
            }
        }
        failed.into_iter().for_each(|(number, error)| self.lose(number, Some(&error)));
    }

    /// Finds out which servers do not answer any more: a connection that is cut without a word is found out only so. It
    /// is heard as a loss.
    pub async fn ping(&mut self) {
        let pings = self.ears.iter().map(|(number, ear)| async move {
            let mut ping = Cmd::new();
            ping.arg("PING");
            (*number, ear.round_trip([ping]).await)
        });
        for (number, answer) in join_all(pings).await {
            if let Err(error) = answer {
                self.lose(number, Some(&error));
            }
        }
    }

    /// Gives a connection up, for an error of its server's or because too much was said.
    fn lose(&mut self, number: u64, error: Option<&RedisError>) {
        if let Some(ear) = self.ears.remove(&number) {
            if let Some(error) = error {
                self.connection.note_failure(&ear.node, error);
            }
            self.lost.extend(ear.topics);
        }
    }

    /// What is heard next. Waits for ever while nothing is followed.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a message that is none of a topic's.
    pub async fn next(&mut self) -> Result<Heard<T>, Error> {
        loop {
            if !self.lost.is_empty() {
                return Ok(Heard::Lost(std::mem::take(&mut self.lost)));
            }
            let Some((number, push)) = self.pushes.recv().await else { return std::future::pending().await };
            if self.overflowed.swap(false, Ordering::AcqRel) {
                let numbers: Vec<u64> = self.ears.keys().copied().collect();
                numbers.into_iter().for_each(|number| self.lose(number, None));
            } else if self.ears.contains_key(&number) {
                match push.kind {
                    PushKind::SMessage => return message_of(&push.data),
                    PushKind::Disconnection | PushKind::SUnsubscribe => self.lose(number, Some(&closed())),
                    _ => {}
                }
            }
        }
    }
}

impl<T: Followed> Ear<T> {
    /// One command a channel: each is answered by one confirmation.
    async fn each(&self, command: &str, topics: &[T]) -> RedisResult<Vec<RedisResult<Value>>> {
        let commands = topics.iter().map(|topic| {
            let mut one = Cmd::new();
            one.arg(command).arg(topic.channel());
            one
        });
        self.round_trip(commands).await
    }

    async fn round_trip(
        &self,
        commands: impl IntoIterator<Item = Cmd>,
    ) -> RedisResult<Vec<RedisResult<Value>>> {
        let commands = pipeline_of(commands);
        let mut server = self.server.clone();
        timeout(TIMEOUT, commands.query_async(&mut server)).await.unwrap_or_else(|_| Err(too_late()))
    }
}

fn closed() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()
}

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// A message: the channel, and the epoch, the seq and what is said, a line each but for the last, which may have more.
fn message_of<T: Followed>(data: &[Value]) -> Result<Heard<T>, Error> {
    let bad = || {
        let refused =
            RedisError::from((ErrorKind::UnexpectedReturnType, "a message is of nothing that is followed"));
        Error::Refused(refused)
    };
    let (channel, body) = match data {
        [channel, body] => (text_of(channel).ok_or_else(bad)?, text_of(body).ok_or_else(bad)?),
        _ => return Err(bad()),
    };
    let topic = T::of_channel(channel).ok_or_else(bad)?;
    let (epoch, rest) = body.split_once('\n').ok_or_else(bad)?;
    let (seq, body) = rest.split_once('\n').ok_or_else(bad)?;
    let (seq, said) = topic.read(seq, body)?;
    Ok(Heard::Said(topic, Position { epoch: epoch.into(), seq }, said))
}
