//! A small disk that can be filled: a tmpfs under PostgreSQL, which needs root.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where it is mounted. Unmounted when it is dropped.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// Whether this process may mount one; none after saying that the calling test was not run.
    pub(crate) fn may_be_mounted() -> Option<()> {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        match Self::mount(folder.path(), 1) {
            Ok(disk) => {
                drop(disk);
                Some(())
            }
            Err(why) => {
                assert!(
                    std::env::var("CI").as_deref() != Ok("true"),
                    "CI=true, and no tmpfs can be mounted, which needs root: {why}"
                );
                eprintln!("NOT RUN: this test mounts a small disk, which needs root: {why}");
                None
            }
        }
    }

    /// Mounts an empty one on a folder of root's.
    pub(crate) fn mount(folder: &Path, mib: u64) -> Result<Self, String> {
        let mut command = Command::new("mount");
        let options = format!("size={mib}m,mode=0711");
        run(command.args(["-t", "tmpfs", "-o", &options, "overround-faults"]).arg(folder))?;
        Ok(Self(folder.to_owned()))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Leaves not a byte.
    pub(crate) fn fill(&self) {
        let mut file = std::fs::File::create(self.ballast()).unwrap();
        for bytes in [vec![0; 1 << 20], vec![0; 512]] {
            while file.write_all(&bytes).is_ok() {}
        }
    }

    /// Gives back what was filled.
    pub(crate) fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a killed process may hold it for a moment more.
        let ended = run(Command::new("umount").arg("--lazy").arg(&self.0));
        assert!(ended.is_ok() || std::thread::panicking(), "{ended:?}");
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
