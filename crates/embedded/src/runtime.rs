//! The running servers, and this process as one of their users.

use crate::credentials::{Credentials, Password};
use crate::place::Place;
use crate::ports::Ports;
use crate::postgres::{Postgres, Running, provision, remove_if_there};
use crate::valkey::{self, Valkey};
use crate::wheels::{self, Programs};
use crate::{Error, place};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// What the data is worth. Each profile has its own servers and data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Development: what was committed survives a crash of the machine.
    Durable,
    /// Benchmarks: as durable, apart from the development data.
    Bench,
    /// Tests: faster, and a crash of the machine may cost the data.
    Test,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Durable, Self::Bench, Self::Test];

    /// The profile's name, which is also its folder's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Bench => "bench",
            Self::Test => "test",
        }
    }
}

/// Where the servers live and what they are for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder for everything, made when missing. Where root asks and `nobody` cannot reach it,
    /// a folder below /var/tmp named by its path takes its place.
    pub state_dir: PathBuf,
    /// Which of the servers.
    pub profile: Profile,
}

/// How to reach the servers, passwords included: not for logs or arguments of processes.
#[derive(Clone, PartialEq, Eq)]
pub struct Urls {
    /// PostgreSQL, database `overround`, login `overround_app`.
    pub app: String,
    /// The same as `overround_owner`, who owns the database and migrates it.
    pub owner: String,
    /// The same as `overround_keeper`, who makes partitions.
    pub keeper: String,
    /// PostgreSQL, database `postgres`, superuser `postgres`.
    pub admin: String,
    /// Valkey, database 0 of 1024.
    pub redis: String,
}

impl fmt::Debug for Urls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Urls(..)")
    }
}

/// What became of the servers when a user left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// This was the last user: they are ended.
    Ended,
    /// Other processes use them: they run on.
    StillUsed,
}

/// The servers, running for as long as this is held and not [`Runtime::stop`]ped. Dropping it without
/// stopping leaves them running for the next user.
#[derive(Debug)]
pub struct Runtime {
    place: Place,
    profile: Profile,
    programs: Programs,
    credentials: Credentials,
    port: u16,
    urls: Urls,
    joined: bool,
    shared: bool,
    user: File,
}

impl Runtime {
    /// Starts the servers or joins those that run, and counts this process among their users. The
    /// first run fetches the programs and makes the database.
    ///
    /// # Errors
    /// What is missing on the machine, what could not be fetched, or why a server did not start, with
    /// the end of its log.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let Options { state_dir, profile } = options;
        let place = Place::prepare(&state_dir, profile).await?;
        let starting = place.lock_start().await?;
        let programs = wheels::ensure(&place.root).await?;
        let credentials =
            Credentials::load_or_make(&place.file("credentials.json"), &place.file("postgres/data"))?;
        let (user, shared) = place.join_users()?;
        let mut ports = Ports::load(&place.file("ports.json"));
        let postgres = start_postgres(&place, profile, &programs, &credentials, ports.postgres).await?;
        ports.postgres = Some(postgres.port);
        ports.save(&place.file("ports.json"))?;
        provision(postgres.port, &credentials).await?;
        let joined = Valkey { place: &place }.ensure(&programs, &credentials, &mut ports).await?;
        drop(starting);
        let urls = urls(postgres.port, ports.valkey.unwrap_or_default(), &credentials);
        let (joined, port) = (joined && postgres.joined, postgres.port);
        tracing::info!(
            profile = profile.name(),
            joined,
            postgres = port,
            valkey = ports.valkey,
            "servers ready"
        );
        Ok(Self { place, profile, programs, credentials, port, urls, joined, shared, user })
    }

    /// How to reach the servers.
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// The folder in use: the one asked for, or the one below /var/tmp.
    pub fn state_dir(&self) -> &Path {
        &self.place.root
    }

    /// Whether both servers ran already when this process came.
    pub fn joined(&self) -> bool {
        self.joined
    }

    /// Whether another process was using the servers when this one came.
    pub fn shared(&self) -> bool {
        self.shared
    }

    /// `psql` on the database `overround` as its superuser, whose password it finds in its environment.
    /// Add arguments and run it.
    pub fn psql(&self) -> Command {
        self.program("psql")
    }

    /// The same of another of PostgreSQL's client programs, such as `pgbench`.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.postgres(name));
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGDATABASE", "overround");
        command.env("PGUSER", "postgres").env("PGPASSWORD", self.credentials.admin.reveal());
        command
    }

    /// Stops using the servers; the last user ends them.
    ///
    /// # Errors
    /// A server that does not end.
    pub async fn stop(self) -> Result<Stopped, Error> {
        let stopping = self.place.lock_start().await?;
        let last = self.place.leave_users(self.user)?;
        if last {
            stop_servers(&self.place, self.profile).await?;
        }
        drop(stopping);
        Ok(if last { Stopped::Ended } else { Stopped::StillUsed })
    }
}

/// Ends whatever servers of the folder run, also those that a killed user left and those in use.
/// Returns the profiles whose servers were ended.
///
/// # Errors
/// A server that does not end, or a folder that is another user's.
pub async fn down(state_dir: &Path) -> Result<Vec<Profile>, Error> {
    let mut ended = Vec::new();
    if !state_dir.exists() {
        return Ok(ended);
    }
    for profile in Profile::ALL {
        let place = Place::prepare(state_dir, profile).await?;
        let stopping = place.lock_start().await?;
        if stop_servers(&place, profile).await? {
            ended.push(profile);
        }
        drop(stopping);
    }
    Ok(ended)
}

async fn stop_servers(place: &Place, profile: Profile) -> Result<bool, Error> {
    let valkey = Valkey { place }.stop().await?;
    let postgres = Postgres { place, profile }.stop().await?;
    Ok(valkey || postgres)
}

/// Starts PostgreSQL. Test data that a crash of the machine has spoilt is made anew.
async fn start_postgres(
    place: &place::Place,
    profile: Profile,
    programs: &Programs,
    credentials: &Credentials,
    wished: Option<u16>,
) -> Result<Running, Error> {
    let postgres = Postgres { place, profile };
    match postgres.ensure(programs, credentials, wished).await {
        Err(error @ Error::Server { .. }) if profile == Profile::Test => {
            tracing::warn!(%error, "making the test databases anew");
            postgres.stop().await?;
            remove_if_there(&postgres.data())?;
            postgres.ensure(programs, credentials, wished).await
        }
        done => done,
    }
}

fn urls(postgres: u16, valkey: u16, credentials: &Credentials) -> Urls {
    let login = |name: &str, password: &Password, database: &str| {
        format!("postgres://{name}:{}@127.0.0.1:{postgres}/{database}?sslmode=disable", password.reveal())
    };
    Urls {
        app: login("overround_app", &credentials.app, "overround"),
        owner: login("overround_owner", &credentials.owner, "overround"),
        keeper: login("overround_keeper", &credentials.keeper, "overround"),
        admin: login("postgres", &credentials.admin, "postgres"),
        redis: valkey::url(valkey, credentials),
    }
}
