//! The built binary as processes of a test: its servers, and commands that end.

use crate::until;
use overround_testkit::{binary, steady_port};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// How a test's calls of the binary reach its servers: variables, for their values hold passwords.
#[derive(Clone)]
pub(crate) struct Settings(pub(crate) Vec<(&'static str, String)>);

impl Settings {
    /// A call of the binary with nothing of the caller's own settings.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("OVERROUND_") {
                command.env_remove(name);
            }
        }
        command.envs(self.0.iter().map(|(name, value)| (format!("OVERROUND_{name}"), value)));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

/// A server of the house: a process that can be killed, stopped and started again at the same address.
pub(crate) struct Server {
    settings: Settings,
    port: u16,
    log: PathBuf,
    child: Child,
}

impl Server {
    /// Starts one, and returns when it is ready.
    pub(crate) async fn start(settings: Settings, log: PathBuf) -> Self {
        let port = steady_port();
        let child = serve(&settings, port, &log);
        let mut server = Self { settings, port, log, child };
        server.until_ready().await;
        server
    }

    /// Where it listens.
    pub(crate) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn until_ready(&mut self) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let ready = format!("{}/health/ready", self.base_url());
        until("a server becomes ready", async || {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended:\n{}", self.log());
            client.get(&ready).send().await.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    /// Kills it where it stands.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, as a service manager does.
    pub(crate) async fn start_again(&mut self) {
        self.child = serve(&self.settings, self.port, &self.log);
        self.until_ready().await;
    }

    /// Sends it a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        signal(i32::try_from(self.child.id()).unwrap(), name);
    }

    /// What it wrote, for the reader of a failure.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(settings: &Settings, port: u16, log: &PathBuf) -> Child {
    let log = File::options().create(true).append(true).open(log).unwrap();
    let mut command = settings.command(&["serve", "--listen", &format!("127.0.0.1:{port}")]);
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Sends a process a signal; whether it was there.
pub(crate) fn signal(id: i32, name: &str) -> bool {
    let kill = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).output();
    kill.unwrap().status.success()
}

/// The processes that run a program of this name in this folder, which are those of one server.
pub(crate) fn of_server(program: &str, folder: &std::path::Path) -> Vec<i32> {
    let folder = folder.canonicalize().unwrap();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let link = |id: i32, name: &str| std::fs::read_link(format!("/proc/{id}/{name}")).ok();
    ids.filter(|id| {
        link(*id, "exe").is_some_and(|exe| exe.ends_with(program))
            && link(*id, "cwd").is_some_and(|cwd| cwd == folder)
    })
    .collect()
}
