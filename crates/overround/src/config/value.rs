//! The types that settings have: how a text becomes one, and how it is shown.

use overround_api::{Forwarding, TrustedProxies};
use overround_domain::rate::Rate;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// A type of setting.
pub trait Value: Sized {
    /// Reads the setting; the error says what is expected.
    fn read(text: &str) -> Result<Self, String>;
    /// The setting as `overround config` prints it, secrets masked; none when it is not set.
    fn show(&self) -> Option<String>;
}

/// The address of a server, with the password inside.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// The address in full.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The address with its password masked.
    pub fn masked(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return "***".to_owned() };
        // A password may come as `user:password@` or, for PostgreSQL, as a query parameter.
        let rest = match rest.rsplit_once('@') {
            Some((credentials, place)) => {
                let user = credentials.split(':').next().unwrap_or_default();
                if credentials.contains(':') { format!("{user}:***@{place}") } else { rest.to_owned() }
            }
            None => rest.to_owned(),
        };
        match rest.split_once('?') {
            Some((place, query)) => format!("{scheme}://{place}?{}", masked_query(query)),
            None => format!("{scheme}://{rest}"),
        }
    }
}

fn masked_query(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

impl From<String> for ServerUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

/// A text that nobody else may know.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// A list of words in a setting that is one of them.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl Value for $name {
            fn read(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("expected one of {}", [$($word),*].join(", "))),
                }
            }

            fn show(&self) -> Option<String> {
                Some(match self { $(Self::$variant => $word,)* }.to_owned())
            }
        }
    };
}

words! {
    /// Where the process runs.
    Environment {
        /// On a person's machine: the embedded servers and the local issuer may be used.
        Development = "development",
        /// For real players: servers and issuer are the operator's.
        Production = "production",
    }
}

words! {
    /// How log lines look.
    LogFormat {
        /// For people on a terminal, JSON otherwise.
        Auto = "auto",
        /// One JSON object a line.
        Json = "json",
        /// For people.
        Pretty = "pretty",
    }
}

impl<T: Value> Value for Option<T> {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::read(text).map(Some) }
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(Value::show)
    }
}

/// Numbers, the best first; none stands twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked(pub Vec<u32>);

impl FromStr for Ranked {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let numbers: Vec<u32> =
            text.split(',').map(|one| one.trim().parse().map_err(|_| ())).collect::<Result<_, _>>()?;
        let distinct: BTreeSet<u32> = numbers.iter().copied().collect();
        if distinct.len() == numbers.len() { Ok(Self(numbers)) } else { Err(()) }
    }
}

impl Display for Ranked {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join(","))
    }
}

impl Value for ServerUrl {
    fn read(text: &str) -> Result<Self, String> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        let known =
            ["postgres", "postgresql", "redis", "rediss", "redis+cluster", "rediss+cluster", "http", "https"];
        match scheme {
            Some(scheme) if known.contains(&scheme) => Ok(Self(text.to_owned())),
            _ => Err("expected an address such as postgres://user:password@host:5432/database".to_owned()),
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.masked())
    }
}

impl Value for Secret {
    fn read(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() { Err("expected a secret".to_owned()) } else { Ok(Self(text.to_owned())) }
    }

    fn show(&self) -> Option<String> {
        Some("***".to_owned())
    }
}

impl Value for String {
    fn read(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() { Err("expected a text".to_owned()) } else { Ok(text.to_owned()) }
    }

    fn show(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl Value for PathBuf {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("expected a path".to_owned()) } else { Ok(Self::from(text)) }
    }

    fn show(&self) -> Option<String> {
        Some(self.display().to_string())
    }
}

impl Value for bool {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected true or false".to_owned())
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

macro_rules! parsed {
    ($($type:ty: $expected:literal,)*) => {$(
        impl Value for $type {
            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| concat!("expected ", $expected).to_owned())
            }

            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

parsed! {
    SocketAddr: "an address and a port, such as 127.0.0.1:8080",
    Rate: "requests a second and requests at once, such as 10/100, both from 1 to 1000000",
    TrustedProxies: "networks such as 10.0.0.0/8 with commas between, or how many proxies there are, 1 to 16",
    Forwarding: "x-forwarded-for or forwarded",
    Ranked: "different numbers with commas between, such as 1,4",
    i64: "a whole number",
    u64: "a whole number from 0",
    u32: "a whole number from 0",
    u16: "a whole number from 0 to 65535",
    usize: "a whole number from 0",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_wherever_they_stand() {
        let cases = [
            ("postgres://app:s3cret@db:5432/house", "postgres://app:***@db:5432/house"),
            ("postgres://app@db/house", "postgres://app@db/house"),
            ("postgres://db/house?user=app&password=s3cret", "postgres://db/house?user=app&password=***"),
            ("redis://:s3cret@cache:6379", "redis://:***@cache:6379"),
            ("redis://app:s3@cret@cache:6379", "redis://app:***@cache:6379"),
            ("redis+cluster://:s3cret@a:1,b:2/0", "redis+cluster://:***@a:1,b:2/0"),
            ("s3cret", "***"),
        ];
        for (url, masked) in cases {
            assert_eq!(ServerUrl(url.to_owned()).masked(), masked);
            assert!(!format!("{:?}", ServerUrl(url.to_owned())).contains("cret"));
        }
        let secret = Secret::read("s3cret").unwrap();
        assert_eq!((secret.reveal(), secret.show().as_deref()), ("s3cret", Some("***")));
        assert_eq!(format!("{secret:?}"), "***");
    }
}
