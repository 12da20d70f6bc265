//! Valkey servers of a test's own: alone, as primary and replica, and as a cluster.

use crate::folder::valkey_program;
use crate::{done, redis_url};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, FromRedisValue, ServerErrorKind, Value};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How many nodes a cluster has, and how many slots.
const NODES: usize = 3;
const SLOTS: usize = 16_384;
/// How long to wait for a server that starts, or a cluster that forms.
const START_WAIT: Duration = Duration::from_secs(30);

/// Redis as a test has it: one server or a cluster, empty.
#[derive(Clone)]
pub struct RedisPlace {
    /// Where it is.
    pub url: String,
    nodes: Vec<MultiplexedConnection>,
}

impl RedisPlace {
    /// A database of the test's own on the tests' server.
    ///
    /// # Panics
    /// When the server cannot be reached.
    pub async fn server() -> Self {
        let url = redis_url().await;
        Self { nodes: vec![connection(&url).await], url }
    }

    /// Sends a command to the server that has its key; of several servers, the first that takes it.
    ///
    /// # Panics
    /// When none takes it.
    pub async fn command<T: FromRedisValue>(&mut self, words: &[&str]) -> T {
        let moved = ErrorKind::Server(ServerErrorKind::Moved);
        let mut last = None;
        for node in &mut self.nodes {
            match words_of(words).query_async(node).await {
                Err(error) if error.kind() == moved => last = Some(error),
                answer => return done("send a command to Redis", answer),
            }
        }
        panic!("no node of Redis takes {words:?}: {last:?}")
    }

    /// Sends a command to every server.
    ///
    /// # Panics
    /// When one refuses it.
    pub async fn everywhere<T: FromRedisValue>(&mut self, words: &[&str]) -> Vec<T> {
        let mut answers = Vec::with_capacity(self.nodes.len());
        for node in &mut self.nodes {
            answers.push(done("send a command to Redis", words_of(words).query_async(node).await));
        }
        answers
    }
}

/// A Valkey on a port of its own, which it keeps when it is killed and started again. It has no password, and
/// keeps nothing on disk but its place in a cluster.
pub struct TestValkey {
    settings: Vec<String>,
    port: u16,
    child: Child,
    _folder: TempDir,
}

impl TestValkey {
    /// Starts one, with more settings than are needed, as valkey.conf has them: name and value in turn.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(more: &[&str]) -> Self {
        let folder = done("make a folder", tempfile::tempdir_in("/var/tmp"));
        let port = steady_port();
        let (text, dir) = (port.to_string(), folder.path().to_string_lossy().into_owned());
        let own = ["port", &text, "bind", "127.0.0.1", "save", "", "appendonly", "no", "dir", &dir];
        let both = ["logfile", "valkey.log", "repl-diskless-sync-delay", "0"];
        let words = own.iter().chain(&both).chain(more);
        let settings: Vec<String> = words
            .enumerate()
            .map(|(place, word)| if place % 2 == 0 { format!("--{word}") } else { (*word).to_owned() })
            .collect();
        let child = spawn(&settings).await;
        let server = Self { settings, port, child, _folder: folder };
        server.until_ready().await;
        server
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Sends it a command.
    ///
    /// # Panics
    /// When it refuses.
    pub async fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let answer = words_of(words).query_async(&mut connection(&self.url()).await).await;
        done("send a command to Valkey", answer)
    }

    /// Kills it where it stands.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        done("kill Valkey", self.child.kill());
        done("wait for Valkey's end", self.child.wait());
    }

    /// Starts it again, empty.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        self.child = spawn(&self.settings).await;
        self.until_ready().await;
    }

    /// Sends its process a signal, by its name.
    ///
    /// # Panics
    /// When it is not there.
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(done("signal Valkey", kill).success(), "Valkey does not run");
    }

    async fn until_ready(&self) {
        eventually("Valkey answers", async || {
            let Ok(client) = redis::Client::open(self.url()) else { return false };
            let Ok(mut connection) = client.get_multiplexed_async_connection().await else { return false };
            words_of(&["PING"]).query_async::<Value>(&mut connection).await.is_ok()
        })
        .await;
    }
}

impl Drop for TestValkey {
    fn drop(&mut self) {
        // It may be dead already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A cluster of three Valkeys without replicas. The slots of a node that is away are not served, the others are.
pub struct TestCluster {
    /// Its nodes; the slots are parted among them in this order.
    pub nodes: Vec<TestValkey>,
}

impl TestCluster {
    /// Starts the servers and makes them a cluster.
    ///
    /// # Panics
    /// When it does not form.
    pub async fn start() -> Self {
        let mut nodes = Vec::new();
        for _ in 0..NODES {
            let bus = steady_port().to_string();
            let settings = [
                ("cluster-enabled", "yes"),
                ("cluster-port", &bus),
                ("cluster-node-timeout", "1000"),
                ("cluster-require-full-coverage", "no"),
            ];
            let settings: Vec<&str> = settings.iter().flat_map(|(name, value)| [*name, *value]).collect();
            nodes.push((TestValkey::start(&settings).await, bus));
        }
        for (number, (node, _)) in nodes.iter().enumerate() {
            let (first, after) = (number * SLOTS / NODES, (number + 1) * SLOTS / NODES);
            let (first, last) = (first.to_string(), (after - 1).to_string());
            node.command::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).await;
            node.command::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]).await;
        }
        for (node, bus) in nodes.iter().skip(1) {
            let port = node.port().to_string();
            if let Some((first, _)) = nodes.first() {
                first.command::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]).await;
            }
        }
        let cluster = Self { nodes: nodes.into_iter().map(|(node, _)| node).collect() };
        cluster.until_whole().await;
        cluster
    }

    /// Returns when every node knows who has every slot.
    ///
    /// # Panics
    /// When that does not come.
    pub async fn until_whole(&self) {
        for node in &self.nodes {
            eventually("the cluster is whole", async || {
                let said: String = node.command(&["CLUSTER", "INFO"]).await;
                let wanted = format!("cluster_slots_ok:{SLOTS}");
                said.contains("cluster_state:ok") && said.lines().any(|line| line.trim_end() == wanted)
            })
            .await;
        }
    }

    /// Its address, by all of its nodes.
    pub fn url(&self) -> String {
        let nodes: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}/", nodes.join(","))
    }

    /// The cluster, emptied.
    ///
    /// # Panics
    /// When a node is away.
    pub async fn place(&self) -> RedisPlace {
        let mut nodes = Vec::new();
        for node in &self.nodes {
            node.command::<()>(&["FLUSHALL"]).await;
            nodes.push(connection(&node.url()).await);
        }
        RedisPlace { url: self.url(), nodes }
    }
}

/// Makes a test of each of these functions, which take a [`RedisPlace`], on one server; and one test that calls
/// them all, in turn, on a cluster.
#[macro_export]
macro_rules! on_every_redis {
    ($($name:ident),+ $(,)?) => {
        mod on_one_server {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::RedisPlace::server().await).await;
            })+
        }

        #[tokio::test]
        async fn on_a_cluster() {
            let cluster = $crate::TestCluster::start().await;
            $($name(cluster.place().await).await;)+
        }
    };
}

/// A free port that stays free while its server is dead: it lies below those that the system gives to
/// outgoing connections and to whoever asks for any port.
pub fn steady_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        // Tests are processes, whose ids are apart.
        let turn = std::process::id().wrapping_mul(31).wrapping_add(TAKEN.fetch_add(1, Ordering::SeqCst));
        let port = u16::try_from(12_000 + turn % 20_000).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

async fn spawn(settings: &[String]) -> Child {
    let mut command = Command::new(valkey_program().await);
    let command = command.args(settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    done("start Valkey", command.spawn())
}

fn words_of(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    command.arg(words);
    command
}

async fn connection(url: &str) -> MultiplexedConnection {
    let client = done("read the Redis URL", redis::Client::open(url));
    done("connect to Redis", client.get_multiplexed_async_connection().await)
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + START_WAIT;
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
