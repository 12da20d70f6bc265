//! One `up` a state folder.

use crate::failure::Failure;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

const FILE: &str = "up.lock";

/// Held while `up` runs; the system lets go of it however the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock is held by being there")] Flock<File>);

impl Lock {
    /// Takes the lock of the folder.
    ///
    /// # Errors
    /// When another `up` has it, or the folder cannot be written.
    pub fn take(state_dir: &Path) -> Result<Self, Failure> {
        let path = state_dir.join(FILE);
        let unusable = |error: std::io::Error| {
            Failure::failed(
                format!("{} cannot be used: {error}", path.display()),
                "make the folder writable, or choose another with --state-dir",
            )
        };
        std::fs::create_dir_all(state_dir).map_err(unusable)?;
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut lock = match Flock::lock(open.map_err(unusable)?, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((mut file, Errno::EWOULDBLOCK)) => return Err(running(state_dir, &mut file)),
            Err((_, errno)) => return Err(unusable(errno.into())),
        };
        note_pid(&mut lock).map_err(unusable)?;
        Ok(Self(lock))
    }
}

fn note_pid(lock: &mut Flock<File>) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    write!(lock, "{}", std::process::id())
}

fn running(state_dir: &Path, file: &mut File) -> Failure {
    let mut pid = String::new();
    let _ = file.read_to_string(&mut pid);
    let pid = if pid.is_empty() { "unknown" } else { pid.trim() };
    Failure::usage(
        format!("`overround up` runs already on {} (process {pid})", state_dir.display()),
        format!("use that one, or end it with Ctrl-C or `kill {pid}`; another --state-dir can run beside it"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_who_has_it() {
        let dir = std::env::temp_dir().join(format!("overround-lock-{}", uuid::Uuid::now_v7()));
        let first = Lock::take(&dir).unwrap();
        let failure = Lock::take(&dir).unwrap_err();
        assert_eq!(failure.kind, crate::failure::Kind::Usage);
        assert!(failure.cause.contains(&std::process::id().to_string()), "{failure}");
        drop(first);
        assert!(Lock::take(&dir).is_ok(), "what ended holds nothing");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
