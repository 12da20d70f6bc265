//! Processes: run as the servers' user, found by where they work, ended by their ids.

use crate::Error;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

/// Who runs the servers: this user, or `nobody` when this is root, whom PostgreSQL refuses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerUser {
    /// User and group to change to; none when the servers run as this user.
    other: Option<(u32, u32)>,
}

impl ServerUser {
    /// The user for this process's servers.
    pub(crate) fn current() -> Result<Self, Error> {
        if !geteuid().is_root() {
            return Ok(Self { other: None });
        }
        let nobody = User::from_name("nobody").ok().flatten().ok_or(Error::Missing {
            program: "the user `nobody`",
            remedy: "root may not run PostgreSQL; add that user, or work as an ordinary user",
        })?;
        Ok(Self { other: Some((nobody.uid.as_raw(), nobody.gid.as_raw())) })
    }

    /// The user id that the servers run under.
    pub(crate) fn uid(self) -> u32 {
        self.other.map_or_else(|| geteuid().as_raw(), |(uid, _)| uid)
    }

    /// Whether the servers run as another user than this process.
    pub(crate) fn is_other(self) -> bool {
        self.other.is_some()
    }

    /// A command of the servers' user in `folder`, with an environment that holds nothing of ours:
    /// PG* variables would change what PostgreSQL's programs do, and URLs with passwords must not leak.
    pub(crate) fn command(self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC");
        command.current_dir(folder).stdin(Stdio::null());
        if let Some((uid, gid)) = self.other {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Gives a file or folder to the servers' user, closed to all others.
    pub(crate) fn give(self, path: &Path, mode: u32) -> Result<(), Error> {
        std::fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(Error::file("set the permissions of", path))?;
        if let Some((uid, gid)) = self.other {
            std::os::unix::fs::chown(path, Some(uid), Some(gid))
                .map_err(Error::file("change the owner of", path))?;
        }
        Ok(())
    }

    /// Whether the servers' user can work in `folder`, decided by trying it.
    pub(crate) async fn reaches(self, folder: &Path) -> bool {
        !self.is_other()
            || matches!(self.command(Path::new("true"), folder).status().await, Ok(status) if status.success())
    }
}

/// What a finished command wrote, for an error's text.
pub(crate) fn written(output: &Output) -> String {
    let text =
        format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    crate::error::tail(&text, 15)
}

/// The processes of a server: those that run a program of this name in this folder. Unlike a pid
/// file this is never stale and never names a stranger.
pub(crate) fn of_server(program: &str, folder: &Path) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|id| runs(*id, program, folder)).collect()
}

fn runs(id: i32, program: &str, folder: &Path) -> bool {
    let process = Path::new("/proc").join(id.to_string());
    let link = |name: &str| std::fs::read_link(process.join(name)).ok();
    // The program's file may have been removed since: Linux then marks its name.
    let same_program = link("exe").is_some_and(|path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.trim_end_matches(" (deleted)") == program)
    });
    same_program && link("cwd").is_some_and(|path| path == folder)
}

/// Sends a signal; a process that is gone already is no error.
pub(crate) fn signal(id: i32, signal: Signal) {
    if let Err(error) = kill(Pid::from_raw(id), signal) {
        tracing::debug!(id, %signal, %error, "signal not delivered");
    }
}

/// Waits until the condition holds; whether it did within the time.
pub(crate) async fn wait_until(within: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + within;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_process_by_program_and_folder_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let real = folder.path().canonicalize().expect("its path");
        let mut child =
            std::process::Command::new("sleep").arg("60").current_dir(&real).spawn().expect("sleep");
        let id = i32::try_from(child.id()).expect("an id");
        let name = std::fs::read_link(format!("/proc/{id}/exe")).expect("its program");
        let name = name.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let here = of_server(&name, &real);
        let other_program = of_server("postgres", &real);
        let other_folder = of_server(&name, Path::new("/"));
        child.kill().expect("killed");
        child.wait().expect("reaped");
        assert_eq!(here, vec![id]);
        assert!(other_program.is_empty());
        assert!(!other_folder.contains(&id));
        assert!(of_server(&name, &real).is_empty());
    }

    #[tokio::test]
    async fn waiting_ends_with_the_condition_or_the_time() {
        let mut left = 3;
        let met = wait_until(Duration::from_secs(5), || {
            left -= 1;
            left == 0
        });
        assert!(met.await);
        assert!(!wait_until(Duration::ZERO, || false).await);
    }
}
