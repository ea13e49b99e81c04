//! Ed25519 signatures (RFC 8032) of texts that leave the book, with keys that are handed in.
//!
//! ```text
//! openssl genpkey -algorithm ed25519 -out key.pem        -----BEGIN PRIVATE KEY-----   (PKCS#8)
//! openssl pkey -in key.pem -pubout -out public.pem       -----BEGIN PUBLIC KEY-----    (SubjectPublicKeyInfo)
//! ```
//! Pure: where a key lies, who may read it and where the randomness of a new one comes from is the caller's. The book
//! holds no keys, as who can write the book could then sign what they wrote.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use leap_terms::Digest;

/// DER of a SubjectPublicKeyInfo of Ed25519 up to the key itself (RFC 8410, section 4).
const PUBLIC_DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Characters of base64 in one line of PEM (RFC 7468).
const PEM_LINE: usize = 64;

/// Why something cannot be signed or verified.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignatureFault {
    /// The text is not PEM of that kind.
    #[error(
        "is no '-----BEGIN {0}-----' in PEM; openssl genpkey -algorithm ed25519 makes a key, \
         openssl pkey -pubout its public one"
    )]
    NotPem(&'static str),
    /// The key is of another algorithm, encrypted or damaged.
    #[error("is no unencrypted Ed25519 key in PKCS#8; openssl genpkey -algorithm ed25519 makes one")]
    PrivateKey,
    /// The public key is of another algorithm or damaged.
    #[error("is no public key of Ed25519; openssl pkey -in KEY -pubout prints it")]
    PublicKey,
    /// The text is no signature.
    #[error("is no signature of 64 bytes in base64")]
    NotASignature,
    /// The signature is not that key's, or not of that text.
    #[error("the signature does not fit the text")]
    Wrong,
    /// The library refused to sign.
    #[error("the key could not sign")]
    Refused,
}

/// A private key. It is never shown.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Reads an unencrypted PKCS#8 key in PEM, as openssl and others write it.
    ///
    /// # Errors
    /// [`SignatureFault::NotPem`], [`SignatureFault::PrivateKey`].
    pub fn from_pem(text: &str) -> Result<SigningKey, SignatureFault> {
        let der = from_pem(text, "PRIVATE KEY")?;
        Ed25519KeyPair::from_pkcs8(&der).map(SigningKey).map_err(|_| SignatureFault::PrivateKey)
    }

    /// The key of a seed: 32 bytes that nobody can guess.
    ///
    /// # Errors
    /// [`SignatureFault::PrivateKey`] when the library refuses it.
    pub fn from_seed(seed: &[u8; 32]) -> Result<SigningKey, SignatureFault> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(SigningKey).map_err(|_| SignatureFault::PrivateKey)
    }

    /// The key as PKCS#8 in PEM, for a file that only its owner reads.
    ///
    /// # Errors
    /// [`SignatureFault::Refused`] when the library refuses it.
    pub fn to_pem(&self) -> Result<String, SignatureFault> {
        let der = self.0.to_pkcs8v1().map_err(|_| SignatureFault::Refused)?;
        Ok(to_pem(der.as_ref(), "PRIVATE KEY"))
    }

    /// The key that others verify with.
    pub fn public_key(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    /// The signature of a text; always the same for the same text.
    ///
    /// # Errors
    /// [`SignatureFault::Refused`] when the library refuses.
    pub fn sign(&self, text: &[u8]) -> Result<Signature, SignatureFault> {
        let signed = self.0.try_sign(text).map_err(|_| SignatureFault::Refused)?;
        <[u8; 64]>::try_from(signed.as_ref()).map(Signature).map_err(|_| SignatureFault::Refused)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SigningKey({})", self.public_key().id())
    }
}

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo in PEM.
    ///
    /// # Errors
    /// [`SignatureFault::NotPem`], [`SignatureFault::PublicKey`].
    pub fn from_pem(text: &str) -> Result<PublicKey, SignatureFault> {
        let der = from_pem(text, "PUBLIC KEY")?;
        let key = der.strip_prefix(&PUBLIC_DER).ok_or(SignatureFault::PublicKey)?;
        <[u8; 32]>::try_from(key).map(PublicKey).map_err(|_| SignatureFault::PublicKey)
    }

    /// The key as SubjectPublicKeyInfo in PEM.
    pub fn to_pem(self) -> String {
        to_pem(&[&PUBLIC_DER[..], &self.0[..]].concat(), "PUBLIC KEY")
    }

    /// A short name of the key: 16 hexadecimal digits of its digest. Tells keys apart; proves nothing.
    pub fn id(&self) -> String {
        Digest::of(&self.0).short()
    }

    /// That the signature is of that text and made with this key.
    ///
    /// # Errors
    /// [`SignatureFault::Wrong`].
    pub fn verify(&self, text: &[u8], signature: &Signature) -> Result<(), SignatureFault> {
        UnparsedPublicKey::new(&ED25519, self.0).verify(text, &signature.0).map_err(|_| SignatureFault::Wrong)
    }
}

/// A signature: its text is base64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature([u8; 64]);

impl fmt::Display for Signature {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&STANDARD.encode(self.0))
    }
}

impl FromStr for Signature {
    type Err = SignatureFault;

    fn from_str(text: &str) -> Result<Signature, SignatureFault> {
        let bytes = STANDARD.decode(text).map_err(|_| SignatureFault::NotASignature)?;
        <[u8; 64]>::try_from(bytes).map(Signature).map_err(|_| SignatureFault::NotASignature)
    }
}

/// The bytes between the two lines of PEM. What stands around them is passed over, as RFC 7468 allows.
fn from_pem(text: &str, label: &'static str) -> Result<Vec<u8>, SignatureFault> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let body = text.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end)).map(|(body, _)| body);
    let body: String = body.ok_or(SignatureFault::NotPem(label))?.split_ascii_whitespace().collect();
    STANDARD.decode(body).map_err(|_| SignatureFault::NotPem(label))
}

fn to_pem(der: &[u8], label: &str) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = STANDARD.encode(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(PEM_LINE));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        let mut bytes = [0; N];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap();
        }
        bytes
    }

    /// RFC 8032, section 7.1, tests 1 and 2.
    #[test]
    fn signatures_are_those_of_the_standard() {
        for (seed, public, text, signature) in [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                &b""[..],
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
                 5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                &b"\x72"[..],
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                 085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
        ] {
            let key = SigningKey::from_seed(&bytes(seed)).unwrap();
            assert_eq!(key.public_key(), PublicKey(bytes(public)));
            let signed = key.sign(text).unwrap();
            assert_eq!(signed, Signature(bytes(signature)));
            assert_eq!(key.public_key().verify(text, &signed), Ok(()));
            assert_eq!(key.public_key().verify(b"another text", &signed), Err(SignatureFault::Wrong));
            assert_eq!(signed.to_string().parse(), Ok(signed));
        }
    }

    #[test]
    fn keys_are_read_as_others_write_them() {
        // RFC 8410, section 10.3: a private key, and the public key of section 10.1, which is its own.
        let private = "-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
            -----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
            -----END PUBLIC KEY-----\n";
        let key = SigningKey::from_pem(private).unwrap();
        assert_eq!(key.to_pem().unwrap(), private);
        assert_eq!(key.public_key().to_pem(), public);
        assert_eq!(PublicKey::from_pem(public), Ok(key.public_key()));
        assert_eq!(PublicKey::from_pem(&format!("# ops\r\n{}", public.replace('\n', "\r\n"))), Ok(key.public_key()));
        assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.public_key().id()));
        assert_eq!(SigningKey::from_pem(public).unwrap_err(), SignatureFault::NotPem("PRIVATE KEY"));
        assert_eq!(PublicKey::from_pem(private).unwrap_err(), SignatureFault::NotPem("PUBLIC KEY"));
        let short = private.replace("EdVhC", "EdQ==");
        assert_eq!(SigningKey::from_pem(&short).unwrap_err(), SignatureFault::PrivateKey);
        let other = public.replace("BQYDK2Vw", "BQYDK2Vx");
        assert_eq!(PublicKey::from_pem(&other).unwrap_err(), SignatureFault::PublicKey);
        assert!("zIq0".parse::<Signature>().is_err());
    }
}
