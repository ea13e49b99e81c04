//! What the keys of one type of channel mean: where its secrets come from, and where it is.

use std::path::PathBuf;

use lettre::message::Mailbox;
use reqwest::Url;
use toml::Spanned;

use super::channel::{ChannelSettings, Text};
use super::check::{CheckedMail, CheckedService, Faults, SecretSource};
use crate::channels::pagerduty;
use crate::channels::smtp::Encryption;
use crate::egress::guard::host_name;

/// `Some(None)` where neither key is there.
fn secret_option(what: &str, variable: &Text, file: &Text, faults: &mut Faults<'_>) -> Option<Option<SecretSource>> {
    match (variable, file) {
        (None, None) => Some(None),
        (Some(_), Some(file)) => {
            faults.push(
                file.span(),
                format!("{what}_file beside {what}_variable"),
                "one of them says where the secret is; take the other one out",
            );
            None
        }
        (Some(variable), None) => {
            let name = variable.get_ref();
            let good = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
            if name.is_empty() || name.len() > 100 || !good || name.starts_with(|first: char| first.is_ascii_digit()) {
                // It may hold the secret itself.
                let help = "write the name of an environment variable, such as LEAP_SECRET; a secret itself \
                 does not belong \
                            into this file";
                faults.push_unseen(&variable.span(), format!("{what}_variable names no variable"), help);
                return None;
            }
            Some(Some(SecretSource::Variable(name.clone())))
        }
        (None, Some(file)) if file.get_ref().is_empty() => {
            faults.push(file.span(), format!("{what}_file is empty"), "name the file that holds the secret");
            None
        }
        (None, Some(file)) => Some(Some(SecretSource::File(PathBuf::from(file.get_ref())))),
    }
}

fn secret(
    what: &str,
    settings: &ChannelSettings,
    variable: &Text,
    file: &Text,
    faults: &mut Faults<'_>,
) -> Option<SecretSource> {
    let found = secret_option(what, variable, file, faults)?;
    if found.is_none() {
        let help = format!("{what}_variable = \"…\" names a variable of the environment, {what}_file = \"…\" a file");
        faults.push(settings.name.span(), format!("it does not say where its {what} is"), &help);
    }
    found
}

/// A key that has to be there.
fn needed<'s>(
    key: &str,
    value: &'s Text,
    settings: &ChannelSettings,
    faults: &mut Faults<'_>,
) -> Option<&'s Spanned<String>> {
    if value.is_none() {
        let word = settings.kind.get_ref().word();
        faults.push(settings.name.span(), format!("it has no {key}"), &format!("a channel of type {word} needs one"));
    }
    value.as_ref()
}

fn url(text: &str) -> Result<Url, String> {
    let Ok(url) = text.parse::<Url>() else {
        return Err(format!("'{}' is no address such as https://hooks.example.com/leap", text.escape_debug()));
    };
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
        return Err("it begins neither with https:// nor with http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user or password in it, and secrets do not belong into this file".to_owned());
    }
    Ok(url)
}

pub(super) fn slack(settings: &ChannelSettings, faults: &mut Faults<'_>) -> Option<CheckedService> {
    let address = secret("address", settings, &settings.address_variable, &settings.address_file, faults);
    let signing = (&settings.signing_secret_variable, &settings.signing_secret_file);
    let signing_secret = secret_option("signing_secret", signing.0, signing.1, faults);
    Some(CheckedService::Slack { address: address?, signing_secret: signing_secret? })
}

pub(super) fn pager_duty(settings: &ChannelSettings, faults: &mut Faults<'_>) -> Option<CheckedService> {
    let key = secret("routing_key", settings, &settings.routing_key_variable, &settings.routing_key_file, faults);
    let address = match &settings.address {
        Some(text) => faults.read("address", text, url),
        None => url(pagerduty::ADDRESS).ok(),
    };
    Some(CheckedService::PagerDuty { address: address?, routing_key: key? })
}

pub(super) fn alertmanager(settings: &ChannelSettings, faults: &mut Faults<'_>) -> Option<CheckedService> {
    let token = secret_option("token", &settings.token_variable, &settings.token_file, faults);
    let address = needed("address", &settings.address, settings, faults);
    let address = address.and_then(|text| faults.read("address", text, url));
    let firing_hours = settings.firing_hours.as_ref().map_or(48, |hours| *hours.get_ref());
    if !(1..=8_760).contains(&firing_hours) {
        let span = settings.firing_hours.as_ref().map_or(settings.name.span(), Spanned::span);
        faults.push(span, format!("firing_hours is {firing_hours}"), "1 to 8760");
        return None;
    }
    Some(CheckedService::Alertmanager { address: address?, token: token?, firing_hours })
}

pub(super) fn webhook(settings: &ChannelSettings, faults: &mut Faults<'_>) -> Option<CheckedService> {
    let first = secret("secret", settings, &settings.secret_variable, &settings.secret_file, faults);
    let second = (&settings.second_secret_variable, &settings.second_secret_file);
    let second = secret_option("second_secret", second.0, second.1, faults);
    let address = needed("address", &settings.address, settings, faults);
    let address = address.and_then(|text| faults.read("address", text, url));
    Some(CheckedService::Webhook { address: address?, secret: first?, second_secret: second? })
}

/// One who sends or gets mail, in ASCII: the names of mailboxes beyond it need a server that knows them.
fn mailbox(text: &str) -> Result<Mailbox, String> {
    let refuse = || format!("'{}' is no address such as finops@example.com", text.escape_debug());
    let mailbox: Mailbox = text.parse().map_err(|_| refuse())?;
    if text.chars().any(char::is_control) || !mailbox.email.to_string().is_ascii() {
        return Err(refuse());
    }
    Ok(mailbox)
}

pub(super) fn mail(settings: &ChannelSettings, faults: &mut Faults<'_>) -> Option<CheckedService> {
    let before = faults.all.len();
    let host = needed("host", &settings.host, settings, faults);
    let host = host.and_then(|text| {
        faults.read("host", text, |text| host_name(text).ok_or_else(|| format!("'{}' is no host", text.escape_debug())))
    });
    let encryption = faults.read_option("encryption", &settings.encryption, |text| match text {
        "tls" => Ok(Encryption::Tls),
        "starttls" => Ok(Encryption::StartTls),
        "none" => Ok(Encryption::None),
        other => Err(format!("'{}' is none of tls, starttls and none", other.escape_debug())),
    });
    let encryption = encryption.map(|encryption| encryption.unwrap_or(Encryption::StartTls));
    let from = needed("from", &settings.from, settings, faults).and_then(|text| faults.read("from", text, mailbox));
    let to = settings.to.as_deref().unwrap_or_default();
    if to.is_empty() || to.len() > 100 {
        let help = "to = [\"finops@example.com\"]: 1 to 100 recipients, or one list of your mail system";
        faults.push(settings.name.span(), format!("it has {} recipients", to.len()), help);
    }
    let to = to.iter().filter_map(|text| faults.read("to", text, mailbox)).collect();
    let password = secret_option("password", &settings.password_variable, &settings.password_file, faults);
    let login = match (&settings.user, password?) {
        (None, None) => None,
        (Some(user), Some(source)) => {
            if encryption == Some(Encryption::None) {
                faults.push(
                    user.span(),
                    "a password would go there unencrypted".to_owned(),
                    "encryption = \"starttls\"",
                );
            }
            Some((user.get_ref().clone(), source))
        }
        (Some(user), None) => {
            faults.push(
                user.span(),
                "user without a password".to_owned(),
                "password_variable or password_file say where it is",
            );
            None
        }
        (None, Some(_)) => {
            faults.push(settings.name.span(), "a password without user".to_owned(), "user = \"leap\"");
            None
        }
    };
    let unsubscribe = faults.read_option("unsubscribe", &settings.unsubscribe, url);
    if faults.all.len() != before {
        return None;
    }
    let encryption = encryption?;
    let usual = match encryption {
        Encryption::Tls => 465,
        Encryption::StartTls => 587,
        Encryption::None => 25,
    };
    Some(CheckedService::Smtp(Box::new(CheckedMail {
        host: host?,
        port: settings.port.as_ref().map_or(usual, |port| *port.get_ref()),
        encryption,
        login,
        from: from?,
        to,
        unsubscribe: unsubscribe?.map(String::from),
    })))
}

pub(super) fn file(settings: &ChannelSettings, faults: &mut Faults<'_>) -> Option<CheckedService> {
    let path = needed("path", &settings.path, settings, faults)?;
    if path.get_ref().is_empty() {
        faults.push(path.span(), "path is empty".to_owned(), "path = \"messages.jsonl\"");
        return None;
    }
    Some(CheckedService::File { path: PathBuf::from(path.get_ref()) })
}
