//! ID tokens that are wrong in one way each, signed with real keys.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;

use super::*;

const NOW: i64 = 1_800_000_000;

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn claims() -> Value {
    json!({
        "iss": "https://login.example.com", "aud": "leap", "sub": "2489", "nonce": "n", "iat": NOW, "exp": NOW + 300,
        "email": "eve@acme.example", "email_verified": true,
    })
}

/// A key of each kind, its entry of the key set, and what signs with it.
struct Keys {
    elliptic: EcdsaKeyPair,
    set: Vec<Key>,
}

fn keys() -> Keys {
    let elliptic = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = elliptic.public_key().as_ref().to_vec();
    let set = json!([{ "kty": "EC", "crv": "P-256", "kid": "e", "use": "sig", "x": text(&point[1..33]), "y": text(&point[33..]) }]);
    Keys { elliptic, set: serde_json::from_value(set).unwrap() }
}

fn signed(keys: &Keys, head: &Value, claims: &Value) -> String {
    let start = format!("{}.{}", text(head.to_string().as_bytes()), text(claims.to_string().as_bytes()));
    let signature = keys.elliptic.sign(&SystemRandom::new(), start.as_bytes()).unwrap();
    format!("{start}.{}", text(signature.as_ref()))
}

fn asked(token: &str, set: &[Key], since: Option<i64>) -> Result<Claims, Fault> {
    let at = |seconds: i64| Instant::from_micros(seconds * 1_000_000);
    let expected = Expected {
        issuer: "https://login.example.com",
        client: "leap",
        nonce: "n",
        now: at(NOW),
        since: since.map(at),
    };
    read(token, set, &expected)
}

#[test]
fn a_right_token_is_read_and_each_wrong_claim_is_refused() {
    let keys = keys();
    let head = json!({ "alg": "ES256", "kid": "e" });
    assert_eq!(asked(&signed(&keys, &head, &claims()), &keys.set, None).unwrap()["sub"], "2489");
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        asked(&signed(&keys, &head, &claims), &keys.set, None)
    };
    for (name, value) in [
        ("iss", json!("https://login.example.com/")),
        ("aud", json!("other")),
        ("aud", json!(["other"])),
        ("aud", json!(["leap", "other"])),
        ("aud", Value::Null),
        ("azp", json!("other")),
        ("exp", json!(NOW - SKEW)),
        ("exp", Value::Null),
        ("exp", json!("soon")),
        ("iat", json!(NOW + SKEW + 1)),
        ("iat", Value::Null),
        ("nbf", json!(NOW + SKEW + 1)),
        ("nonce", json!("m")),
        ("nonce", Value::Null),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("sub", json!("s".repeat(SUBJECT + 1))),
    ] {
        assert!(matches!(with(name, value.clone()), Err(Fault::Wrong(_))), "{name} = {value}");
    }
    for (name, value) in [
        ("aud", json!(["leap"])),
        ("azp", json!("leap")),
        ("exp", json!(NOW - SKEW + 1)),
        ("exp", json!(1_800_000_300.5)),
        ("iat", json!(NOW + SKEW)),
        ("email_verified", json!(false)),
    ] {
        assert!(with(name, value.clone()).is_ok(), "{name} = {value}");
    }
    let mut both = claims();
    both["aud"] = json!(["leap", "other"]);
    both["azp"] = json!("leap");
    assert!(asked(&signed(&keys, &head, &both), &keys.set, None).is_ok());
}

#[test]
fn a_new_login_is_told_from_an_old_one() {
    let keys = keys();
    let head = json!({ "alg": "ES256", "kid": "e" });
    let at = |auth_time: Value| {
        let mut claims = claims();
        claims["auth_time"] = auth_time;
        asked(&signed(&keys, &head, &claims), &keys.set, Some(NOW - 30)).is_ok()
    };
    assert!(at(json!(NOW - 20)) && at(json!(NOW - 30 - SKEW)));
    assert!(!at(json!(NOW - 31 - SKEW)) && !at(Value::Null));
}

#[test]
fn only_a_key_of_the_provider_signs() {
    let keys = keys();
    let (head, claims) = (json!({ "alg": "ES256", "kid": "e" }), claims());
    let token = signed(&keys, &head, &claims);
    let (start, _) = token.rsplit_once('.').unwrap();
    let is_wrong = |token: &str| matches!(asked(token, &keys.set, None), Err(Fault::Wrong(_)));
    // Without a signature, with a cut one, with none at all.
    assert!(is_wrong(&format!("{start}.")) && is_wrong(start) && is_wrong("") && is_wrong("a.b.c"));
    assert!(is_wrong(&token[..token.len() - 4]));
    // Other algorithms, whatever is behind them: `none`, and a shared secret that is the public key.
    for alg in ["none", "None", "HS256", "RS512", "ES384", "EdDSA", ""] {
        let token = signed(&keys, &json!({ "alg": alg, "kid": "e" }), &claims);
        assert!(is_wrong(&token), "{alg}");
        let (start, _) = token.rsplit_once('.').unwrap();
        assert!(is_wrong(&format!("{start}.")), "{alg}");
    }
    assert!(is_wrong(&signed(&keys, &json!({ "alg": "ES256", "kid": "e", "crit": ["b64"] }), &claims)));
    // Other claims below the same signature.
    let other = token.replacen(&text(claims.to_string().as_bytes()), &text(b"{\"sub\":\"1\"}"), 1);
    assert!(other != token && is_wrong(&other));
    // A key that is not there, one of another kind, one for something else.
    let unknown = signed(&keys, &json!({ "alg": "ES256", "kid": "f" }), &claims);
    assert_eq!(asked(&unknown, &keys.set, None), Err(Fault::UnknownKey));
    let mixed = signed(&keys, &json!({ "alg": "RS256", "kid": "e" }), &claims);
    assert_eq!(asked(&mixed, &keys.set, None), Err(Fault::UnknownKey));
    let encrypting = [Key { purpose: Some("enc".to_owned()), ..keys.set[0].clone() }];
    assert_eq!(asked(&token, &encrypting, None), Err(Fault::UnknownKey));
    // Two keys, and no word which.
    let nameless = signed(&keys, &json!({ "alg": "ES256" }), &claims);
    assert!(asked(&nameless, &keys.set, None).is_ok());
    let twice = [keys.set[0].clone(), Key { kid: Some("g".to_owned()), ..keys.set[0].clone() }];
    assert!(matches!(asked(&nameless, &twice, None), Err(Fault::Wrong(_))));
    assert!(asked(&token, &twice, None).is_ok());
}

/// The numbers of an RSA key in DER: SEQUENCE { INTEGER n, INTEGER e }.
fn numbers(der: &[u8]) -> Vec<Vec<u8>> {
    let length = |at: usize| match der[at] {
        short @ 0..0x80 => (usize::from(short), at + 1),
        long => {
            let count = usize::from(long & 0x7f);
            let bytes = &der[at + 1..at + 1 + count];
            (bytes.iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte)), at + 1 + count)
        }
    };
    let (_, mut at) = length(1);
    let mut found = Vec::new();
    while at < der.len() {
        assert_eq!(der[at], 2, "an INTEGER");
        let (size, start) = length(at + 1);
        found.push(der[start..start + size].to_vec());
        at = start + size;
    }
    found
}

#[test]
fn rsa_signs_too_with_keys_that_are_long_enough() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let numbers = numbers(pair.public_key().as_ref());
    let set: Vec<Key> = serde_json::from_value(
        json!([{ "kty": "RSA", "alg": "RS256", "kid": "r", "n": text(&numbers[0]), "e": text(&numbers[1]) }]),
    )
    .unwrap();
    let head = text(json!({ "alg": "RS256", "kid": "r" }).to_string().as_bytes());
    let start = format!("{head}.{}", text(claims().to_string().as_bytes()));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), start.as_bytes(), &mut signature).unwrap();
    assert!(numbers[0][0] == 0, "DER writes a leading zero");
    assert!(asked(&format!("{start}.{}", text(&signature)), &set, None).is_ok());
    signature[7] ^= 1;
    assert!(asked(&format!("{start}.{}", text(&signature)), &set, None).is_err());
}
