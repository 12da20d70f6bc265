//! Where everything lies, and the locks that count its users.
//!
//! ```text
//! .overround/
//!   wheels-<hash>/           the servers' programs
//!   durable/, bench/, test/  one set of servers each
//!     start.lock             held while servers are started or stopped
//!     users.lock             held shared by each process that uses the servers
//!     credentials.json       passwords, 0600
//!     ports.json             the ports of the last run, taken again where they are free
//!     postgres/              data, socket folder, log: the servers' user's, closed to others
//!     valkey/                configuration, log: likewise
//! ```

use crate::process::ServerUser;
use crate::{Error, Profile};
use nix::unistd::geteuid;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long to wait for another process's start or stop: a first start fetches and initializes.
const LOCK_WAIT: Duration = Duration::from_secs(600);

/// The folder of one profile's servers.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The folder that the profiles share.
    pub(crate) root: PathBuf,
    /// The profile's own.
    pub(crate) profile_dir: PathBuf,
    /// Who runs the servers.
    pub(crate) user: ServerUser,
}

impl Place {
    /// Makes the folders that are missing and checks that they are this user's.
    pub(crate) async fn prepare(state_dir: &Path, profile: Profile) -> Result<Self, Error> {
        let user = ServerUser::current()?;
        let root = resolve(state_dir, user).await?;
        let profile_dir = root.join(profile.name());
        own_folder(&profile_dir, user)?;
        let place = Self { root, profile_dir, user };
        for server in ["postgres", "valkey"] {
            place.server_folder(server)?;
        }
        Ok(place)
    }

    /// A file of the profile's.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.profile_dir.join(name)
    }

    /// Writes a file of the servers' user's, readable by no other. It is made in a folder of ours and
    /// moved, so that nothing that user put in its place is followed.
    pub(crate) fn write_for_server(&self, path: &Path, content: &str) -> Result<(), Error> {
        let mut file = tempfile::NamedTempFile::new_in(&self.profile_dir)
            .map_err(Error::file("create a file in", &self.profile_dir))?;
        file.write_all(content.as_bytes()).map_err(Error::file("write", file.path()))?;
        self.user.give(file.path(), 0o600)?;
        file.persist(path).map_err(|error| Error::file("write", path)(error.error))?;
        Ok(())
    }

    /// A server's folder, made for the servers' user.
    fn server_folder(&self, server: &str) -> Result<(), Error> {
        let path = self.file(server);
        if !path.exists() {
            std::fs::create_dir(&path).map_err(Error::file("create", &path))?;
        }
        let owner = std::fs::symlink_metadata(&path).map_err(Error::file("read", &path))?.uid();
        if owner != self.user.uid() && owner != geteuid().as_raw() {
            return Err(foreign(&path, owner));
        }
        self.user.give(&path, 0o700)
    }

    /// Waits for the right to start and stop the servers.
    pub(crate) async fn lock_start(&self) -> Result<File, Error> {
        let path = self.file("start.lock");
        let file = lock_file(&path)?;
        let begun = Instant::now();
        let mut told = false;
        while !try_exclusive(&file, &path)? {
            if begun.elapsed() > LOCK_WAIT {
                return Err(Error::Busy { path, waited_s: begun.elapsed().as_secs() });
            }
            if !told {
                tracing::info!("waiting for another process that is starting or stopping the servers");
                told = true;
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(file)
    }

    /// Counts this process among the users; also whether there was another. Call it with the start
    /// lock held: changing a file lock's kind lets go of it for a moment.
    pub(crate) fn join_users(&self) -> Result<(File, bool), Error> {
        let path = self.file("users.lock");
        let file = lock_file(&path)?;
        let alone = try_exclusive(&file, &path)?;
        file.lock_shared().map_err(Error::file("lock", &path))?;
        Ok((file, !alone))
    }

    /// Stops being a user; whether no other is left. Call it with the start lock held.
    pub(crate) fn leave_users(&self, user: File) -> Result<bool, Error> {
        let path = self.file("users.lock");
        drop(user);
        try_exclusive(&lock_file(&path)?, &path)
    }
}

fn lock_file(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true).mode(0o600);
    options.open(path).map_err(Error::file("open", path))
}

fn try_exclusive(file: &File, path: &Path) -> Result<bool, Error> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(Error::file("lock", path)(source)),
    }
}

/// The state folder; another one below /var/tmp where root keeps the project in a folder that the
/// servers' user cannot reach (as /root).
async fn resolve(state_dir: &Path, user: ServerUser) -> Result<PathBuf, Error> {
    own_folder(state_dir, user)?;
    let path = state_dir.canonicalize().map_err(Error::file("find", state_dir))?;
    if user.reaches(&path).await {
        return Ok(path);
    }
    let hash = hex(&Sha256::digest(path.as_os_str().as_encoded_bytes()));
    let name = format!("overround-{}-{}", geteuid(), hash.get(..12).unwrap_or(&hash));
    let fallback = Path::new("/var/tmp").join(name);
    own_folder(&fallback, user)?;
    if !user.reaches(&fallback).await {
        let reason = "the user `nobody`, who runs PostgreSQL when root asks, cannot enter it".to_owned();
        return Err(Error::Folder { path: fallback, reason });
    }
    tracing::debug!(folder = %fallback.display(), "the servers' user cannot reach the project");
    fallback.canonicalize().map_err(Error::file("find", &fallback))
}

/// A folder of this user's that the servers' user can pass through. In /var/tmp anyone could have
/// made it first, so what is there must be a real folder of ours.
fn own_folder(path: &Path, user: ServerUser) -> Result<(), Error> {
    if let Err(source) = std::fs::create_dir(path) {
        match source.kind() {
            std::io::ErrorKind::AlreadyExists => {}
            std::io::ErrorKind::NotFound => {
                std::fs::create_dir_all(path).map_err(Error::file("create", path))?;
            }
            _ => return Err(Error::file("create", path)(source)),
        }
    }
    let found = std::fs::symlink_metadata(path).map_err(Error::file("read", path))?;
    if !found.is_dir() {
        return Err(Error::Folder {
            path: path.to_owned(),
            reason: "it is not a folder; move it away".to_owned(),
        });
    }
    if found.uid() != geteuid().as_raw() {
        return Err(foreign(path, found.uid()));
    }
    let mode = if user.is_other() { 0o711 } else { 0o700 };
    std::fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(Error::file("set the permissions of", path))
}

fn foreign(path: &Path, owner: u32) -> Error {
    let reason =
        format!("it belongs to the user {owner}, not to {}: work as that user, or move it away", geteuid());
    Error::Folder { path: path.to_owned(), reason }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn place(folder: &tempfile::TempDir) -> Place {
        Place::prepare(&folder.path().join("state"), Profile::Test).await.expect("a place")
    }

    #[tokio::test]
    async fn the_last_user_is_told_so() {
        let folder = tempfile::tempdir_in("/var/tmp").expect("a folder");
        let place = place(&folder).await;
        let (first, others) = place.join_users().expect("joined");
        assert!(!others);
        let (second, others) = place.join_users().expect("joined");
        assert!(others);
        assert!(!place.leave_users(first).expect("left"));
        assert!(place.leave_users(second).expect("left"));
    }

    #[tokio::test]
    async fn a_link_in_the_place_of_the_state_folder_is_refused() {
        let folder = tempfile::tempdir_in("/var/tmp").expect("a folder");
        let link = folder.path().join("state");
        std::os::unix::fs::symlink("/", &link).expect("a link");
        let refused = Place::prepare(&link, Profile::Test).await.expect_err("refused");
        assert!(matches!(refused, Error::Folder { .. }), "{refused}");
    }

    #[tokio::test]
    async fn what_root_keeps_out_of_reach_is_kept_elsewhere() {
        if !geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir_in("/var/tmp").expect("a folder");
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("closed");
        let place = place(&folder).await;
        assert!(place.root.starts_with("/var/tmp") && !place.root.starts_with(folder.path()), "{place:?}");
        assert!(place.user.reaches(&place.root).await);
        std::fs::remove_dir_all(&place.root).expect("removed");
    }

    #[test]
    fn hexadecimal_digits() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }
}
