//! The servers' passwords: random, made once, readable by this user only.

use crate::Error;
use crate::place::hex;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::Write;
use std::path::Path;

/// A password, kept out of anything that prints.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Password(String);

impl Password {
    fn random() -> Self {
        Self(hex(&rand::random::<[u8; 32]>()))
    }

    /// The password itself: hexadecimal digits, so that no quoting is needed anywhere.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(..)")
    }
}

/// One password a login.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// PostgreSQL's superuser `postgres`.
    pub(crate) admin: Password,
    /// `overround_owner`.
    pub(crate) owner: Password,
    /// `overround_app`.
    pub(crate) app: Password,
    /// `overround_keeper`.
    pub(crate) keeper: Password,
    /// Valkey's default user.
    pub(crate) valkey: Password,
}

impl Credentials {
    /// Reads the file, or makes it. Call it with the start lock held and before the database is
    /// made, so that there is never a database whose passwords nobody knows.
    pub(crate) fn load_or_make(path: &Path, database: &Path) -> Result<Self, Error> {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                let reason = format!("it is no list of passwords ({error}); {}", remedy(database));
                Error::Folder { path: path.to_owned(), reason }
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::make(path, database),
            Err(source) => Err(Error::file("read", path)(source)),
        }
    }

    fn make(path: &Path, database: &Path) -> Result<Self, Error> {
        if database.exists() {
            let reason = format!("it is missing, and so are the database's passwords; {}", remedy(database));
            return Err(Error::Folder { path: path.to_owned(), reason });
        }
        let made = Self {
            admin: Password::random(),
            owner: Password::random(),
            app: Password::random(),
            keeper: Password::random(),
            valkey: Password::random(),
        };
        made.save(path).map_err(Error::file("write", path))?;
        Ok(made)
    }

    fn save(&self, path: &Path) -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        // A temporary file is made with mode 0600, which it keeps when it takes its name.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

fn remedy(database: &Path) -> String {
    format!("put it back, or move {} away to begin with an empty database", database.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn made_once_for_this_user_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, database) = (folder.path().join("credentials.json"), folder.path().join("data"));
        let made = Credentials::load_or_make(&path, &database).expect("made");
        std::fs::create_dir(&database).expect("a database");
        let read = Credentials::load_or_make(&path, &database).expect("read");
        assert_eq!(made.app.reveal(), read.app.reveal());
        assert_eq!(made.app.reveal().len(), 64);
        assert_ne!(made.app.reveal(), made.owner.reveal());
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!format!("{made:?}").contains(made.app.reveal()));
    }

    #[test]
    fn a_database_without_its_passwords_is_not_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, database) = (folder.path().join("credentials.json"), folder.path().join("data"));
        std::fs::create_dir(&database).expect("a database");
        assert!(Credentials::load_or_make(&path, &database).is_err());
        assert!(!path.exists());
    }
}
