//! The address that a request comes from, also where it comes through proxies.

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// How many proxies there may be at most.
const HOPS_MAX: usize = 16;
/// How many addresses of a request's way are looked at.
const WAY_MAX: usize = 32;

/// Which proxies are believed about where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustedProxies {
    /// Those in these networks.
    Networks(Vec<IpNet>),
    /// The last so many that a request passed.
    Hops(usize),
}

/// A text that names no proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "proxies are networks such as 10.0.0.0/8, 2001:db8::/32, with commas between, or how many there are, 1 to 16"
)]
pub struct NoProxies;

impl FromStr for TrustedProxies {
    type Err = NoProxies;
    fn from_str(text: &str) -> Result<Self, NoProxies> {
        if let Ok(hops) = text.trim().parse() {
            return if (1..=HOPS_MAX).contains(&hops) { Ok(Self::Hops(hops)) } else { Err(NoProxies) };
        }
        let network = |text: &str| {
            let text = text.trim();
            text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| NoProxies)
        };
        text.split(',').map(network).collect::<Result<_, _>>().map(Self::Networks)
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hops(hops) => write!(f, "{hops}"),
            Self::Networks(networks) => {
                let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
                f.write_str(&networks.join(", "))
            }
        }
    }
}

/// The header that the proxies write. Only one is read: another would be the client's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// A text that names no such header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("proxies write \"x-forwarded-for\" or \"forwarded\"")]
pub struct UnknownForwarding;

impl FromStr for Forwarding {
    type Err = UnknownForwarding;
    fn from_str(text: &str) -> Result<Self, UnknownForwarding> {
        let known = [Self::XForwardedFor, Self::Forwarded];
        known.into_iter().find(|one| text.eq_ignore_ascii_case(&one.to_string())).ok_or(UnknownForwarding)
    }
}

impl fmt::Display for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        })
    }
}

/// Who is believed, and by which header.
#[derive(Debug, Clone, Copy)]
pub struct Proxies<'a> {
    pub(crate) trusted: Option<&'a TrustedProxies>,
    pub(crate) header: Forwarding,
}

impl Proxies<'_> {
    /// The client of a request whose peer is that: the last address that somebody who is trusted saw, from the peer on
    /// back. What stands before it was written by the client, and is not read.
    pub fn client(self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        let Some(trusted) = self.trusted else { return peer };
        let mut client = peer;
        for (hop, before) in self.way_back(headers).into_iter().enumerate() {
            let is_trusted = match trusted {
                TrustedProxies::Hops(hops) => hop < *hops,
                TrustedProxies::Networks(networks) => networks.iter().any(|net| net.contains(&client)),
            };
            // A proxy that does not say whom it saw is the last that is known.
            let Some(before) = before.filter(|_| is_trusted) else { break };
            client = before;
        }
        client
    }

    /// The addresses before the peer, the last one first; none where it is no address.
    fn way_back(self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let name = match self.header {
            Forwarding::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Forwarding::Forwarded => http::header::FORWARDED,
        };
        let lines: Vec<&str> =
            headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default()).collect();
        let elements = lines.into_iter().rev().flat_map(|line| line.rsplit(','));
        let address = |element: &str| match self.header {
            Forwarding::XForwardedFor => address_of(element),
            Forwarding::Forwarded => element.split(';').find_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                name.trim().eq_ignore_ascii_case("for").then(|| address_of(value)).flatten()
            }),
        };
        elements.take(WAY_MAX).map(address).collect()
    }
}

/// An address as proxies write it: quoted or not, with a port or not, IPv6 in brackets or not.
fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|it| it.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// The address that requests are counted by: of IPv6 the first 64 bits, which is what a customer is given.
pub fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(whole) => IpAddr::V6(Ipv6Addr::from_bits(whole.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn client(trusted: &str, header: Forwarding, lines: &[&str]) -> String {
        let trusted = Some(trusted).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap());
        let name = HeaderName::from_bytes(header.to_string().as_bytes()).unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_str(line).unwrap());
        }
        let proxies = Proxies { trusted: trusted.as_ref(), header };
        proxies.client("10.0.0.1".parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_who_is_trusted_is_believed() {
        let table: &[(&str, &[&str], &str)] = &[
            ("", &["192.0.2.1"], "10.0.0.1"),
            ("172.16.0.0/12", &["192.0.2.1"], "10.0.0.1"),
            ("10.0.0.0/8", &["192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("10.0.0.0/8", &[], "10.0.0.1"),
            // What the client wrote itself stands before what the proxy saw.
            ("10.0.0.0/8", &["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
            ("10.0.0.0/8", &["198.51.100.7", "192.0.2.1, 10.1.1.1"], "192.0.2.1"),
            ("10.0.0.0/8", &["10.9.9.9, 192.0.2.1, 10.1.1.1"], "192.0.2.1"),
            ("10.0.0.0/8", &["10.2.2.2, 10.1.1.1"], "10.2.2.2"),
            ("10.0.0.0/8", &["198.51.100.7, unknown"], "10.0.0.1"),
            ("10.0.0.0/8", &["198.51.100.7, what?, 10.1.1.1"], "10.1.1.1"),
            ("1", &["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
            ("2", &["198.51.100.7, 192.0.2.1"], "198.51.100.7"),
            ("9", &["198.51.100.7, 192.0.2.1"], "198.51.100.7"),
            ("1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("1", &["2001:db8::7"], "2001:db8::7"),
            ("1", &["192.0.2.1:4711"], "192.0.2.1"),
            ("1", &["::ffff:192.0.2.1"], "192.0.2.1"),
        ];
        for (trusted, lines, wanted) in table {
            assert_eq!(client(trusted, Forwarding::XForwardedFor, lines), *wanted, "{trusted:?} {lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_by_its_own_rules() {
        let table: &[(&[&str], &str)] = &[
            (&["for=192.0.2.43"], "192.0.2.43"),
            (&["For=\"[2001:db8:cafe::17]:4711\";proto=https"], "2001:db8:cafe::17"),
            (&["for=198.51.100.7, proto=http;for=192.0.2.43;by=10.0.0.1"], "192.0.2.43"),
            (&["for=unknown"], "10.0.0.1"),
            (&["for=_hidden"], "10.0.0.1"),
            (&["by=192.0.2.43"], "10.0.0.1"),
        ];
        for (lines, wanted) in table {
            assert_eq!(client("10.0.0.0/8", Forwarding::Forwarded, lines), *wanted, "{lines:?}");
        }
    }

    #[test]
    fn an_ipv6_customer_is_one_however_many_addresses_they_use() {
        let table = [("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"), ("192.0.2.1", "192.0.2.1")];
        for (address, wanted) in table {
            assert_eq!(counted(address.parse().unwrap()).to_string(), wanted);
        }
    }

    #[test]
    fn proxies_are_networks_or_how_many() {
        for text in ["1", "16", "10.0.0.0/8", "10.0.0.0/8, 2001:db8::/32"] {
            assert_eq!(text.parse::<TrustedProxies>().unwrap().to_string(), text);
        }
        for text in ["", "0", "17", "10.0.0.0/33", "a proxy", "10.0.0.0/8,"] {
            assert_eq!(text.parse::<TrustedProxies>(), Err(NoProxies), "{text}");
        }
    }
}
