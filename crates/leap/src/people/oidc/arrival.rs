//! Which account it is that logged in at the provider, and which roles its groups give.
//!
//! A person is issuer and subject; names and e-mail addresses are what somebody wrote about themselves. Roles that stand
//! in `[login.oidc.groups]` follow the groups at every login: given, and taken again. Roles that stand nowhere there were
//! given by an administrator, and stay.

use std::collections::{BTreeMap, BTreeSet};

use leap_book::{Account, Book, BookError};
use leap_terms::{Grant, Instant, Role};
use serde_json::Value;

use super::settings::OidcSettings;
use super::token::Claims;

/// Who gives and takes roles by groups, for the audit trail.
const ACTOR: &str = "openid";
/// Longest name that is made from what the provider says.
const NAME: usize = 40;
/// Longest text that others read.
const SHOWN: usize = 100;

/// The account of who logged in, or in words why there is none.
pub(super) async fn account(
    book: &Book,
    settings: &OidcSettings,
    map: &BTreeMap<String, Vec<Grant>>,
    claims: &Claims,
    now: Instant,
) -> Result<Result<Account, String>, BookError> {
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    let groups = match groups(claims, &settings.groups_claim) {
        Ok(groups) => groups,
        Err(_) if map.is_empty() => BTreeSet::new(),
        Err(said) => return Ok(Err(said)),
    };
    let given: BTreeSet<&Grant> =
        map.iter().filter(|(group, _)| groups.contains(group.as_str())).flat_map(|(_, grants)| grants).collect();
    if let Some(account) = book.account_of_identity(&settings.issuer, subject).await? {
        if account.disabled_at.is_some() {
            return Ok(Err("Your login was shut. An administrator can open it again.".to_owned()));
        }
        follow(book, &account, map, &given, now).await?;
        return Ok(Ok(account));
    }
    if !settings.add_people {
        return Ok(Err(format!(
            "Nobody was given a login for what {} calls you: {subject}. An administrator can: leap user add NAME --subject \
             {subject} --role ROLE, or leap user identity NAME --subject {subject}.",
            settings.issuer
        )));
    }
    let grants: Vec<Grant> = given.into_iter().cloned().collect();
    let is_first = !book.has_accounts().await?;
    if is_first && !grants.iter().any(|grant| grant.role == Role::Administrator) {
        return Ok(Err(
            "The first login has to be an administrator's: leap user add NAME --role administrator.".to_owned()
        ));
    }
    let Some(name) = free_name(book, settings, claims, subject).await? else {
        return Ok(Err(
            "No name could be made for you that is free: perhaps you have an account already. An administrator can tie it to \
             this login (leap user identity NAME --subject …), or add another (leap user add)."
                .to_owned(),
        ));
    };
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let account = Account {
        shown: text("name").unwrap_or(&name).chars().filter(|letter| !letter.is_control()).take(SHOWN).collect(),
        name,
        password: None,
        identity: Some((settings.issuer.clone(), subject.to_owned())),
        created_at: now,
        disabled_at: None,
        grants,
    };
    book.add_account(&account, ACTOR).await?;
    Ok(Ok(account))
}

/// Gives and takes the roles that follow groups.
async fn follow(
    book: &Book,
    account: &Account,
    map: &BTreeMap<String, Vec<Grant>>,
    given: &BTreeSet<&Grant>,
    now: Instant,
) -> Result<(), BookError> {
    let all: BTreeSet<&Grant> = map.values().flatten().collect();
    for grant in all {
        match book.set_role(&account.name, grant, given.contains(grant), ACTOR, now).await {
            Ok(_) => {}
            // Somebody has to be able to give roles; an administrator is told where logs are read.
            Err(BookError::LastAdministrator(name)) => {
                tracing::warn!("{name} is in no group of administrators any more, and stays one: there is no other");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The groups of a claim; none where there is no such claim.
fn groups(claims: &Claims, name: &str) -> Result<BTreeSet<String>, String> {
    // Where there are too many, some providers send an address in their place, which needs rights of its own.
    if claims.get("_claim_names").and_then(|names| names.get(name)).is_some() {
        return Err(format!(
            "The provider has too many groups of you for its token (claim {name}). It can be told to send those of leap only."
        ));
    }
    let mut found = claims.get(name);
    if found.is_none() {
        let mut steps = name.split('.');
        found = steps.next().and_then(|first| claims.get(first));
        found = steps.fold(found, |value, step| value.and_then(|value| value.get(step)));
    }
    Ok(match found {
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(one)) => BTreeSet::from([one.clone()]),
        _ => BTreeSet::new(),
    })
}

/// A name for a new account that nobody has: from the claim that the settings name, in the letters of names.
async fn free_name(
    book: &Book,
    settings: &OidcSettings,
    claims: &Claims,
    subject: &str,
) -> Result<Option<String>, BookError> {
    let of_claim =
        claims.get(&settings.name_claim).and_then(Value::as_str).map(name_of).filter(|name| !name.is_empty());
    let base = of_claim.unwrap_or_else(|| name_of(subject));
    if base.is_empty() {
        return Ok(None);
    }
    // An account of that name without an identity may be the same person's: a second one could approve what the first asks for.
    if book.account(&base).await?.is_some_and(|account| account.identity.is_none()) {
        return Ok(None);
    }
    for number in 1..100 {
        let name = if number == 1 { base.clone() } else { format!("{base}-{number}") };
        if book.account(&name).await?.is_none() {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn name_of(text: &str) -> String {
    let lower = text.to_lowercase();
    let letters = lower.chars().map(|letter| match letter {
        'a'..='z' | '0'..='9' | '.' | '-' | '_' | '@' => letter,
        _ => '-',
    });
    letters.skip_while(|letter| !letter.is_ascii_alphanumeric()).take(NAME).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_has_the_letters_of_names() {
        assert_eq!(name_of("Ana.Silva@Acme.example"), "ana.silva@acme.example");
        assert_eq!(name_of("--Jörg <b>"), "j-rg--b-");
        assert_eq!((name_of("漢字"), name_of("")), (String::new(), String::new()));
        assert_eq!(name_of(&"a".repeat(90)).len(), NAME);
    }

    #[test]
    fn groups_are_found_where_providers_put_them() {
        let of = |value: Value, name: &str| groups(value.as_object().unwrap(), name);
        let two = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        assert_eq!(of(json!({ "groups": ["a", "b", 7] }), "groups").unwrap(), two);
        assert_eq!(of(json!({ "realm_access": { "roles": ["a", "b"] } }), "realm_access.roles").unwrap(), two);
        assert_eq!(of(json!({ "https://acme.example/g": "a" }), "https://acme.example/g").unwrap().len(), 1);
        assert!(of(json!({}), "groups").unwrap().is_empty());
        let many = json!({ "_claim_names": { "groups": "src1" } });
        assert!(of(many, "groups").unwrap_err().contains("too many groups"));
    }
}
