//! PostgreSQL: made once, started or joined, ended.

use crate::credentials::Credentials;
use crate::place::Place;
use crate::ports::free_port;
use crate::process::{of_server, signal, wait_until, written};
use crate::settings::postgresql_conf;
use crate::wheels::Programs;
use crate::{Error, Profile};
use nix::sys::signal::Signal;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, PgConnection};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

/// The major version of the bundled programs, which their data folders carry.
const MAJOR_VERSION: &str = "18";
/// How long a server may take to answer: after a crash it replays its log first.
const START_WAIT: Duration = Duration::from_secs(300);
/// The largest log file that is still appended to, in bytes.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// One profile's PostgreSQL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Postgres<'a> {
    pub(crate) place: &'a Place,
    pub(crate) profile: Profile,
}

/// A server that answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    /// Whether it ran before this call.
    pub(crate) joined: bool,
}

enum State {
    Stopped,
    /// The main process; its port once it has one.
    Running(Option<u16>),
    /// Processes of a server whose main process was killed.
    Orphaned(Vec<i32>),
}

impl Postgres<'_> {
    /// The folder of the databases.
    pub(crate) fn data(&self) -> PathBuf {
        self.place.file("postgres/data")
    }

    fn log(&self) -> PathBuf {
        self.place.file("postgres/postgres.log")
    }

    fn socket_folder(&self) -> PathBuf {
        self.place.file("postgres/socket")
    }

    fn failed(&self, problem: impl Into<String>) -> Error {
        Error::Server { server: "PostgreSQL", problem: problem.into(), log: self.log() }
    }

    /// Makes the databases on the first run, then starts the server or joins the one that runs.
    /// Call it with the start lock held.
    pub(crate) async fn ensure(
        &self,
        programs: &Programs,
        credentials: &Credentials,
        wished: Option<u16>,
    ) -> Result<Running, Error> {
        self.make_once(programs, credentials).await?;
        let deadline = Instant::now() + START_WAIT;
        let (mut attempts, mut wished, mut joined) = (0, wished, true);
        loop {
            match self.state() {
                State::Running(Some(port)) if self.answers(port, credentials).await? => {
                    return Ok(Running { port, joined });
                }
                State::Running(_) if Instant::now() > deadline => {
                    return Err(self.failed(format!("did not answer within {} s", START_WAIT.as_secs())));
                }
                State::Running(_) => sleep(Duration::from_millis(20)).await,
                State::Orphaned(ids) => self.end_orphans(&ids).await?,
                State::Stopped if attempts == 3 => return Err(self.failed("does not stay up")),
                State::Stopped => {
                    let started = self.start(programs, free_port(wished)?).await;
                    (joined, attempts, wished) = (false, attempts + 1, None);
                    if attempts == 3 {
                        started?;
                    }
                }
            }
        }
    }

    /// Ends the server; whether there was one. Call it with the start lock held.
    pub(crate) async fn stop(&self) -> Result<bool, Error> {
        let data = self.data();
        let running = || of_server("postgres", &data);
        let ids = running();
        if ids.is_empty() {
            return Ok(false);
        }
        match self.main_process(&ids) {
            // Fast shutdown: sessions are ended, everything is written.
            Some((id, _)) => signal(id, Signal::SIGINT),
            None => self.end_orphans(&ids).await?,
        }
        if !wait_until(Duration::from_secs(60), || running().is_empty()).await {
            self.end_orphans(&running()).await?;
        }
        Ok(true)
    }

    fn state(&self) -> State {
        let ids = of_server("postgres", &self.data());
        match self.main_process(&ids) {
            _ if ids.is_empty() => State::Stopped,
            Some((_, port)) => State::Running(port),
            None => State::Orphaned(ids),
        }
    }

    /// The id and port that PostgreSQL wrote down, if that process is still one of its own.
    fn main_process(&self, ids: &[i32]) -> Option<(i32, Option<u16>)> {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let id = lines.next()?.trim().parse().ok()?;
        let port = lines.nth(2).and_then(|line| line.trim().parse().ok());
        ids.contains(&id).then_some((id, port))
    }

    /// Ends processes that nobody leads any more; they hold the shared memory that a new server needs.
    async fn end_orphans(&self, ids: &[i32]) -> Result<(), Error> {
        let data = self.data();
        for (what, within) in [(Signal::SIGQUIT, 5), (Signal::SIGKILL, 10)] {
            ids.iter().for_each(|id| signal(*id, what));
            let gone = || of_server("postgres", &data).iter().all(|id| !ids.contains(id));
            if wait_until(Duration::from_secs(within), gone).await {
                return Ok(());
            }
        }
        Err(self.failed("cannot be ended: its processes outlive SIGKILL"))
    }

    async fn start(&self, programs: &Programs, port: u16) -> Result<(), Error> {
        let (data, socket_folder, log) = (self.data(), self.socket_folder(), self.log());
        // No process of this server is alive: what they wrote about themselves is stale, and the id in it
        // may by now be that of a stranger, for whom PostgreSQL would refuse to start.
        remove_if_there(&data.join("postmaster.pid"))?;
        remove_if_there(&socket_folder)?;
        std::fs::create_dir(&socket_folder).map_err(Error::file("create", &socket_folder))?;
        self.place.user.give(&socket_folder, 0o700)?;
        if std::fs::metadata(&log).is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
            std::fs::rename(&log, log.with_extension("log.1")).map_err(Error::file("move", &log))?;
        }
        let settings = postgresql_conf(self.profile, port, &socket_folder);
        self.place.write_for_server(&data.join("postgresql.conf"), &settings)?;
        let mut command = self.command(programs, "pg_ctl");
        command.args(["--wait", "--silent", "--timeout"]).arg(START_WAIT.as_secs().to_string());
        command.arg("--pgdata").arg(&data).arg("--log").arg(&log).arg("start");
        let output = command.output().await.map_err(Error::file("run", &programs.postgres("pg_ctl")))?;
        if output.status.success() {
            return Ok(());
        }
        Err(self.failed(format!("did not start: {}", written(&output))))
    }

    fn command(&self, programs: &Programs, name: &str) -> Command {
        self.place.user.command(&programs.postgres(name), &self.place.file("postgres"))
    }

    /// Whether the server takes the superuser's password by now. A server that refuses it is another's.
    async fn answers(&self, port: u16, credentials: &Credentials) -> Result<bool, Error> {
        let options = admin_options(port, credentials, "postgres");
        match timeout(Duration::from_secs(5), options.connect()).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(sqlx::Error::Database(error)))
                if error.code().is_some_and(|code| code.starts_with("28")) =>
            {
                let reason = format!(
                    "its passwords are not those of {} ({error}); put the right ones back, or move both away",
                    self.data().display()
                );
                Err(Error::Folder { path: self.place.file("credentials.json"), reason })
            }
            Ok(Err(_)) | Err(_) => Ok(false),
        }
    }

    async fn make_once(&self, programs: &Programs, credentials: &Credentials) -> Result<(), Error> {
        let data = self.data();
        if let Ok(version) = std::fs::read_to_string(data.join("PG_VERSION")) {
            return self.check_version(version.trim());
        }
        tracing::info!(folder = %data.display(), "making a PostgreSQL data folder");
        // Made under another name, so that an interrupted initdb leaves nothing that looks whole.
        let unfinished = self.place.file("postgres/data.new");
        let password = self.place.file("postgres/password");
        remove_if_there(&unfinished)?;
        self.place.write_for_server(&password, credentials.admin.reveal())?;
        let made = self.initdb(programs, &unfinished, &password).await;
        remove_if_there(&password)?;
        made?;
        std::fs::rename(&unfinished, &data).map_err(Error::file("create", &data))
    }

    async fn initdb(&self, programs: &Programs, folder: &Path, password: &Path) -> Result<(), Error> {
        let mut command = self.command(programs, "initdb");
        command.args(["--username", "postgres", "--auth", "scram-sha-256", "--encoding", "UTF8"]);
        command.args(["--locale", "C.UTF-8", "--no-instructions"]);
        command.arg("--pgdata").arg(folder).arg("--pwfile").arg(password);
        if self.profile == Profile::Test {
            command.arg("--no-sync");
        }
        let output = command.kill_on_drop(true).output().await;
        let output = output.map_err(Error::file("run", &programs.postgres("initdb")))?;
        if output.status.success() {
            return Ok(());
        }
        Err(self.failed(format!("could not be set up: {}", written(&output))))
    }

    fn check_version(&self, found: &str) -> Result<(), Error> {
        if found == MAJOR_VERSION {
            return Ok(());
        }
        let reason = format!(
            "PostgreSQL {found} made it and this version brings {MAJOR_VERSION}: \
             dump it with the version that made it, or move it away to begin with an empty database"
        );
        Err(Error::Folder { path: self.data(), reason })
    }
}

/// A connection as the superuser `postgres`, over TCP.
pub(crate) fn admin_options(port: u16, credentials: &Credentials, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .ssl_mode(PgSslMode::Disable)
        .username("postgres")
        .password(credentials.admin.reveal())
        .database(database)
        .application_name("overround-embedded")
}

/// Makes the logins and the database, or gives them their passwords and rights again. The owner makes
/// schemas because the database is its own; it is no superuser. The migrations grant the rest.
pub(crate) async fn provision(port: u16, credentials: &Credentials) -> Result<(), Error> {
    let options = admin_options(port, credentials, "postgres");
    let mut admin = options.connect().await.map_err(failed_to("connect as its superuser"))?;
    // A statement that fails is logged with its text, and these carry passwords.
    let quiet = "SET log_min_error_statement = 'panic'; SET log_statement = 'none'; SET log_min_duration_statement = -1";
    run(&mut admin, "quieten the log", quiet.to_owned()).await?;
    let logins = [
        ("overround_owner", &credentials.owner),
        ("overround_app", &credentials.app),
        ("overround_keeper", &credentials.keeper),
    ];
    for (role, password) in logins {
        if !exists(&mut admin, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role).await? {
            run(&mut admin, "create a role", format!("CREATE ROLE {role}")).await?;
        }
        let login = format!("ALTER ROLE {role} LOGIN PASSWORD '{}'", password.reveal());
        run(&mut admin, "set a role's password", login).await?;
    }
    if !exists(&mut admin, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", "overround").await? {
        run(&mut admin, "create the database", "CREATE DATABASE overround OWNER overround_owner".to_owned())
            .await?;
    }
    let rights = "REVOKE ALL ON DATABASE overround FROM PUBLIC; \
                  GRANT CONNECT ON DATABASE overround TO overround_app, overround_keeper";
    run(&mut admin, "grant rights on the database", rights.to_owned()).await
}

async fn run(admin: &mut PgConnection, doing: &'static str, sql: String) -> Result<(), Error> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(admin).await.map(|_| ()).map_err(failed_to(doing))
}

async fn exists(admin: &mut PgConnection, sql: &'static str, name: &str) -> Result<bool, Error> {
    sqlx::query_scalar(sql).bind(name).fetch_one(admin).await.map_err(failed_to("read its catalogue"))
}

fn failed_to(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
    move |source| Error::Database { doing, source }
}

/// Removes a file or a folder with all that is in it.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), Error> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.map_err(Error::file("remove", path))
}
