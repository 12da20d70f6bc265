//! The built binary from the outside: its commands, its exit codes, what it says.

use overround_testkit::{TestDb, binary, redis_url};
use serde_json::Value;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether it has come.
const POLL: Duration = Duration::from_millis(20);

/// The binary over datastores of one test's own, or over none.
pub(crate) struct Binary {
    dir: TempDir,
    stores: Option<(TestDb, String)>,
}

impl Binary {
    /// Over a migrated database and an empty Redis database.
    pub(crate) async fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), stores: Some((TestDb::create().await, redis_url().await)) }
    }

    /// Over no datastores: for what needs none.
    pub(crate) fn alone() -> Self {
        Self { dir: TempDir::new().unwrap(), stores: None }
    }

    /// Its database.
    pub(crate) fn db(&self) -> &TestDb {
        &self.stores.as_ref().unwrap().0
    }

    /// A call of it, in an empty folder, with nothing of the caller's settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OVERROUND_"))
        {
            command.env_remove(name);
        }
        command.current_dir(self.dir.path()).env("OVERROUND_STATE_DIR", self.dir.path().join("state"));
        if let Some((db, redis)) = &self.stores {
            command.env("OVERROUND_DATABASE_URL", db.url()).env("OVERROUND_REDIS_URL", redis);
        }
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }
}

/// How a call ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// What it printed, as the one JSON object that it must be.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Whether it failed with this code, a line of cause and one of what to do, and these words.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "a failure prints no result");
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("error: "), "not cause and advice: {}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is missing in {}", self.stderr);
        }
    }
}

/// A call that goes on; killed when it is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Ends it as Ctrl-C in a service manager does, and waits for its end.
    pub(crate) fn terminate(mut self) -> Ended {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(POLL);
        };
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        self.0.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        self.0.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
        Ended::of(Output { status, stdout, stderr })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn answers(url: &str) -> Option<u16> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).send().await.ok().map(|answer| answer.status().as_u16())
}

pub(crate) async fn until_ready(base: &str) {
    let until = Instant::now() + PATIENCE;
    while answers(&format!("{base}/health/ready")).await != Some(200) {
        assert!(Instant::now() < until, "{base} does not become ready");
        tokio::time::sleep(POLL).await;
    }
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let ended = Binary::alone().run(&["--help"]);
    assert_eq!(ended.code, Some(0));
    for word in [
        "up",
        "serve",
        "work",
        "migrate",
        "replay",
        "simulate",
        "doctor",
        "config",
        "token",
        "openapi",
        "runtime",
        "Exit codes",
        "130",
    ] {
        assert!(ended.stdout.contains(word), "{word} is missing in {}", ended.stdout);
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for arguments in
        [&[][..], &["plya"], &["replay"], &["simulate", "--players", "0"], &["simulate", "--speed", "-1"]]
    {
        let ended = Binary::alone().run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
    }
}

#[test]
fn a_setting_that_is_wrong_stops_the_start_with_its_name_and_place() {
    let binary = Binary::alone();
    let with =
        |name: &str, value: &str| Ended::of(binary.command(&["serve"]).env(name, value).output().unwrap());
    with("OVERROUND_LISTN", "x").fails(2, &["listn", "OVERROUND_LISTN"]);
    with("OVERROUND_LISTEN", "x").fails(2, &["listen", "OVERROUND_LISTEN", "127.0.0.1:8080"]);
    with("OVERROUND_LOG", "=,=").fails(2, &["log"]);
    with("OVERROUND_ENVIRONMENT", "production").fails(2, &["database_url", "production"]);
    binary.run(&["config", "--set", "legs_max=99"]).fails(2, &["legs_max", "--set legs_max", "1 to 20"]);
    std::fs::write(binary.dir.path().join("overround.toml"), "\nlegs_max = 4\nunheard_of = 1\n").unwrap();
    binary.run(&["config"]).fails(2, &["unheard_of", "overround.toml:3"]);
    binary.run(&["config", "--config", "elsewhere.toml"]).fails(2, &["elsewhere.toml"]);
}

#[test]
fn config_says_where_each_setting_is_from_and_masks_passwords() {
    let binary = Binary::alone();
    std::fs::write(binary.dir.path().join("overround.toml"), "legs_max = 4\n").unwrap();
    let mut command = binary.command(&["config", "--redis-url", "redis://:s3cret@cache:6379"]);
    command.env("OVERROUND_DATABASE_URL", "postgres://app:s3cret@db/house");
    let ended = Ended::of(command.output().unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for line in [
        "legs_max = 4 # overround.toml:1",
        "database_url = \"postgres://app:***@db/house\" # environment OVERROUND_DATABASE_URL",
        "redis_url = \"redis://:***@cache:6379\" # flag --redis-url",
        "margin_bps = 400 # default",
    ] {
        assert!(ended.stdout.lines().any(|one| one == line), "{line} is missing in {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("s3cret"));
}

#[test]
fn the_local_issuer_keeps_its_key_to_itself_and_refuses_production() {
    let binary = Binary::alone();
    let first = binary.run(&["token", "ada"]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert_eq!(first.stdout.trim().split('.').count(), 3, "not a token: {}", first.stdout);
    let key = std::fs::metadata(binary.dir.path().join("state/issuer.pkcs8")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    let mut production = binary.command(&["token", "ada", "--role", "admin"]);
    for (name, value) in [
        ("ENVIRONMENT", "production"),
        ("DATABASE_URL", "postgres://db/house"),
        ("REDIS_URL", "redis://cache"),
        ("JWKS_URL", "https://issuer/keys"),
    ] {
        production.env(format!("OVERROUND_{name}"), value);
    }
    Ended::of(production.output().unwrap()).fails(2, &["local issuer", "development"]);
}

#[test]
fn openapi_prints_the_document() {
    let document = Binary::alone().run(&["openapi"]).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
}

#[tokio::test]
async fn migrate_says_what_it_did_and_doctor_what_it_found() {
    let mut binary = Binary::alone();
    binary.stores = Some((TestDb::empty().await, redis_url().await));
    binary.run(&["doctor"]).fails(1, &["overround migrate"]);
    binary.run(&["serve"]).fails(1, &["overround migrate"]);
    let first = binary.run(&["migrate"]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert!(first.stdout.contains("applied ") && first.stdout.contains("migrated: "), "{}", first.stdout);
    let second = binary.run(&["migrate"]);
    assert!(second.stdout.starts_with("nothing to do: "), "{}", second.stdout);
    let report = binary.run(&["doctor", "--json"]).json();
    assert_eq!(report["ok"], true);
    assert!(report["invariants"].as_array().unwrap().iter().all(|one| one["violations"] == 0));
}

#[tokio::test]
async fn doctor_fails_where_the_books_do_not_balance() {
    let binary = Binary::new().await;
    assert_eq!(binary.run(&["simulate", "--bets", "5", "--players", "2", "--matches", "1"]).code, Some(0));
    let admin = binary.db().admin().await;
    sqlx::query("UPDATE wallet.accounts SET balance_cents = balance_cents + 1 WHERE kind = 'PLAYER'")
        .execute(&admin)
        .await
        .unwrap();
    admin.close().await;
    let ended = binary.run(&["doctor", "--json"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let broken: Vec<&str> = report["invariants"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["violations"] != 0)
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert!(broken.contains(&"L2"), "{broken:?}");
    assert!(ended.stderr.starts_with("error: the data violates L"), "{}", ended.stderr);
}

#[tokio::test]
async fn datastores_that_are_away_are_named_without_their_passwords() {
    let binary = Binary::alone();
    let mut command = binary.command(&["doctor"]);
    command.env("OVERROUND_DATABASE_URL", "postgres://app:s3cret@127.0.0.1:1/house");
    command.env("OVERROUND_REDIS_URL", "redis://127.0.0.1:1");
    let ended = Ended::of(command.output().unwrap());
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("PostgreSQL at postgres://app:***@127.0.0.1:1/house is away"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn serve_becomes_ready_and_ends_cleanly() {
    let binary = Binary::new().await;
    let listen = format!("127.0.0.1:{}", free_port());
    let running = Running::start(binary.command(&["serve", "--listen", &listen]));
    until_ready(&format!("http://{listen}")).await;
    let ended = running.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for line in ended.stderr.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "a log line that is no JSON: {line}");
    }
}

#[tokio::test]
async fn work_ends_cleanly() {
    let binary = Binary::new().await;
    let mut running = Running::start(binary.command(&["work"]));
    // Its first log line says that the signals are heard.
    let mut byte = [0];
    running.0.stderr.as_mut().unwrap().read_exact(&mut byte).unwrap();
    let ended = running.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn up_plays_a_match_and_balances_the_books() {
    let binary = Binary::new().await;
    let ended = binary.run(&[
        "up",
        "--listen",
        "127.0.0.1:0",
        "--seed",
        "1",
        "--matches",
        "1",
        "--match-seconds",
        "2",
    ]);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    for words in ["API        http://127.0.0.1:", "curl -H", "finished: ", "bets settled", "books balanced"] {
        assert!(ended.stdout.contains(words), "{words} is missing in {}", ended.stdout);
    }
    assert_eq!(binary.run(&["doctor"]).code, Some(0));
}

#[tokio::test]
async fn up_started_twice_says_so_and_ends_on_a_signal() {
    let binary = Binary::new().await;
    let listen = format!("127.0.0.1:{}", free_port());
    let running = Running::start(binary.command(&["up", "--listen", &listen]));
    until_ready(&format!("http://{listen}")).await;
    let pid = running.0.id().to_string();
    binary.run(&["up"]).fails(2, &["runs already", &pid]);
    let ended = running.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(binary.run(&["doctor"]).code, Some(0));
}
