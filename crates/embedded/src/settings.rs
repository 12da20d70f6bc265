//! The servers' configuration files.

use crate::Profile;
use crate::credentials::Password;
use std::path::Path;

/// The longest path of a socket that Linux takes, without its closing zero.
const SOCKET_PATH_MAX: usize = 107;

/// postgresql.conf, written anew at each start.
///
/// `max_pred_locks_*`: batches of the lanes read many rows under SERIALIZABLE; at PostgreSQL's
/// defaults more than 32 rows read lock a whole table, and disjoint batches abort each other.
/// `min_wal_size`: WAL files are used again, for making one stalls commits.
pub(crate) fn postgresql_conf(profile: Profile, port: u16, socket_folder: &Path) -> String {
    let common = format!(
        "listen_addresses = '127.0.0.1'\n\
         port = {port}\n\
         unix_socket_directories = {socket}\n\
         unix_socket_permissions = 0700\n\
         password_encryption = 'scram-sha-256'\n\
         cluster_name = 'overround-{name}'\n\
         max_pred_locks_per_transaction = 256\n\
         max_pred_locks_per_relation = 4096\n\
         max_pred_locks_per_page = 256\n\
         random_page_cost = 1.1\n\
         default_text_search_config = 'pg_catalog.english'\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         log_line_prefix = '%m [%p] %u@%d '\n",
        socket = quoted(&socket_setting(socket_folder, port)),
        name = profile.name(),
    );
    let own = match profile {
        Profile::Durable => {
            "fsync = on\nfull_page_writes = on\nsynchronous_commit = on\nmax_connections = 200\n\
             shared_buffers = '256MB'\nmin_wal_size = '512MB'\nmax_wal_size = '4GB'\n"
        }
        // As durable. Memory and checkpoints as an operator would set them for a house of a million bets:
        // between checkpoints far apart fewer whole pages go to the log.
        Profile::Bench => {
            "fsync = on\nfull_page_writes = on\nsynchronous_commit = on\nmax_connections = 200\n\
             shared_buffers = '2GB'\nmin_wal_size = '2GB'\nmax_wal_size = '16GB'\ncheckpoint_timeout = '30min'\n"
        }
        // What a test writes is worth nothing after a power cut.
        Profile::Test => {
            "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\nmax_connections = 400\n\
             shared_buffers = '256MB'\nmin_wal_size = '256MB'\nmax_wal_size = '2GB'\nwal_level = minimal\nmax_wal_senders = 0\n"
        }
    };
    common + own
}

/// The socket folder, or none where its path is longer than a socket's may be: TCP remains.
fn socket_setting(folder: &Path, port: u16) -> String {
    let socket = folder.join(format!(".s.PGSQL.{port}"));
    let fits = socket.as_os_str().len() <= SOCKET_PATH_MAX;
    if fits { folder.to_string_lossy().into_owned() } else { String::new() }
}

/// A value of postgresql.conf. The setting is a list, in which a comma or space needs double quotes.
fn quoted(value: &str) -> String {
    if value.is_empty() {
        return "''".to_owned();
    }
    format!("'\"{}\"'", value.replace('\'', "''").replace('"', "\"\""))
}

/// valkey.conf. Nothing is kept on disk: all that Valkey holds can be made again from PostgreSQL.
/// Many databases, so that each test has one to itself.
pub(crate) fn valkey_conf(port: u16, folder: &Path, password: &Password) -> String {
    let folder = folder.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "bind 127.0.0.1\n\
         port {port}\n\
         protected-mode yes\n\
         requirepass {password}\n\
         daemonize yes\n\
         dir \"{folder}\"\n\
         pidfile \"{folder}/valkey.pid\"\n\
         logfile \"{folder}/valkey.log\"\n\
         loglevel notice\n\
         save \"\"\n\
         appendonly no\n\
         databases 1024\n\
         maxmemory-policy noeviction\n",
        password = password.reveal(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_that_is_too_long_leaves_tcp_only() {
        let long = "/x".repeat(60);
        assert_eq!(socket_setting(Path::new(&long), 5432), "");
        assert_eq!(socket_setting(Path::new("/srv/socket"), 5432), "/srv/socket");
    }

    #[test]
    fn paths_are_quoted_as_lists_are() {
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("/a, b's"), "'\"/a, b''s\"'");
    }

    #[test]
    fn only_the_test_profile_gives_up_durability() {
        let durable = postgresql_conf(Profile::Durable, 5432, Path::new("/srv/socket"));
        assert!(durable.contains("fsync = on\n") && !durable.contains("= off"));
        assert!(postgresql_conf(Profile::Test, 5432, Path::new("/srv/socket")).contains("fsync = off\n"));
    }
}
