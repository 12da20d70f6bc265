//! Servers of a test's own, a producer that keeps markets on sale, and the house's processes.

use crate::disk::Disk;
use crate::process::{Server, Settings, of_server, signal};
use crate::until;
use overround_api::{ApiSettings, Environment, Keys, LocalIssuer, Rates, Role as Caller};
use overround_app::{App, Clock, Published};
use overround_domain::markets::SourceMarket;
use overround_domain::time::Timestamp;
use overround_embedded::{Profile, Runtime, Urls};
use overround_live::Live;
use overround_store::{ConnectOptions, Pool, Role, Store, connect};
use overround_testkit::{StateFolder, TestServer, match_odds, steady_port, test_settings};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Postgres, Transaction};
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Who publishes.
const PRODUCER: &str = "faults";
/// How many markets there are.
const MARKETS: usize = 6;
/// What the small disk takes: PostgreSQL as it is made, and the bets of some seconds.
const DISK_MIB: u64 = 192;
/// How often they are confirmed: well within a snapshot's shortest life.
const RENEW_EVERY: Duration = Duration::from_millis(250);

/// A house whose parts can be broken. The parts end in the order in which they stand here.
pub(crate) struct Stage {
    /// The house's processes.
    pub(crate) servers: Vec<Server>,
    /// A server in this process, behind the producer's use cases, where a test asked for one.
    pub(crate) here: Option<TestServer>,
    renewing: JoinHandle<()>,
    /// The producer's use cases, in this process.
    pub(crate) producer: App,
    /// What is on sale.
    pub(crate) markets: Vec<Published>,
    /// The superuser's connections to the house's database, for looking and for breaking.
    pub(crate) admin: PgPool,
    /// Who signs the callers' tokens.
    pub(crate) issuer: LocalIssuer,
    pub(crate) urls: Urls,
    settings: Settings,
    runtime: Option<Runtime>,
    disk: Option<Disk>,
    folder: StateFolder,
}

impl Stage {
    /// With so many server processes, ready.
    pub(crate) async fn new(servers: usize) -> Self {
        Self::with_clock(servers, Clock::system()).await
    }

    /// The same, each of them with one lane.
    pub(crate) async fn of_one_lane(servers: usize) -> Self {
        Self::with_settings(servers, &[("LANES", "1")]).await
    }

    /// The same over a Redis of the test's.
    pub(crate) async fn over(redis: String, servers: usize) -> Self {
        Self::set_up(Self::folder().await, None, Some(redis), servers, Clock::system(), &[]).await
    }

    /// The same with more settings.
    pub(crate) async fn with_settings(servers: usize, more: &[(&'static str, &str)]) -> Self {
        Self::set_up(Self::folder().await, None, None, servers, Clock::system(), more).await
    }

    /// The same on a small disk of its own; none where this machine lets no one mount it.
    pub(crate) async fn on_small_disk(servers: usize) -> Option<Self> {
        Disk::may_be_mounted()?;
        let folder = StateFolder::new().await;
        let place = folder.state_dir().join(Profile::Durable.name());
        std::fs::create_dir(&place).unwrap();
        let disk = Some(Disk::mount(&place, DISK_MIB).unwrap());
        Some(Self::set_up(folder, disk, None, servers, Clock::system(), &[]).await)
    }

    /// The same with a producer whose clock is given.
    pub(crate) async fn with_clock(servers: usize, clock: Clock) -> Self {
        Self::set_up(Self::folder().await, None, None, servers, clock, &[]).await
    }

    async fn folder() -> StateFolder {
        let folder = StateFolder::new().await;
        std::fs::create_dir(folder.state_dir().join(Profile::Durable.name())).unwrap();
        folder
    }

    async fn set_up(
        folder: StateFolder,
        disk: Option<Disk>,
        redis: Option<String>,
        servers: usize,
        clock: Clock,
        more: &[(&'static str, &str)],
    ) -> Self {
        let place = folder.state_dir().join(Profile::Durable.name());
        let ports = format!(r#"{{"postgres":{},"valkey":{}}}"#, steady_port(), steady_port());
        std::fs::write(place.join("ports.json"), ports).unwrap();
        let runtime = folder.start(Profile::Durable).await;
        let mut urls = runtime.urls().clone();
        urls.redis = redis.unwrap_or(urls.redis);
        let api = ApiSettings::default();
        let issuer = LocalIssuer::generate(Environment::Development, &api.issuer, &api.audience).unwrap();
        // The binary's processes read the key from where the first of them would have put it.
        std::fs::write(folder.state_dir().join("issuer.pkcs8"), issuer.to_pkcs8()).unwrap();
        let mut settings = Settings(vec![
            ("DATABASE_URL", urls.app.clone()),
            ("OWNER_DATABASE_URL", urls.owner.clone()),
            ("KEEPER_DATABASE_URL", urls.keeper.clone()),
            ("REDIS_URL", urls.redis.clone()),
            ("STATE_DIR", folder.state_dir().to_str().unwrap().to_owned()),
            // Short, so that a load soon has requests that nobody answered.
            ("REQUEST_TIMEOUT_MS", "1000".to_owned()),
            // A few players are the load of many, from one address.
            ("LIMIT_BETS_USER", String::new()),
            ("LIMIT_BETS_ADDRESS", String::new()),
            ("LIMIT_READS_USER", String::new()),
            ("LIMIT_STREAMS_USER", String::new()),
        ]);
        settings.0.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let migrated = settings.run(&["migrate"]);
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        let admin = PgPoolOptions::new().max_connections(8);
        let admin = admin.connect(&urls.admin.replace("/postgres?", "/overround?")).await.unwrap();
        let producer = app(&urls, clock).await;
        let mut sources = Vec::new();
        for number in 0..MARKETS {
            sources.push(match_odds(&format!("e{number}"), &format!("m{number}"), &[(2, 1), (2, 1)]));
        }
        let now = producer.clock().now();
        let markets = producer.publish(PRODUCER, now, &sources).await.unwrap();
        let renewing = tokio::spawn(keep_on_sale(producer.clone()));
        let runtime = Some(runtime);
        let mut stage = Self {
            servers: Vec::new(),
            here: None,
            disk,
            renewing,
            producer,
            markets,
            admin,
            issuer,
            urls,
            settings,
            runtime,
            folder,
        };
        for _ in 0..servers {
            stage.start_server(&[]).await;
        }
        stage
    }

    /// Starts another server, with settings of its own beside those of all.
    pub(crate) async fn start_server(&mut self, own: &[(&'static str, String)]) {
        let log = self.folder.state_dir().join(format!("server-{}.log", self.servers.len()));
        let mut settings = self.settings.clone();
        settings.0.extend_from_slice(own);
        self.servers.push(Server::start(settings, log).await);
    }

    /// A token for `subject`, good for an hour.
    pub(crate) fn token(&self, subject: &str, roles: &[Caller]) -> String {
        self.issuer.sign(subject, roles, 3_600, Timestamp::from(chrono::Utc::now())).unwrap()
    }

    /// Where the servers listen.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let here = self.here.iter().map(|here| here.base_url().to_owned());
        self.servers.iter().map(Server::base_url).chain(here).collect()
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.state_dir().join(Profile::Durable.name()).join(name)
    }

    /// The folder of PostgreSQL's data.
    pub(crate) fn data(&self) -> PathBuf {
        self.place("postgres/data")
    }

    /// Serves the API in this process too, behind the producer's use cases.
    pub(crate) async fn serve_here(&mut self) {
        let (app, issuer) = (self.producer.clone(), self.issuer.clone());
        let api = ApiSettings { rates: Rates::NONE, ..ApiSettings::default() };
        let here = TestServer::serve(app, api, issuer.clone(), Keys::Local(issuer)).await;
        self.here = Some(here);
    }

    /// Says the state of a market as its producer.
    pub(crate) async fn publish(&self, market: &SourceMarket) -> Published {
        let now = self.producer.clock().now();
        let published = self.producer.publish(PRODUCER, now, std::slice::from_ref(market)).await;
        published.unwrap().pop().unwrap()
    }

    /// Fills the small disk to its last byte.
    pub(crate) fn fill_disk(&self) {
        self.disk.as_ref().unwrap().fill();
    }

    /// Gives the room back.
    pub(crate) fn free_disk(&self) {
        self.disk.as_ref().unwrap().free();
    }

    /// Kills PostgreSQL, its sessions included, where it stands.
    pub(crate) async fn kill_postgres(&self) {
        self.kill("postgres", &self.data()).await;
    }

    /// The folder that Valkey runs in.
    pub(crate) fn valkey(&self) -> PathBuf {
        self.place("valkey")
    }

    /// Kills Valkey where it stands.
    pub(crate) async fn kill_valkey(&self) {
        self.kill("valkey-server", &self.valkey()).await;
    }

    async fn kill(&self, program: &str, folder: &std::path::Path) {
        let ids = of_server(program, folder);
        assert!(!ids.is_empty(), "{program} does not run");
        ids.iter().for_each(|id| {
            signal(*id, "KILL");
        });
        until("what was killed is gone", async || of_server(program, folder).is_empty()).await;
    }

    /// Tells PostgreSQL's main process to end, as `pg_ctl stop --mode fast` does, and waits for it.
    pub(crate) async fn shut_postgres_down(&self) {
        assert!(signal(self.folder.postgres(Profile::Durable), "INT"), "PostgreSQL does not run");
        until("PostgreSQL ends", async || of_server("postgres", &self.data()).is_empty()).await;
    }

    /// Starts what does not run, as an operator's supervisor does.
    pub(crate) async fn supervise(&mut self) {
        let runtime = self.folder.start(Profile::Durable).await;
        assert!(*runtime.urls() == self.urls, "the servers moved");
        self.runtime = Some(runtime);
    }

    /// Whether `overround doctor` finds the data sound.
    pub(crate) fn is_sound(&self) {
        let ended = self.settings.run(&["doctor"]);
        assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stdout));
    }

    /// Holds what the players' bets hold their stakes in, and returns when so many lanes wait for it in the midst
    /// of a transaction.
    pub(crate) async fn hold_accounts(&self, lanes: i64) -> Transaction<'static, Postgres> {
        let mut held = self.admin.begin().await.unwrap();
        let lock = sqlx::query("SELECT 1 FROM wallet.accounts WHERE kind = 'HOLD' FOR UPDATE");
        lock.execute(&mut *held).await.unwrap();
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'overround' \
             AND usename = 'overround_app' AND wait_event_type = 'Lock' AND query LIKE '%wallet.accounts%'";
        until("lanes wait", async || self.count(waiting).await == lanes).await;
        held
    }

    /// What a statement counts in the house's database.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.admin).await.unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.renewing.abort();
        // What a test wrote is worth no orderly shutdown, which writes everything once more.
        let running = [("postgres", self.data()), ("valkey-server", self.valkey())];
        for (program, folder) in running {
            of_server(program, &folder).into_iter().for_each(|id| {
                signal(id, "KILL");
            });
        }
        if std::thread::panicking() {
            for server in &self.servers {
                let log = server.log();
                let lines: Vec<&str> = log.lines().collect();
                eprintln!("a server's log ends:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"));
            }
        }
    }
}

/// The use cases over the stage's servers.
pub(crate) async fn app(urls: &Urls, clock: Clock) -> App {
    let store = Store::new(pool(&urls.app, Role::App).await);
    let keeper = pool(&urls.keeper, Role::Keeper).await;
    let live = Live::connect(&urls.redis).unwrap();
    App::start(store, keeper, live, clock, test_settings()).await.unwrap()
}

async fn pool(url: &str, role: Role) -> Pool {
    connect(&ConnectOptions { url: url.to_owned(), role, connections_max: 4 }).await.unwrap()
}

/// The producer's signs of life. Those that fail say that a part is away; the next one comes soon.
async fn keep_on_sale(producer: App) {
    loop {
        let _ = producer.renew(PRODUCER, producer.clock().now()).await;
        tokio::time::sleep(RENEW_EVERY).await;
    }
}
