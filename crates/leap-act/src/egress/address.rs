//! Which addresses are somebody else's business: the special-purpose registries of IANA (RFC 6890), and addresses at
//! which clouds tell machines their secrets.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What an address is, where it is not a public one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Special {
    /// This machine.
    Loopback,
    /// A private network (RFC 1918, RFC 4193).
    Private,
    /// A link (RFC 3927, RFC 4291).
    LinkLocal,
    /// A provider's inner network (RFC 6598).
    CarrierNat,
    /// Documentation, benchmarks, discard, protocol assignments: nobody real is there.
    Reserved,
    /// Many receivers, or all.
    Multicast,
    /// No address at all.
    Unspecified,
    /// A cloud tells machines their credentials there.
    Metadata,
}

impl Special {
    /// Whether settings may allow it. Nothing real is behind the others, or nothing that a message may reach.
    pub fn may_be_allowed(self) -> bool {
        match self {
            Special::Loopback | Special::Private | Special::LinkLocal | Special::CarrierNat => true,
            Special::Reserved | Special::Multicast | Special::Unspecified | Special::Metadata => false,
        }
    }
}

impl fmt::Display for Special {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Special::Loopback => "this machine itself",
            Special::Private => "a private network",
            Special::LinkLocal => "a link-local address",
            Special::CarrierNat => "a provider's inner network",
            Special::Reserved => "a reserved address",
            Special::Multicast => "a multicast or broadcast address",
            Special::Unspecified => "the unspecified address",
            Special::Metadata => "an address at which a cloud keeps credentials",
        })
    }
}

/// What an address really is: the IPv4 address inside of an IPv6 one (mapped, compatible, NAT64, 6to4), or itself.
pub fn inner(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else { return address };
    let parts = six.segments();
    let four = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // ::ffff:0:0/96 mapped (RFC 4291), ::ffff:0:0:0/96 translated (RFC 2765)
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => four(high, low),
        // ::/96 compatible (RFC 4291), but for :: and ::1
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => four(high, low),
        // 64:ff9b::/96 NAT64 (RFC 6052)
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => four(high, low),
        // 2002::/16 6to4 (RFC 3056)
        [0x2002, high, low, ..] => four(high, low),
        _ => address,
    }
}

/// What is special about an address; `None` for a public one.
pub fn special(address: IpAddr) -> Option<Special> {
    match inner(address) {
        IpAddr::V4(four) => special_four(four),
        IpAddr::V6(six) => special_six(six),
    }
}

fn special_four(address: Ipv4Addr) -> Option<Special> {
    let [a, b, c, d] = address.octets();
    Some(match (a, b, c, d) {
        (0, 0, 0, 0) => Special::Unspecified,
        (0, ..) => Special::Reserved,
        // Most clouds; containers of AWS; Azure's wire server; Alibaba; Oracle's older one.
        (169, 254, 169, 254)
        | (169, 254, 170, 2 | 23)
        | (168, 63, 129, 16)
        | (100, 100, 100, 200)
        | (192, 0, 0, 192) => Special::Metadata,
        (127, ..) => Special::Loopback,
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) => Special::Private,
        (169, 254, ..) => Special::LinkLocal,
        (100, 64..=127, ..) => Special::CarrierNat,
        (192, 0, 0 | 2, _) | (192, 88, 99, _) | (198, 18..=19, ..) | (198, 51, 100, _) | (203, 0, 113, _) => {
            Special::Reserved
        }
        (224..=239, ..) | (255, 255, 255, 255) => Special::Multicast,
        (240..=255, ..) => Special::Reserved,
        _ => return None,
    })
}

fn special_six(address: Ipv6Addr) -> Option<Special> {
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Special::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Special::Loopback,
        // AWS and Google.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254 | 0x23] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Special::Metadata,
        [0xfc00..=0xfdff, ..] => Special::Private,
        // NAT64 of one's own network (RFC 8215).
        [0x64, 0xff9b, 1, ..] => Special::Private,
        [0xfe80..=0xfebf, ..] => Special::LinkLocal,
        // Site-local (RFC 3879).
        [0xfec0..=0xfeff, ..] => Special::Private,
        [0xff00..=0xffff, ..] => Special::Multicast,
        // Teredo, benchmarks, ORCHID and all else below 2001::/23; documentation (RFC 3849, RFC 9637).
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Special::Reserved,
        [0x2000..=0x3fff, ..] => return None,
        _ => Special::Reserved,
    })
}

/// A network: `10.0.0.0/8`, `fd12::/16`, or one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Whether an address lies inside, or the IPv4 address that it really is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let within = |address: IpAddr| match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(one)) => {
                (net.to_bits() ^ one.to_bits()).checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(one)) => {
                (net.to_bits() ^ one.to_bits()).checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        };
        within(address) || within(inner(address))
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Network, String> {
        let refuse = |why: &str| Err(format!("'{}' is no network such as 10.0.0.0/8: {why}", text.escape_debug()));
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else { return refuse("no address stands before the slash") };
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => match bits.parse::<u32>() {
                Ok(count) if count <= most && bits.bytes().all(|byte| byte.is_ascii_digit()) => count,
                _ => return refuse(&format!("after the slash stands a number of 0 to {most}")),
            },
        };
        let network = Network { address, bits };
        // 10.1.2.3/8 is a slip of the pen: one of the two numbers is not what was meant.
        let rest = match address {
            IpAddr::V4(four) => four.to_bits().checked_shl(bits).unwrap_or(0) != 0,
            IpAddr::V6(six) => six.to_bits().checked_shl(bits).unwrap_or(0) != 0,
        };
        if rest { refuse("the address goes on behind its network") } else { Ok(network) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_what_it_is() {
        let cases = [
            (
                None,
                "1.1.1.1 8.8.8.8 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 192.167.0.1 198.17.0.1 223.255.255.255",
            ),
            (None, "2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1 2400::1 2001:200::1"),
            (
                Some(Special::Loopback),
                "127.0.0.1 127.1.2.3 ::1 ::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::",
            ),
            (
                Some(Special::Private),
                "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 fc00::1 fd12:3456::1 ::ffff:10.1.2.3",
            ),
            (Some(Special::Private), "64:ff9b::a00:1 2002:c0a8:101::1 64:ff9b:1::1 fec0::1 ::ffff:0:10.0.0.1"),
            (Some(Special::LinkLocal), "169.254.0.1 169.254.169.253 fe80::1 febf::1"),
            (Some(Special::CarrierNat), "100.64.0.1 100.127.255.255"),
            (Some(Special::Multicast), "224.0.0.1 239.255.255.255 255.255.255.255 ff02::1"),
            (Some(Special::Unspecified), "0.0.0.0 ::"),
            (
                Some(Special::Reserved),
                "0.0.0.1 192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.9",
            ),
            (
                Some(Special::Reserved),
                "240.0.0.1 254.1.1.1 2001:db8::1 2001::1 3fff::1 100::1 4000::1 5f00::1 2001:10::1",
            ),
            (Some(Special::Metadata), "169.254.169.254 169.254.170.2 168.63.129.16 100.100.100.200 192.0.0.192"),
            (
                Some(Special::Metadata),
                "fd00:ec2::254 fd20:ce::254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe::",
            ),
        ];
        for (wanted, addresses) in cases {
            for text in addresses.split(' ') {
                assert_eq!(special(text.parse().unwrap()), wanted, "{text}");
            }
        }
    }

    #[test]
    fn networks_hold_what_they_hold() {
        let holds = |net: &str, one: &str| net.parse::<Network>().unwrap().contains(one.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.0.0.1") && holds("10.0.0.0/8", "64:ff9b::a00:1"));
        assert!(holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "fd12::1"));
        assert!(holds("127.0.0.1", "127.0.0.1") && !holds("127.0.0.1", "127.0.0.2"));
        assert!(holds("fd12::/16", "fd12:1::1") && !holds("fd12::/16", "fd13::1"));
        assert!(holds("::/0", "fd12::1") && holds("::1/128", "::1"));
        for wrong in ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10/8", "x", "fd12::/129", "10.0.0.0/+8", "fd12::1/16"]
        {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
