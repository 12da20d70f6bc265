//! How many streams each user has open.

use overround_domain::ids::UserId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The open streams of this process.
#[derive(Debug, Clone, Default)]
pub struct Connections {
    open: Arc<Mutex<HashMap<UserId, usize>>>,
}

/// One open stream; dropped, it is none any more.
#[derive(Debug)]
pub struct Connection {
    connections: Connections,
    user: UserId,
}

impl Connections {
    /// Opens a stream for a user; none if they have `most` already.
    pub fn open(&self, user: UserId, most: usize) -> Option<Connection> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(user).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        metrics::gauge!("overround_stream_connections").increment(1.0);
        Some(Connection { connections: self.clone(), user })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
        metrics::gauge!("overround_stream_connections").decrement(1.0);
    }
}
