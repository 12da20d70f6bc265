//! A cluster: which of its primaries has a slot, learnt again whenever one of them is away or says otherwise.
//!
//! The client's own cluster connection is not used: it holds all commands up while it looks for a node that does not
//! answer, and a message about slots that moved shifts the answers of the connection that it comes over.

use crate::Error;
use crate::connection::TIMEOUT;
use crate::node::{Node, place_of};
use crate::slots::SlotMap;
use futures::stream::{FuturesUnordered, StreamExt};
use redis::{Cmd, ConnectionAddr, ConnectionInfo, RedisResult};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// How long after learning the map it may be learnt again.
const LEARN_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// The nodes of a cluster, by slot.
pub(crate) struct Cluster {
    /// Where to begin.
    seeds: Vec<Arc<Node>>,
    /// How to log in to any node.
    login: ConnectionInfo,
    map: RwLock<Arc<SlotMap>>,
    /// When the map was learnt last; held while it is.
    learnt: Mutex<Learnt>,
    /// Whether a task is about to learn it.
    looking: AtomicBool,
}

#[derive(Default)]
struct Learnt {
    at: Option<Instant>,
    /// When no node told.
    failed_at: Option<Instant>,
}

impl Cluster {
    pub(crate) fn new(login: ConnectionInfo, seeds: Vec<Arc<Node>>) -> Self {
        let (map, learnt, looking) = (RwLock::default(), Mutex::default(), AtomicBool::new(false));
        Self { seeds, login, map, learnt, looking }
    }

    fn known(&self) -> Arc<SlotMap> {
        Arc::clone(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who owns which slot, as far as this process knows.
    ///
    /// # Errors
    /// When it knows nothing, and no node tells.
    pub(crate) async fn map(&self) -> Result<Arc<SlotMap>, Error> {
        let known = self.known();
        if known.is_empty() { self.learn(Instant::now()).await } else { Ok(known) }
    }

    /// Asks the nodes who owns which slot; the first who knows is believed. Not if that was done after `since`.
    ///
    /// # Errors
    /// When no node tells, or none did a moment ago.
    pub(crate) async fn learn(&self, since: Instant) -> Result<Arc<SlotMap>, Error> {
        let mut learnt = self.learnt.lock().await;
        if learnt.at.is_some_and(|at| at >= since) {
            return Ok(self.known());
        }
        if learnt.failed_at.is_some_and(|at| at.elapsed() < LEARN_AGAIN_AFTER) {
            return Err(Error::Unavailable(None));
        }
        let mut nodes = self.known().nodes();
        nodes.extend(self.seeds.iter().cloned());
        let until = Instant::now() + TIMEOUT;
        let asked = nodes.iter().map(|node| async move {
            let mut slots = Cmd::new();
            slots.arg("CLUSTER").arg("SLOTS");
            (node, node.ask(slots, until).await)
        });
        let mut answers: FuturesUnordered<_> = asked.collect();
        let mut why = None;
        while let Some((node, answer)) = answers.next().await {
            match answer {
                Ok(answer) => {
                    match SlotMap::read(answer, node, |host, port| self.node_among(&nodes, host, port)) {
                        Some(map) if !map.is_empty() => {
                            let map = Arc::new(map);
                            *self.map.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&map);
                            *learnt = Learnt { at: Some(Instant::now()), failed_at: None };
                            return Ok(map);
                        }
                        _ => {}
                    }
                }
                Err(error) => why = Some(error),
            }
        }
        learnt.failed_at = Some(Instant::now());
        Err(why.map_or(Error::Unavailable(None), Error::from))
    }

    /// Learns the map behind whoever found that it is wrong, or that a node is away.
    pub(crate) fn look_again(self: &Arc<Self>) {
        if self.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let cluster = Arc::clone(self);
        tokio::spawn(async move {
            // What cannot be learnt is asked for again by whoever needs it next.
            drop(cluster.learn(Instant::now()).await);
            sleep(LEARN_AGAIN_AFTER).await;
            cluster.looking.store(false, Ordering::Release);
        });
    }

    /// The node that another one named, `host:port`.
    pub(crate) fn node_at(&self, place: &str) -> Option<Arc<Node>> {
        let (host, port) = place.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().ok()?;
        (!host.is_empty()).then(|| self.node_among(&self.known().nodes(), host, port))
    }

    /// The node at an address: the one that is known already, with its connection, or else a new one.
    fn node_among(&self, nodes: &[Arc<Node>], host: &str, port: u16) -> Arc<Node> {
        let is_there = |node: &&Arc<Node>| place_of(node.info().addr()) == Some((host, port));
        if let Some(node) = nodes.iter().chain(&self.seeds).find(is_there) {
            return Arc::clone(node);
        }
        let host = host.to_owned();
        let address = match self.login.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        Arc::new(Node::new(self.login.clone().set_addr(address)))
    }

    /// Takes note of how a node answered: one that did not in time rests, so that nobody waits for it in vain.
    pub(crate) fn note<T>(self: &Arc<Self>, node: &Node, answer: &RedisResult<T>) {
        if node.note(answer) {
            let address = node.info().addr();
            match answer {
                Err(error) => tracing::warn!(%address, %error, "a node of Redis is away"),
                Ok(_) => tracing::info!(%address, "a node of Redis is back"),
            }
        }
        if answer.is_err() {
            metrics::counter!("overround_redis_node_failures_total").increment(1);
            self.look_again();
        }
    }
}
