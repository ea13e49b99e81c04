//! From checked settings and secrets to what sends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use leap_terms::Fault;
use reqwest::Url;

use super::check::{Checked, CheckedEgress, CheckedService, SecretSource};
use super::routes::Routes;
use crate::channels::Channel;
use crate::channels::alertmanager::Alertmanager;
use crate::channels::file::FileChannel;
use crate::channels::pagerduty::PagerDuty;
use crate::channels::slack::Slack;
use crate::channels::smtp::Smtp;
use crate::channels::smtp::wire::Tls;
use crate::channels::webhook::{SigningKey, Webhook};
use crate::egress::{Client, ClientSettings, Guard, Names};
use crate::secret::Secret;
use crate::send::{Courier, Destination};

/// Seconds that a mail may take: several questions and answers.
const MAIL_SECONDS: u64 = 60;

/// What only the edge of the program has.
pub struct Edge<'e> {
    /// Reads a secret; in words, why it cannot.
    pub secrets: &'e dyn Fn(&SecretSource) -> Result<String, String>,
    /// Resolves names.
    pub names: Arc<dyn Names>,
    /// Certificates of `egress.ca_file` (DER).
    pub roots: Vec<Vec<u8>>,
    /// The address of this site, which events name as their source.
    pub site: Option<String>,
    /// The text of `leap.toml`.
    pub text: &'e str,
}

/// What the settings make.
pub struct Built {
    /// What sends.
    pub courier: Courier,
    /// Which channels a message goes to.
    pub routes: Routes,
    /// What signs presses of buttons, by channel of Slack.
    pub signing_secrets: BTreeMap<String, Secret>,
}

struct Builder<'e> {
    edge: &'e Edge<'e>,
    guard: Arc<Guard>,
    client: Client,
    tls: Tls,
}

/// Builds all channels.
///
/// # Errors
/// All faults: secrets that are not there or are none, and addresses that the guard refuses as they are written.
pub fn build(channels: Vec<Checked>, egress: &CheckedEgress, edge: &Edge<'_>) -> Result<Built, Vec<Fault>> {
    let of_egress = |why: String| vec![Fault::in_file("leap.toml", format!("egress: {why}"))];
    let guard = Arc::new(Guard::new(egress.allowed.clone(), egress.unencrypted.clone(), edge.names.clone()));
    let settings = ClientSettings {
        connect: Duration::from_secs(egress.connect_seconds),
        whole: Duration::from_secs(egress.request_seconds),
        proxy: egress.proxy.clone(),
        roots: edge.roots.clone(),
    };
    let client = Client::new(guard.clone(), &settings).map_err(of_egress)?;
    let tls = Tls::new(&edge.roots).map_err(of_egress)?;
    let builder = Builder { edge, guard, client, tls };
    let mut built =
        Built { courier: Courier::new(BTreeMap::new()), routes: Routes::default(), signing_secrets: BTreeMap::new() };
    let mut destinations = BTreeMap::new();
    let mut faults = Vec::new();
    for checked in channels {
        let (name, place) = (checked.name.clone(), checked.place.clone());
        match builder.channel(&checked, &mut built.signing_secrets) {
            Ok(channel) => {
                destinations.insert(name.clone(), Destination { channel, manners: checked.manners });
                built.routes.0.insert(name, checked.route);
            }
            Err(why) => {
                let fault = Fault::in_file("leap.toml", format!("channels.{name}: {why}"));
                faults.push(fault.at(edge.text, place.start, place.len()));
            }
        }
    }
    built.courier = Courier::new(destinations);
    if faults.is_empty() { Ok(built) } else { Err(faults) }
}

impl Builder<'_> {
    fn secret(&self, source: &SecretSource) -> Result<Secret, String> {
        let text = (self.edge.secrets)(source)?;
        Secret::new(&text).map_err(|why| format!("{source}: {why}"))
    }

    fn option(&self, source: Option<&SecretSource>) -> Result<Option<Secret>, String> {
        source.map(|source| self.secret(source)).transpose()
    }

    fn key(&self, source: &SecretSource) -> Result<SigningKey, String> {
        SigningKey::new(&self.secret(source)?).map_err(|why| format!("{source}: {why}"))
    }

    fn address(&self, url: &Url) -> Result<Url, String> {
        self.guard.check(url).map(|()| url.clone()).map_err(|why| why.to_string())
    }

    fn channel(&self, checked: &Checked, signing: &mut BTreeMap<String, Secret>) -> Result<Box<dyn Channel>, String> {
        let client = self.client.clone();
        Ok(match &checked.service {
            CheckedService::Slack { address, signing_secret } => {
                let secret = self.secret(address)?;
                let url = secret.reveal().parse::<Url>().map_err(|_| format!("{address} holds no address"))?;
                self.address(&url)?;
                let signing_secret = self.option(signing_secret.as_ref())?;
                let answers = signing_secret.is_some();
                signing.extend(signing_secret.map(|secret| (checked.name.clone(), secret)));
                Box::new(Slack { client, address: secret, answers })
            }
            CheckedService::PagerDuty { address, routing_key } => {
                let source = routing_key;
                let routing_key = self.secret(source)?;
                if routing_key.reveal().len() != 32 || !routing_key.reveal().bytes().all(|b| b.is_ascii_alphanumeric())
                {
                    return Err(format!("{source} holds no routing key of PagerDuty, which has 32 letters and digits"));
                }
                Box::new(PagerDuty { client, address: self.address(address)?, routing_key })
            }
            CheckedService::Alertmanager { address, token, firing_hours } => Box::new(Alertmanager {
                client,
                address: self.address(address)?,
                token: self.option(token.as_ref())?,
                firing_hours: *firing_hours,
            }),
            CheckedService::Webhook { address, secret, second_secret } => Box::new(Webhook {
                client,
                address: self.address(address)?,
                source: self.edge.site.clone().unwrap_or_else(|| "/leap".to_owned()),
                key: self.key(secret)?,
                second_key: second_secret.as_ref().map(|source| self.key(source)).transpose()?,
            }),
            CheckedService::Smtp(mail) => {
                let login = mail.login.as_ref();
                let login = login.map(|(user, source)| Ok::<_, String>((user.clone(), self.secret(source)?)));
                Box::new(Smtp {
                    guard: self.guard.clone(),
                    tls: self.tls.clone(),
                    host: mail.host.clone(),
                    port: mail.port,
                    encryption: mail.encryption,
                    login: login.transpose()?,
                    from: mail.from.clone(),
                    to: mail.to.clone(),
                    unsubscribe: mail.unsubscribe.clone(),
                    whole: Duration::from_secs(MAIL_SECONDS),
                })
            }
            CheckedService::File { path } => Box::new(FileChannel { path: path.clone() }),
        })
    }
}
