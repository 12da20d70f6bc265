//! The connection to Redis, one server or a cluster: how commands and scripts are sent, and for how long they are waited
//! for.

use crate::Error;
use crate::cluster::Cluster;
use crate::node::{Node, pipeline_of, too_late};
use crate::slots::{key_of_command, slot_of};
use futures::future::join_all;
use redis::{
    Cmd, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo, Pipeline, RedisError, RedisResult,
    Script, ScriptInvocation, ServerErrorKind, Value, from_redis_value,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a command may take, connecting and being sent elsewhere included.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(500);

/// How often a command is sent in all: to the owner of its slot, where that one says, with its script.
const SENT_MAX: usize = 4;

/// Where commands go. Cheap to clone; connects at first use and again after a failure.
#[derive(Clone)]
pub(crate) enum Connection {
    /// One server.
    Server(Arc<Node>),
    /// A cluster. Each command goes to the owner of its key's slot: a script's keys share one.
    Cluster(Arc<Cluster>),
}

/// A way to one node.
#[derive(Clone)]
struct Route {
    node: Arc<Node>,
    /// The slot is on its way to the node, which has to be asked for it.
    asking: bool,
    /// The node has to be told the script first.
    untold: bool,
}

/// Commands that take one way, by their places among all.
struct Part {
    route: Route,
    commands: Vec<(usize, Cmd)>,
}

impl Connection {
    /// Called inside a tokio runtime. Nothing is connected yet.
    pub(crate) fn to(url: &str) -> Result<Self, RedisError> {
        let Some((scheme, rest)) = url.split_once("+cluster://") else {
            return Ok(Self::Server(Arc::new(Node::new(url.into_connection_info()?))));
        };
        let infos = nodes_of(scheme, rest)?;
        let login = infos.first().cloned().ok_or_else(no_node)?;
        let seeds = infos.into_iter().map(Node::new).map(Arc::new).collect();
        Ok(Self::Cluster(Arc::new(Cluster::new(login, seeds))))
    }

    /// One command's answer. Its key is its first argument.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        let mut answers = self.each(vec![command.clone()], None).await;
        answers.pop().unwrap_or(Err(Error::Unavailable(None)))
    }

    /// The answers of calls of one script, in their order and in one round trip to each node; a node may have to be
    /// told the script first.
    pub(crate) async fn call_all<T: FromRedisValue>(
        &self,
        script: &Script,
        calls: &[ScriptInvocation<'_>],
    ) -> Result<Vec<T>, Error> {
        self.call_each(script, calls).await.into_iter().collect()
    }

    /// The same, with nothing for the calls whose node is away, as long as another one answers.
    pub(crate) async fn call_some<T: FromRedisValue>(
        &self,
        script: &Script,
        calls: &[ScriptInvocation<'_>],
    ) -> Result<Vec<Option<T>>, Error> {
        let mut some = Vec::with_capacity(calls.len());
        let mut why = None;
        for answer in self.call_each(script, calls).await {
            match answer {
                Ok(answer) => some.push(Some(answer)),
                Err(error) if error.is_away() => {
                    some.push(None);
                    why = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match why {
            Some(error) if some.iter().all(Option::is_none) => Err(error),
            _ => Ok(some),
        }
    }

    /// The same, each answer for itself.
    pub(crate) async fn call_each<T: FromRedisValue>(
        &self,
        script: &Script,
        calls: &[ScriptInvocation<'_>],
    ) -> Vec<Result<T, Error>> {
        self.each(calls.iter().map(Cmd::invoke_script).collect(), Some(script)).await
    }

    /// Whether it answers; a cluster if one of its nodes does.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        let until = Instant::now() + TIMEOUT;
        let nodes = match self {
            Self::Server(node) => vec![Arc::clone(node)],
            Self::Cluster(cluster) => cluster.map().await?.nodes(),
        };
        let pings = nodes.iter().map(|node| async move {
            let mut ping = Cmd::new();
            ping.arg("PING");
            node.ask(ping, until).await
        });
        let mut why = Err(Error::Unavailable(None));
        for answer in join_all(pings).await {
            match answer {
                Ok(_) => return Ok(()),
                Err(error) => why = Err(error.into()),
            }
        }
        why
    }

    /// The node that has a key, if that is known.
    pub(crate) async fn owner_of(&self, key: &str) -> Option<Arc<Node>> {
        match self {
            Self::Server(node) => Some(Arc::clone(node)),
            Self::Cluster(cluster) => {
                let owner = cluster.map().await.ok()?.owner(slot_of(key.as_bytes())).cloned();
                if owner.is_none() {
                    cluster.look_again();
                }
                owner
            }
        }
    }

    /// Has a cluster say anew who owns which slot.
    pub(crate) async fn learn(&self) {
        if let Self::Cluster(cluster) = self {
            // What cannot be learnt shows in the next answer.
            drop(cluster.learn(Instant::now()).await);
        }
    }

    /// Takes note of a node's failure on another connection to it.
    pub(crate) fn note_failure(&self, node: &Node, error: &RedisError) {
        if let Self::Cluster(cluster) = self {
            cluster.note::<()>(node, &Err(error.clone()));
        }
    }

    /// The answers of commands, in their order and in one round trip to each node, each for itself; a node may have to be
    /// told their script first.
    pub(crate) async fn each<T: FromRedisValue>(
        &self,
        commands: Vec<Cmd>,
        script: Option<&Script>,
    ) -> Vec<Result<T, Error>> {
        if commands.is_empty() {
            return Vec::new();
        }
        let began = Instant::now();
        let mut answers: Vec<Result<T, Error>> = Vec::new();
        answers.resize_with(commands.len(), || Err(Error::Unavailable(None)));
        let parts = self.routed(commands).await;
        // No part waits for another: a node that does not answer holds up what is its own.
        for said in join_all(parts.into_iter().map(|part| self.carry(part, script, began))).await {
            for (place, answer) in said {
                if let Some(empty) = answers.get_mut(place) {
                    *empty = answer
                        .and_then(|value| from_redis_value(value).map_err(RedisError::from))
                        .map_err(Error::from);
                }
            }
        }
        answers
    }

    /// Sends a part, and what its node does not take to where it is taken.
    async fn carry(
        &self,
        part: Part,
        script: Option<&Script>,
        began: Instant,
    ) -> Vec<(usize, RedisResult<Value>)> {
        let (mut waiting, mut answers) = (vec![part], Vec::new());
        for _ in 0..SENT_MAX {
            let mut again = Vec::new();
            for part in waiting {
                let (part, said) = self.send(part, script, began + TIMEOUT).await;
                for ((place, command), answer) in part.commands.into_iter().zip(said) {
                    let elsewhere = match &answer {
                        Err(error) => self.elsewhere(&part.route, error, script, began).await,
                        Ok(_) => None,
                    };
                    match elsewhere {
                        Some(route) => add(&mut again, route, place, command),
                        None => answers.push((place, answer)),
                    }
                }
            }
            waiting = again;
        }
        answers
    }

    /// Commands by the nodes that they go to; those of slots that nobody owns are left out.
    async fn routed(&self, commands: Vec<Cmd>) -> Vec<Part> {
        let straight = |node: &Arc<Node>| Route { node: Arc::clone(node), asking: false, untold: false };
        let cluster = match self {
            Self::Server(node) => {
                let commands = commands.into_iter().enumerate().collect();
                return vec![Part { route: straight(node), commands }];
            }
            Self::Cluster(cluster) => cluster,
        };
        let Ok(map) = cluster.map().await else { return Vec::new() };
        let mut parts = Vec::new();
        for (place, command) in commands.into_iter().enumerate() {
            let slot = slot_of(key_of_command(&command).unwrap_or_default());
            match map.owner(slot) {
                Some(node) => add(&mut parts, straight(node), place, command),
                None => cluster.look_again(),
            }
        }
        parts
    }

    /// Sends a part to its node: the part, and an answer or an error for each of its commands.
    async fn send(
        &self,
        part: Part,
        script: Option<&Script>,
        until: Instant,
    ) -> (Part, Vec<RedisResult<Value>>) {
        let Route { node, asking, untold } = &part.route;
        let commands = pipeline(&part.commands, *asking, script.filter(|_| *untold));
        let said = match self {
            Self::Server(_) => node.send(&commands, until).await,
            Self::Cluster(_) if node.rests() => Err(too_late()),
            Self::Cluster(cluster) => {
                let said = node.send(&commands, until).await;
                cluster.note(node, &said);
                said
            }
        };
        let said = match said {
            Ok(said) => said,
            Err(error) => part.commands.iter().map(|_| Err(error.clone())).collect(),
        };
        (part, said)
    }

    /// Where a command goes that a node did not take; none where its error is the answer.
    async fn elsewhere(
        &self,
        route: &Route,
        error: &RedisError,
        script: Option<&Script>,
        began: Instant,
    ) -> Option<Route> {
        let ErrorKind::Server(kind) = error.kind() else { return None };
        if kind == ServerErrorKind::NoScript && script.is_some() && !route.untold {
            return Some(Route { untold: true, ..route.clone() });
        }
        let Self::Cluster(cluster) = self else { return None };
        let asking = kind == ServerErrorKind::Ask;
        match kind {
            ServerErrorKind::Ask => {}
            // What cannot be learnt is in the answer.
            ServerErrorKind::Moved => drop(timeout_at(began + TIMEOUT, cluster.learn(began)).await),
            ServerErrorKind::ClusterDown | ServerErrorKind::ReadOnly => cluster.look_again(),
            _ => return None,
        }
        let (place, _) = error.redirect_node()?;
        Some(Route { node: cluster.node_at(place)?, asking, untold: false })
    }
}

/// Waits for Redis, but not for long.
pub(crate) async fn in_time<T>(command: impl Future<Output = RedisResult<T>>) -> Result<T, Error> {
    match timeout(TIMEOUT, command).await {
        Ok(answer) => answer.map_err(Error::from),
        Err(_) => Err(Error::Unavailable(None)),
    }
}

fn add(parts: &mut Vec<Part>, route: Route, place: usize, command: Cmd) {
    let same = |part: &&mut Part| {
        Arc::ptr_eq(&part.route.node, &route.node)
            && (part.route.asking, part.route.untold) == (route.asking, route.untold)
    };
    match parts.iter_mut().find(same) {
        Some(part) => part.commands.push((place, command)),
        None => parts.push(Part { route, commands: vec![(place, command)] }),
    }
}

/// Commands, and what the node has to be told before them, whose answers are left out.
fn pipeline(commands: &[(usize, Cmd)], asking: bool, script: Option<&Script>) -> Pipeline {
    let mut pipeline = pipeline_of(None);
    if let Some(script) = script {
        pipeline.add_command(Cmd::load_script(script)).ignore();
    }
    for (_, command) in commands {
        if asking {
            pipeline.cmd("ASKING").ignore();
        }
        pipeline.add_command(command.clone());
    }
    pipeline
}

/// The nodes that a cluster's address names, `login@host:port,host:port/`, each as an address of its own.
fn nodes_of(scheme: &str, rest: &str) -> RedisResult<Vec<ConnectionInfo>> {
    let (login, places) = rest.rsplit_once('@').map_or(("", rest), |(login, places)| (login, places));
    let at = if login.is_empty() { "" } else { "@" };
    let end = places.find(['/', '?']).unwrap_or(places.len());
    let (hosts, path) = places.split_at(end);
    let urls = hosts.split(',').map(|host| format!("{scheme}://{login}{at}{host}{path}"));
    urls.map(IntoConnectionInfo::into_connection_info).collect()
}

fn no_node() -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, "a cluster's address names no node"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_s_address_names_nodes_with_one_login() {
        let nodes = nodes_of("redis", "ann:s3cret@a:1,b:2/0").unwrap();
        let places: Vec<String> = nodes.iter().map(|node| node.addr().to_string()).collect();
        assert_eq!(places, ["a:1", "b:2"]);
        assert!(nodes.iter().all(|node| node.redis_settings().password() == Some("s3cret")));
        assert_eq!(nodes_of("redis", "a").unwrap()[0].addr().to_string(), "a:6379");
        assert!(nodes_of("redis", "a:1,").is_err() && nodes_of("http", "a:1").is_err());
    }
}
