//! Valkey: started or joined, ended. It holds nothing that cannot be made again.

use crate::Error;
use crate::credentials::Credentials;
use crate::place::Place;
use crate::ports::{Ports, free_port};
use crate::process::{of_server, signal, wait_until, written};
use crate::settings::valkey_conf;
use crate::wheels::Programs;
use nix::sys::signal::Signal;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long the server may take to answer; it has nothing to load.
const START_WAIT: Duration = Duration::from_secs(10);

/// One profile's Valkey.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Valkey<'a> {
    pub(crate) place: &'a Place,
}

impl Valkey<'_> {
    fn folder(&self) -> PathBuf {
        self.place.file("valkey")
    }

    fn failed(&self, problem: impl Into<String>) -> Error {
        Error::Server { server: "Valkey", problem: problem.into(), log: self.folder().join("valkey.log") }
    }

    fn runs(&self) -> bool {
        !of_server("valkey-server", &self.folder()).is_empty()
    }

    /// Starts the server, or joins the one that runs, on the port in `ports`, which it may change and
    /// then records. Whether it joined. Call it with the start lock held.
    pub(crate) async fn ensure(
        &self,
        programs: &Programs,
        credentials: &Credentials,
        ports: &mut Ports,
    ) -> Result<bool, Error> {
        if let Some(port) = ports.valkey
            && self.runs()
            && self.answers(port, credentials).await
        {
            return Ok(true);
        }
        self.stop().await?;
        for wished in [ports.valkey, None, None] {
            let port = free_port(wished)?;
            // Recorded first: if this process is killed now, the next one finds the server.
            ports.valkey = Some(port);
            ports.save(&self.place.file("ports.json"))?;
            self.start(programs, credentials, port).await?;
            if self.answers(port, credentials).await {
                return Ok(false);
            }
            self.stop().await?;
        }
        Err(self.failed("does not answer"))
    }

    /// Ends the server; whether there was one. Call it with the start lock held.
    pub(crate) async fn stop(&self) -> Result<bool, Error> {
        let folder = self.folder();
        let ids = of_server("valkey-server", &folder);
        if ids.is_empty() {
            return Ok(false);
        }
        for (what, within) in [(Signal::SIGTERM, 10), (Signal::SIGKILL, 10)] {
            ids.iter().for_each(|id| signal(*id, what));
            if wait_until(Duration::from_secs(within), || !self.runs()).await {
                return Ok(true);
            }
        }
        Err(self.failed("cannot be ended: it outlives SIGKILL"))
    }

    async fn start(&self, programs: &Programs, credentials: &Credentials, port: u16) -> Result<(), Error> {
        let folder = self.folder();
        let settings = folder.join("valkey.conf");
        // The password goes in by this file, never as an argument that others could read.
        self.place.write_for_server(&settings, &valkey_conf(port, &folder, &credentials.valkey))?;
        let program = programs.valkey();
        let output = self.place.user.command(&program, &folder).arg(&settings).output().await;
        let output = output.map_err(Error::file("run", &program))?;
        if output.status.success() {
            return Ok(());
        }
        Err(self.failed(format!("did not start: {}", written(&output))))
    }

    /// Whether the server takes our password and answers before it dies or the time is over.
    async fn answers(&self, port: u16, credentials: &Credentials) -> bool {
        let deadline = Instant::now() + START_WAIT;
        while Instant::now() < deadline {
            let asked = timeout(Duration::from_secs(2), ping(&url(port, credentials))).await;
            match asked {
                Ok(Ok(())) => return true,
                Ok(Err(_)) | Err(_) if !self.runs() => return false,
                Ok(Err(_)) | Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
        false
    }
}

/// The server's URL, with the password.
pub(crate) fn url(port: u16, credentials: &Credentials) -> String {
    format!("redis://:{}@127.0.0.1:{port}/0", credentials.valkey.reveal())
}

async fn ping(url: &str) -> redis::RedisResult<()> {
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    redis::cmd("PING").query_async(&mut connection).await
}
