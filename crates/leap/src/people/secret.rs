//! Secrets: how they are made, and how a password is kept.
//!
//! Sessions and tokens are 32 random bytes in hexadecimal; only their BLAKE3 digest is stored, which is as good as a slow
//! hash for what cannot be guessed. Passwords can be, so they are kept as argon2id (RFC 9106) with the parameters that OWASP
//! names: 19 MiB, 2 passes, 1 lane.

use std::sync::LazyLock;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use leap_terms::Digest;

use crate::failure::Failure;

/// Fewest letters of a password (NIST SP 800-63B asks for 8, and 15 where it is the only factor).
const SHORTEST: usize = 12;
/// Most bytes: argon2 reads all of them.
const LONGEST: usize = 1024;
/// Before a token's secret, so that scanners of leaked secrets find it.
pub(crate) const TOKEN: &str = "leap_pat_";

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::failed(format!("the system gives no random numbers: {error}")))?;
    Ok(bytes)
}

/// A new secret: 64 hexadecimal digits.
pub(crate) fn new() -> Result<String, Failure> {
    Ok(random::<32>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What is stored of a secret.
pub(crate) fn digest(secret: &str) -> Digest {
    Digest::of(secret.as_bytes())
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("the parameters are within argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// What is stored of a password: a PHC string.
pub(crate) fn hashed(password: &str) -> Result<String, Failure> {
    let salt = SaltString::encode_b64(&random::<16>()?)
        .map_err(|error| Failure::failed(format!("no salt could be made: {error}")))?;
    let hash = argon2().hash_password(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| Failure::failed(format!("the password cannot be kept: {error}")))
}

/// True where a password is that of a hash. Without a hash it takes as long and is false: whether there is such a person
/// cannot be told from the time.
pub(crate) fn is_right(password: &str, hash: Option<&str>) -> bool {
    static NOBODY: LazyLock<String> = LazyLock::new(|| hashed("nobody's password").unwrap_or_default());
    let stored = hash.unwrap_or(&NOBODY);
    let Ok(parsed) = PasswordHash::new(stored) else { return false };
    password.len() <= LONGEST && argon2().verify_password(password.as_bytes(), &parsed).is_ok() && hash.is_some()
}

/// Refuses a password that is too easy to guess.
pub(crate) fn check(password: &str, name: &str) -> Result<(), Failure> {
    let letters = password.chars().count();
    if letters < SHORTEST {
        return Err(Failure::usage(format!("the password has {letters} letters; it needs {SHORTEST} or more")));
    }
    if password.len() > LONGEST {
        return Err(Failure::usage(format!("the password has more than {LONGEST} bytes")));
    }
    let mut kinds: Vec<char> = password.chars().collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() < 5 || password.to_lowercase().contains(&name.to_lowercase()) {
        return Err(Failure::usage("the password repeats itself or holds the name; take several words"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_kept_so_that_it_can_be_checked_and_not_read() {
        let hash = hashed("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !hash.contains("horse"));
        assert!(is_right("correct horse battery", Some(&hash)));
        assert!(!is_right("correct horse batterz", Some(&hash)));
        assert!(!is_right("nobody's password", None), "who is nobody has no password");
        assert!(!is_right("x", Some("no hash")));
        assert_ne!(hash, hashed("correct horse battery").unwrap(), "two people with one password cannot be told");
    }

    #[test]
    fn an_easy_password_is_refused() {
        assert!(check("short", "ana").unwrap_err().message.contains("12 or more"));
        assert!(check("aaaaaaaaaaaaaaaa", "ana").is_err());
        assert!(check("ana-is-my-name-1", "ana").is_err());
        assert!(check("correct horse battery", "ana").is_ok());
    }

    #[test]
    fn secrets_differ() {
        let (one, other) = (new().unwrap(), new().unwrap());
        assert!(one.len() == 64 && one != other);
        assert_eq!(digest(&one), digest(&one));
    }
}
