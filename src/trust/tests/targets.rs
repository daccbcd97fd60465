//! What a target says about the tokens for it.

use super::*;
use crate::policy::{Target, TokenFormat};

const HEAD: &str = r#"
[target.vault]
audience = "https://vault.test"
owner = "vault"
[target.vault.scopes]
read = "Read"
"#;

/// A public key on P-256 (RFC 7517, appendix A.1).
const EC: &str = r#"
[target.vault.encryption_key]
kty = "EC"
crv = "P-256"
x = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
y = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
use = "enc"
kid = "1"
"#;

fn target(text: &str) -> std::sync::Arc<Target> {
    let trust = Trust::of(&[("t.toml", text)]).load().unwrap();
    let target = trust.policy.targets().find(|target| target.name.as_str() == "vault").unwrap();
    std::sync::Arc::clone(target)
}

#[test]
fn a_target_registers_the_key_that_its_tokens_are_encrypted_to() {
    let plain = target(HEAD);
    assert_eq!((plain.format, &plain.encryption), (TokenFormat::Jwt, &None));
    let encrypted = target(&format!("{HEAD}{EC}"));
    let key = encrypted.encryption.as_ref().unwrap();
    assert_eq!((key.algorithm(), key.key_id()), ("ECDH-ES", Some("1")));
    assert_eq!(key.thumbprint().to_string(), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s", "RFC 7638 of the same key");
}

#[test]
fn another_key_is_another_trust() {
    let version = |text: &str| Trust::of(&[("t.toml", text)]).load().unwrap().version;
    let encrypted = format!("{HEAD}{EC}");
    assert_ne!(version(HEAD), version(&encrypted));
    assert_ne!(version(&encrypted), version(&encrypted.replace("kid = \"1\"", "kid = \"2\"")));
    assert_eq!(version(&encrypted), version(&encrypted.replace("use = \"enc\"\n", "")), "the same key in other words");
}

#[test]
fn a_key_that_nobody_should_encrypt_to_is_refused() {
    let broken = format!("{HEAD}{EC}");
    for (from, to, expected, why) in [
        ("use = \"enc\"", "d = \"AQ\"", "it holds private members", "a private member"),
        ("use = \"enc\"", "use = \"sig\"", "it is not for encrypting", "a key for signatures"),
        ("P-256", "P-384", "a member is missing or malformed", "another curve"),
        ("kty = \"EC\"", "kty = \"OKP\"", "its type or curve is not supported", "another type"),
        ("kid = \"1\"", "kid = 1", "the members of a JWK are strings", "a number"),
        ("owner = \"vault\"", "owner = \"vault\"\ntoken_format = \"opaque\"", "an opaque token says nothing", "nothing to encrypt"),
    ] {
        let said = report(&broken.replace(from, to));
        assert!(said.contains("target.vault.encryption_key") && said.contains(expected), "{why}: {said}");
    }
}
