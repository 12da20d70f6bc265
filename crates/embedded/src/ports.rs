//! Free ports on 127.0.0.1; those of the last run first, so that an address stays the same.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

/// The servers' ports; none where no port was taken yet.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Ports {
    /// PostgreSQL's.
    pub(crate) postgres: Option<u16>,
    /// Valkey's.
    pub(crate) valkey: Option<u16>,
}

impl Ports {
    /// The ports of the last run; none of them when there is no record that can be read.
    pub(crate) fn load(path: &Path) -> Self {
        let read = std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        read.unwrap_or_default()
    }

    /// Records the ports.
    pub(crate) fn save(self, path: &Path) -> Result<(), Error> {
        let bytes = serde_json::to_vec(&self).map_err(std::io::Error::from);
        bytes.and_then(|bytes| std::fs::write(path, bytes)).map_err(Error::file("write", path))
    }
}

/// The wished port if it is free, else any free one. It may be taken by another program before the
/// server has it; the start then fails and is tried again.
pub(crate) fn free_port(wished: Option<u16>) -> Result<u16, Error> {
    let bind =
        |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|socket| socket.local_addr());
    let wished = wished.map(bind).and_then(Result::ok);
    let address =
        wished.map_or_else(|| bind(0), Ok).map_err(Error::file("listen on", Path::new("127.0.0.1")))?;
    Ok(address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_port_where_the_wished_one_is_taken() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = taken.local_addr().expect("its number").port();
        let other = free_port(Some(port)).expect("another");
        assert!(other != port && other != 0, "{other}");
    }
}
