//! The guard: judges an address before anything goes there, as text, as host and as what the host resolves to.
//!
//! ```text
//! https://hooks.example.com/x      scheme, user, host
//! hooks.example.com = 203.0.113.7, 10.0.0.9       refused: 10.0.0.9 is a private network
//! ```
//! One forbidden address among several refuses them all: who answers with both hopes that the other one is tried. The
//! connection goes to the very addresses that were judged, so a name that means something else a moment later changes
//! nothing. Settings may allow hosts and networks; never addresses at which clouds keep credentials.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::Url;

use super::address::{Network, special};
use crate::limits;

/// A name being resolved.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// What resolves names: the system, or a test.
pub trait Names: Send + Sync {
    /// All addresses of a host.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// The system's resolver.
#[derive(Debug)]
pub struct SystemNames;

impl Names for SystemNames {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// Why nothing goes somewhere. The text says what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Why there is no address to connect to.
#[derive(Debug, thiserror::Error)]
pub enum NoAddress {
    /// The guard refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The name means nothing now.
    #[error("{0} has no address")]
    Unknown(String),
}

/// Where messages may go.
#[derive(Clone)]
pub struct Guard {
    networks: Vec<Network>,
    hosts: BTreeSet<String>,
    unencrypted: BTreeSet<String>,
    names: Arc<dyn Names>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Guard({:?}, {:?}, {:?})", self.networks, self.hosts, self.unencrypted)
    }
}

/// A host or a network that settings allow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Allowed {
    /// A host by its name.
    Host(String),
    /// All of a network.
    Network(Network),
}

/// A host as settings name it: letters, digits, hyphens and full stops, in lower case; or an address.
pub fn host_name(text: &str) -> Option<String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let labels = text.strip_suffix('.').unwrap_or(text);
    let good = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last_is_number = labels.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    (labels.len() <= 253 && labels.split('.').all(good) && !last_is_number).then(|| labels.to_ascii_lowercase())
}

impl Guard {
    /// A guard that allows public addresses by `https://`, and besides them what is named.
    pub fn new(
        allowed: impl IntoIterator<Item = Allowed>,
        unencrypted: impl IntoIterator<Item = String>,
        names: Arc<dyn Names>,
    ) -> Guard {
        let (mut networks, mut hosts) = (Vec::new(), BTreeSet::new());
        for one in allowed {
            match one {
                Allowed::Host(host) => {
                    hosts.insert(host);
                }
                Allowed::Network(network) => networks.push(network),
            }
        }
        Guard { networks, hosts, unencrypted: unencrypted.into_iter().collect(), names }
    }

    /// Judges an address as it is written. Hosts that are numbers in any spelling are judged as what they are.
    ///
    /// # Errors
    /// In words, without what stands behind the host: it may be secret.
    pub fn check(&self, url: &Url) -> Result<(), Refusal> {
        let Some(host) = url.host_str().and_then(host_name) else {
            return Err(Refusal("the address names no host".to_owned()));
        };
        match url.scheme() {
            "https" => {}
            "http" => self.unencrypted(&host)?,
            scheme => return Err(Refusal(format!("{scheme}: is neither https: nor http:"))),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal(format!("the address of {host} has a user or password in it")));
        }
        match host.parse::<IpAddr>() {
            Ok(address) => self.judge(&host, address),
            Err(_) => Ok(()),
        }
    }

    /// Whether a host may be reached without encryption.
    ///
    /// # Errors
    /// In words.
    pub fn unencrypted(&self, host: &str) -> Result<(), Refusal> {
        if host_name(host).is_some_and(|host| self.unencrypted.contains(&host)) {
            return Ok(());
        }
        Err(Refusal(format!(
            "the way to {host} is not encrypted; encrypt it, or name {host} in egress.unencrypted of leap.toml"
        )))
    }

    /// Judges one address of a host.
    ///
    /// # Errors
    /// In words.
    pub fn judge(&self, host: &str, address: IpAddr) -> Result<(), Refusal> {
        let Some(special) = special(address) else { return Ok(()) };
        let is_allowed = self.hosts.contains(host) || self.networks.iter().any(|network| network.contains(address));
        if is_allowed && special.may_be_allowed() {
            return Ok(());
        }
        let shown = if host == address.to_string() { host.to_owned() } else { format!("{host} is {address}, which") };
        let remedy = if special.may_be_allowed() {
            format!("; where messages may go there, name {host} or its network in egress.allow of leap.toml")
        } else {
            String::new()
        };
        Err(Refusal(format!("{shown} is {special}{remedy}")))
    }

    /// The addresses of a host, all judged, to connect to.
    ///
    /// # Errors
    /// A refusal, or that the name has no address now.
    pub async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, NoAddress> {
        let name = host_name(host).ok_or_else(|| Refusal(format!("'{}' is no host", host.escape_debug())))?;
        let found = match name.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self.names.resolve(&name).await.map_err(|_| NoAddress::Unknown(name.clone()))?,
        };
        for address in &found {
            self.judge(&name, *address)?;
        }
        if found.is_empty() {
            return Err(NoAddress::Unknown(name));
        }
        Ok(found.into_iter().take(limits::ADDRESSES).map(|address| SocketAddr::new(address, port)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that mean what a test says.
    pub(crate) struct Fixed(pub(crate) Vec<(&'static str, &'static str)>);

    impl Names for Fixed {
        fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
            let found = self.0.iter().filter(|(name, _)| *name == host).map(|(_, ip)| ip.parse().unwrap()).collect();
            Box::pin(async move { Ok(found) })
        }
    }

    fn guard(allowed: Vec<Allowed>) -> Guard {
        let names = Fixed(vec![
            ("public.example", "93.184.216.34"),
            ("mixed.example", "93.184.216.34"),
            ("mixed.example", "10.0.0.9"),
            ("inner.example", "10.0.0.9"),
            ("meta.example", "169.254.169.254"),
        ]);
        Guard::new(allowed, ["alertmanager.inner".to_owned()], Arc::new(names))
    }

    #[test]
    fn addresses_are_judged_as_they_are_written() {
        let guard = guard(vec![]);
        let said = |text: &str| guard.check(&text.parse().unwrap()).map_err(|refusal| refusal.0);
        assert_eq!(said("https://public.example/a?b=c"), Ok(()));
        assert_eq!(said("http://alertmanager.inner:9093/"), Ok(()));
        assert_eq!(
            said("http://public.example/secret").unwrap_err(),
            "the way to public.example is not encrypted; encrypt it, or name public.example in \
             egress.unencrypted of leap.toml"
        );
        assert_eq!(said("ftp://public.example/").unwrap_err(), "ftp: is neither https: nor http:");
        assert_eq!(said("file:///etc/passwd").unwrap_err(), "the address names no host");
        assert_eq!(
            said("https://ana@public.example/").unwrap_err(),
            "the address of public.example has a user or password in it"
        );
        // One address in the spellings that people tried elsewhere.
        for host in [
            "127.0.0.1",
            "127.1",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "2130706433",
            "0x7f000001",
            "017700000001",
            "127.0.0.1.",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::127.0.0.1]",
            "①②⑦.0.0.1",
            "127。0。0。1",
        ] {
            let said = said(&format!("https://{host}/")).unwrap_err();
            assert!(said.contains("is this machine itself; where messages may go there, name"), "{host}: {said}");
        }
        for host in ["0", "0.0.0.0", "[::]"] {
            assert!(said(&format!("https://{host}/")).unwrap_err().ends_with("is the unspecified address"), "{host}");
        }
    }

    #[tokio::test]
    async fn hosts_are_judged_by_what_they_resolve_to() {
        let said = async |guard: &Guard, host: &str| match guard.addresses(host, 443).await {
            Ok(found) => Ok(found.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" ")),
            Err(why) => Err(why.to_string()),
        };
        let closed = guard(vec![]);
        assert_eq!(said(&closed, "PUBLIC.example.").await, Ok("93.184.216.34:443".to_owned()));
        let why = "is 10.0.0.9, which is a private network; where messages may go there, name";
        for host in ["mixed.example", "inner.example"] {
            assert_eq!(
                said(&closed, host).await.unwrap_err(),
                format!("{host} {why} {host} or its network in egress.allow of leap.toml")
            );
        }
        assert_eq!(said(&closed, "nobody.example").await.unwrap_err(), "nobody.example has no address");
        assert_eq!(said(&closed, "a b").await.unwrap_err(), "'a b' is no host");
        let metadata = "meta.example is 169.254.169.254, which is an address at which a cloud keeps credentials";
        assert_eq!(said(&closed, "meta.example").await.unwrap_err(), metadata);
        let open = guard(vec![
            Allowed::Network("10.0.0.0/8".parse().unwrap()),
            Allowed::Network("169.254.0.0/16".parse().unwrap()),
            Allowed::Host("meta.example".to_owned()),
        ]);
        assert_eq!(said(&open, "mixed.example").await, Ok("93.184.216.34:443 10.0.0.9:443".to_owned()));
        assert_eq!(said(&open, "meta.example").await.unwrap_err(), metadata);
        let named = guard(vec![Allowed::Host("inner.example".to_owned())]);
        assert_eq!(said(&named, "inner.example").await, Ok("10.0.0.9:443".to_owned()));
        assert!(said(&named, "mixed.example").await.is_err());
    }

    #[test]
    fn hosts_have_one_spelling() {
        assert_eq!(host_name("Alerts.Example."), Some("alerts.example".to_owned()));
        assert_eq!(host_name("[::1]"), Some("::1".to_owned()));
        for wrong in ["", "a b", "a..b", "a/b", "1.2.3", "10.0.0.0/8", "ü.example", "a:80"] {
            assert_eq!(host_name(wrong), None, "{wrong}");
        }
    }
}
