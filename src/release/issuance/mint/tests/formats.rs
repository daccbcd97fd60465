//! How the bearer gets a token: encrypted for its target, or as a handle.

use super::*;

#[test]
fn only_a_target_with_a_key_reads_its_token() {
    let ring = KeyRing::begin(NOW).unwrap();
    let pair = josekit::jwk::Jwk::generate_ec_key(josekit::jwk::alg::ec::EcCurve::P256).unwrap();
    let public = Value::Object(pair.to_public_key().unwrap().as_ref().clone()).to_string();
    let public = parse_json(public.as_bytes(), JsonLimits { depth: 2, members: 8 }).unwrap();
    let usual = Usual::signed_with(Algorithm::EdDsa);
    let encryption = Some(EncryptionKey::from_jwk(public.as_object().unwrap()).unwrap());
    let token = minted(&ring, Usual { target: Target { encryption, ..usual.target }, ..usual }.permit(&ring));
    let times = Times { issued_at: NOW - Seconds(30), expires_at: NOW + Seconds(570) };
    let (id, issuer) = (token.id().as_str().to_owned(), IssuerUrl::parse("https://sts.test").unwrap());
    // The same for a repeat.
    for token in [minted(&ring, permit(&ring, Algorithm::EdDsa, &[])), token].map(|token| token.at(times, &ring, &issuer).unwrap()) {
        let is_encrypted = token.permit().target().encryption.is_some();
        let text = token.unseal();
        let text = text.expose_secret();
        assert_eq!(text.split('.').count(), if is_encrypted { 5 } else { 3 });
        if is_encrypted {
            let decrypter = josekit::jwe::ECDH_ES.decrypter_from_jwk(&pair).unwrap();
            let (jwt, header) = josekit::jwe::deserialize_compact(text, &decrypter).unwrap();
            assert_eq!(header.content_type(), Some("JWT"));
            let jwt = String::from_utf8(jwt).unwrap();
            assert_eq!((&payload(&jwt)["jti"], &payload(&jwt)["iat"]), (&json!(id), &json!(times.issued_at)));
        }
    }
}

#[test]
fn a_handle_says_nothing_and_its_record_is_the_token() {
    let ring = KeyRing::begin(NOW).unwrap();
    let token = minted(&ring, Usual::opaque(ReplayMode::Once).permit(&ring));
    let (record, id) = (token.record().unwrap().clone(), token.id().as_str().to_owned());
    assert_eq!(record.keep_until, token.times().expires_at + Seconds(65));
    let printed = format!("{token:?}");
    let text = token.unseal();
    assert!(!printed.contains(text.expose_secret()), "{printed}");
    let handle = Handle::parse(text.expose_secret()).unwrap();
    assert_eq!((handle.name(), handle.bucket()), (record.name, record.bucket));
    let jwt = OpaqueRecord::open(&handle, &record.sealed).unwrap();
    assert_eq!((header(jwt.reveal())["typ"].as_str(), &payload(jwt.reveal())["jti"]), (Some("at+jwt"), &json!(id)));
}

#[test]
fn a_handle_is_kept_beside_its_subject_token_and_anywhere_without_one() {
    let ring = KeyRing::begin(NOW).unwrap();
    let buckets = |replay| -> std::collections::BTreeSet<_> {
        (0..20).map(|_| minted(&ring, Usual::opaque(replay).permit(&ring)).record().unwrap().bucket).collect()
    };
    assert_eq!(buckets(ReplayMode::Once).len(), 1);
    assert!(buckets(ReplayMode::Reusable).len() > 1);
}

#[test]
fn a_repeatable_request_gets_one_handle_as_long_as_its_token_says_the_same() {
    let ring = KeyRing::begin(NOW).unwrap();
    let key = IdempotencyKey::parse(&"k".repeat(32)).unwrap();
    let request = RepeatableRequest::new(&key, Digest256::of(b"request"));
    let handle = |ring: &KeyRing, usual: Usual, now| {
        let occasion = Occasion { now, repeatable: Some(request), ..PLAIN };
        let token = try_mint(ring, usual.permit(ring), occasion).unwrap();
        (token.spends().subject.owner, token.unseal().expose_secret().to_owned())
    };
    let first = handle(&ring, Usual::opaque(ReplayMode::Once), NOW);
    assert_eq!(handle(&ring, Usual::opaque(ReplayMode::Once), NOW + Seconds(20)), first);
    let mapped = Usual { mapped: &[("env", "environment")], ..Usual::opaque(ReplayMode::Once) };
    let reusable = || handle(&ring, Usual::opaque(ReplayMode::Reusable), NOW);
    for (other, why) in [
        (handle(&ring, mapped, NOW), "trust was changed in between"),
        (handle(&KeyRing::begin(NOW).unwrap(), Usual::opaque(ReplayMode::Once), NOW), "another key signs"),
        (reusable(), "of a reusable token nothing is remembered"),
    ] {
        assert!(other.0.is_none() || other.0 != first.0, "{why}");
        assert_ne!(other.1, first.1, "{why}");
    }
    assert_ne!(reusable(), reusable(), "each is an exchange of its own");
}
