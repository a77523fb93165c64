//! Which addresses are of the public internet.
//!
//! The table follows IANA's registries of special-purpose addresses (RFC 6890 and its updates). What is IPv4 in the clothes
//! of IPv6 is judged by the address inside, or refused where such clothes lead through somebody's tunnel.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address is in a range that nobody is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {what}")]
pub struct Refused {
    /// The address.
    pub address: IpAddr,
    /// What its range is for.
    pub what: &'static str,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8, what: &'static str) -> (Range, &'static str) {
    (Range { start: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits }, what)
}

const fn v6(start: [u16; 8], bits: u8, what: &'static str) -> (Range, &'static str) {
    let [a, b, c, d, e, f, g, h] = start;
    (Range { start: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), bits }, what)
}

const PRIVATE: &str = "private";
const METADATA: &str = "a cloud's metadata service";
const DOCUMENTATION: &str = "for documentation";
const RESERVED: &str = "reserved";

/// Every range that is refused; the first that fits names it.
const REFUSED: &[(Range, &str)] = &[
    // Metadata first: within other ranges, and worth a name of its own.
    v4(169, 254, 169, 254, 32, METADATA),
    v4(100, 100, 100, 200, 32, METADATA),
    v4(168, 63, 129, 16, 32, METADATA),
    v4(192, 0, 0, 192, 32, METADATA),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128, METADATA),
    v4(0, 0, 0, 0, 32, "unspecified"),
    v4(0, 0, 0, 0, 8, "of this network"),
    v4(10, 0, 0, 0, 8, PRIVATE),
    v4(100, 64, 0, 0, 10, "shared by a carrier's customers"),
    v4(127, 0, 0, 0, 8, "loopback"),
    v4(169, 254, 0, 0, 16, "link-local"),
    v4(172, 16, 0, 0, 12, PRIVATE),
    v4(192, 0, 0, 0, 24, RESERVED),
    v4(192, 0, 2, 0, 24, DOCUMENTATION),
    v4(192, 88, 99, 0, 24, RESERVED),
    v4(192, 168, 0, 0, 16, PRIVATE),
    v4(198, 18, 0, 0, 15, "for benchmarks"),
    v4(198, 51, 100, 0, 24, DOCUMENTATION),
    v4(203, 0, 113, 0, 24, DOCUMENTATION),
    v4(224, 0, 0, 0, 4, "multicast"),
    v4(255, 255, 255, 255, 32, "broadcast"),
    v4(240, 0, 0, 0, 4, RESERVED),
    v6([0; 8], 128, "unspecified"),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback"),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local"),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "unique-local"),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast"),
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site-local"),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, DOCUMENTATION),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, DOCUMENTATION),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "a Teredo tunnel"),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "a 6to4 tunnel"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, RESERVED),
];

/// IPv6 addresses that are given to networks of the internet; all others are reserved.
const GLOBAL: Range = Range { start: IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0)), bits: 3 };
/// IPv4 addresses as a translator (NAT64) shows them to hosts that have IPv6 only.
const NAT64: Range = Range { start: IpAddr::V6(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0)), bits: 96 };

/// The address that is meant: that inside of an IPv4-mapped or translated one, else itself.
fn meant(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if NAT64.contains(address) => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        address => address.to_canonical(),
    }
}

/// The addresses that share their first bits, as `10.0.0.0/8` or `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    start: IpAddr,
    bits: u8,
}

impl Range {
    /// Whether the address is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = |one: u128, other: u128, width: u8| {
            // A shift by the whole width would overflow: no bits are compared then.
            let shift = u32::from(width - self.bits);
            shift >= u128::BITS || one >> shift == other >> shift
        };
        match (self.start, address) {
            (IpAddr::V4(start), IpAddr::V4(address)) => same(start.to_bits().into(), address.to_bits().into(), 32),
            (IpAddr::V6(start), IpAddr::V6(address)) => same(start.to_bits(), address.to_bits(), 128),
            _ => false,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.start, self.bits)
    }
}

/// A text is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a range of addresses, such as 10.0.0.0/8 or fd00::/8, whose address has no bit behind the prefix")]
pub struct RangeError;

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let (start, bits) = text.split_once('/').ok_or(RangeError)?;
        let start: IpAddr = start.parse().map_err(|_| RangeError)?;
        let width = if start.is_ipv4() { 32 } else { 128 };
        let bits: u8 = bits.parse().ok().filter(|bits| *bits <= width).ok_or(RangeError)?;
        let number = match start {
            IpAddr::V4(start) => u128::from(start.to_bits()),
            IpAddr::V6(start) => start.to_bits(),
        };
        match number.trailing_zeros() >= u32::from(width - bits) {
            true => Ok(Self { start, bits }),
            false => Err(RangeError),
        }
    }
}

/// The ranges that the operator allows although they are not of the public internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Vec<Range>);

impl Ranges {
    /// None: the public internet alone.
    pub const NONE: Self = Self(Vec::new());

    /// Of texts; the first that is wrong is the error.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, (String, RangeError)> {
        let parse = |text: &T| text.as_ref().parse().map_err(|error| (text.as_ref().to_owned(), error));
        texts.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether somebody may be sent to this address.
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let meant = meant(address);
        if self.0.iter().any(|range| range.contains(address) || range.contains(meant)) {
            return Ok(());
        }
        let named = REFUSED.iter().find(|(range, _)| range.contains(meant)).map(|(_, what)| *what);
        let reserved = (meant.is_ipv6() && !GLOBAL.contains(meant)).then_some(RESERVED);
        named.or(reserved).map_or(Ok(()), |what| Err(Refused { address, what }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ranges: &Ranges, address: &str, expected: &str) {
        let refused = ranges.check(address.parse().unwrap()).err();
        assert_eq!(refused.map_or("", |refused| refused.what), expected, "{address}");
    }

    #[test]
    fn what_is_not_of_the_public_internet_is_refused() {
        for (address, what) in [
            ("8.8.8.8", ""),
            ("1.1.1.1", ""),
            ("100.63.255.255", ""),
            ("100.128.0.0", ""),
            ("172.15.255.255", ""),
            ("172.32.0.0", ""),
            ("192.167.255.255", ""),
            ("198.17.255.255", ""),
            ("198.20.0.0", ""),
            ("223.255.255.255", ""),
            ("168.63.129.15", ""),
            ("2606:4700::1111", ""),
            ("2400:3200::1", ""),
            ("2001:4860:4860::8888", ""),
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "of this network"),
            ("10.0.0.0", PRIVATE),
            ("10.255.255.255", PRIVATE),
            ("100.64.0.0", "shared by a carrier's customers"),
            ("100.127.255.255", "shared by a carrier's customers"),
            ("100.100.100.200", METADATA),
            ("127.0.0.1", "loopback"),
            ("127.255.255.255", "loopback"),
            ("168.63.129.16", METADATA),
            ("169.254.0.1", "link-local"),
            ("169.254.169.254", METADATA),
            ("172.16.0.0", PRIVATE),
            ("172.31.255.255", PRIVATE),
            ("192.0.0.1", RESERVED),
            ("192.0.0.192", METADATA),
            ("192.0.2.1", DOCUMENTATION),
            ("192.88.99.1", RESERVED),
            ("192.168.0.1", PRIVATE),
            ("198.18.0.1", "for benchmarks"),
            ("198.19.255.255", "for benchmarks"),
            ("198.51.100.7", DOCUMENTATION),
            ("203.0.113.7", DOCUMENTATION),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", RESERVED),
            ("255.255.255.254", RESERVED),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::2", RESERVED),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("fc00::1", "unique-local"),
            ("fdff::1", "unique-local"),
            ("fd00:ec2::254", METADATA),
            ("ff02::1", "multicast"),
            ("2001:db8::1", DOCUMENTATION),
            ("3fff::1", DOCUMENTATION),
            ("2001::1", "a Teredo tunnel"),
            ("2001:2::1", RESERVED),
            ("2001:20::1", RESERVED),
            ("100::1", RESERVED),
            ("5f00::1", RESERVED),
            ("4000::1", RESERVED),
        ] {
            check(&Ranges::NONE, address, what);
        }
    }

    #[test]
    fn ipv4_in_the_clothes_of_ipv6_is_judged_by_what_is_inside_or_refused() {
        for (address, what) in [
            ("::ffff:8.8.8.8", ""),
            ("64:ff9b::8.8.8.8", ""),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:10.0.0.1", PRIVATE),
            ("::ffff:169.254.169.254", METADATA),
            ("::ffff:0.0.0.0", "unspecified"),
            ("64:ff9b::10.0.0.1", PRIVATE),
            ("64:ff9b::169.254.169.254", METADATA),
            // Local translators, compatible and translated addresses, and tunnels.
            ("64:ff9b:1::8.8.8.8", RESERVED),
            ("::127.0.0.1", RESERVED),
            ("::8.8.8.8", RESERVED),
            ("::ffff:0:127.0.0.1", RESERVED),
            ("2002:7f00:1::1", "a 6to4 tunnel"),
            ("2002:808:808::1", "a 6to4 tunnel"),
            ("fe80::5efe:127.0.0.1", "link-local"),
        ] {
            check(&Ranges::NONE, address, what);
        }
    }

    #[test]
    fn the_operator_may_allow_a_range_and_nothing_beside_it() {
        let allowed = Ranges::parse(&["10.1.0.0/16", "fd00:1::/32", "127.0.0.1/32"]).unwrap();
        for (address, what) in [
            ("10.1.2.3", ""),
            ("::ffff:10.1.2.3", ""),
            ("64:ff9b::10.1.2.3", ""),
            ("10.2.0.0", PRIVATE),
            ("127.0.0.1", ""),
            ("127.0.0.2", "loopback"),
            ("fd00:1::7", ""),
            ("fd00:2::7", "unique-local"),
            ("fd00:ec2::254", METADATA),
        ] {
            check(&allowed, address, what);
        }
        let all = Ranges::parse(&["0.0.0.0/0", "::/0"]).unwrap();
        check(&all, "127.0.0.1", "");
        check(&all, "::1", "");
    }

    #[test]
    fn a_range_is_an_address_and_its_bits() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "::/0", "127.0.0.1/32", "fd00::/8", "::1/128"] {
            assert_eq!(text.parse::<Range>().unwrap().to_string(), text);
        }
        for text in ["10.0.0.0", "10.0.0.0/33", "10.0.0.1/8", "fd00::/129", "/8", "host/8", "10.0.0.0/-1", ""] {
            assert_eq!(text.parse::<Range>(), Err(RangeError), "{text}");
        }
    }
}
