//! A server under test: this binary's `serve` in a process of its own.

use crate::config::{Config, SETTINGS, ServerUrl};
use crate::failure::Failure;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long it may take to serve, and to end.
const PATIENCE: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(50);

/// A server; ended when it is dropped.
pub struct Server {
    child: Child,
    /// Its process.
    pub pid: u32,
    /// Where it serves.
    pub address: SocketAddr,
}

/// The line of its log that says where it serves.
#[derive(Deserialize)]
struct Serving {
    message: String,
    address: SocketAddr,
}

impl Server {
    /// Starts one with these settings on a free port; its log goes to a file.
    ///
    /// # Errors
    /// When it does not come to serve, with the end of its log.
    pub async fn start(config: &Config, log: &Path) -> Result<Self, Failure> {
        let failed = |why: String| {
            Failure::failed(format!("the server under test: {why}"), format!("look at {}", log.display()))
        };
        let file = std::fs::File::create(log).map_err(|error| failed(error.to_string()))?;
        // This very program, even if its file was replaced by a newer build meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("overround");
        command.args(["serve", "--listen", "127.0.0.1:0"]).envs(environment(config));
        command.env("OVERROUND_LOG_FORMAT", "json");
        command.env("OVERROUND_LOG", format!("{},overround::commands::serve=info", config.log));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let pid = child.id().ok_or_else(|| failed("it ended at once".to_owned()))?;
        let until = Instant::now() + PATIENCE;
        loop {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            if let Some(address) = said.lines().find_map(serving) {
                return Ok(Self { child, pid, address });
            }
            if Instant::now() > until || !matches!(child.try_wait(), Ok(None)) {
                return Err(failed(said.lines().last().unwrap_or("it said nothing").to_owned()));
            }
            sleep(POLL).await;
        }
    }

    /// Ends it as a service manager does.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(mut self) -> Result<(), Failure> {
        if let Ok(pid) = i32::try_from(self.pid) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Failure::failed("the server under test does not end", "it is killed; look at its log")),
        }
    }
}

fn serving(line: &str) -> Option<SocketAddr> {
    let line: Serving = serde_json::from_str(line).ok()?;
    (line.message == "serving").then_some(line.address)
}

/// The settings as variables: arguments could be read by other users, and some hold passwords.
fn environment(config: &Config) -> Vec<(String, String)> {
    let reveal = |url: &Option<ServerUrl>| url.as_ref().map(|url| url.reveal().to_owned());
    SETTINGS
        .iter()
        .map(|setting| {
            let text = match setting.name {
                "database_url" => reveal(&config.database_url),
                "owner_database_url" => reveal(&config.owner_database_url),
                "keeper_database_url" => reveal(&config.keeper_database_url),
                "redis_url" => reveal(&config.redis_url),
                "jwks_url" => reveal(&config.jwks_url),
                "price_provider_url" => reveal(&config.price_provider_url),
                _ => (setting.show)(config),
            };
            (format!("OVERROUND_{}", setting.name.to_ascii_uppercase()), text.unwrap_or_default())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Loaded;

    #[test]
    fn a_server_gets_every_setting_as_it_is() {
        let mut config = Config { batch_max: 7, ..Config::default() };
        config.database_url = Some("postgres://app:s3cret@db/house".to_owned().into());
        config.redis_url = Some("redis://:s3cret@cache".to_owned().into());
        let read = Loaded::read(None, environment(&config), Vec::new()).unwrap().config;
        assert_eq!((read.batch_max, read.jwks_url.is_none()), (7, true));
        assert_eq!(read.database_url, config.database_url);
        assert_eq!(environment(&read), environment(&config));
    }

    #[test]
    fn its_address_is_read_from_its_log() {
        let line = r#"{"level":"INFO","message":"serving","address":"127.0.0.1:4711","workers":true}"#;
        assert_eq!(serving(line), Some(SocketAddr::from(([127, 0, 0, 1], 4_711))));
        assert_eq!(serving(r#"{"message":"ready"}"#), None);
    }
}
