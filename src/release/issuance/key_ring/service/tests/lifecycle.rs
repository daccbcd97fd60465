//! One server, and commands beside it.

use super::*;

#[test]
fn the_first_start_makes_a_ring_that_others_verify() {
    for deployment in Deployment::on_both() {
        let keys = deployment.server();
        assert_eq!((keys.ring().version(), keys.describe().len()), (1, 6));
        let (ring, now) = (keys.ring(), deployment.clock.now());
        install_provider();
        let theirs: JwkSet = serde_json::from_slice(ring.jwks()).unwrap();
        for algorithm in SIGNING_ALGORITHMS {
            assert_eq!(accepted(&ring, algorithm, ring.jwks(), now), Ok(()), "{algorithm}");
            let (token, kid) = ring.sign(algorithm, "at+jwt", br#"{"aud":"a","exp":4000000000}"#).unwrap();
            let key = jsonwebtoken::DecodingKey::from_jwk(theirs.find(&kid).unwrap()).unwrap();
            let mut validation = jsonwebtoken::Validation::new(algorithm.name().parse().unwrap());
            validation.set_audience(&["a"]);
            assert!(jsonwebtoken::decode::<Value>(&token, &key, &validation).is_ok(), "{algorithm}");
        }
        let again = deployment.command();
        assert_eq!((again.describe(), again.ring().jwks_etag()), (keys.describe(), ring.jwks_etag()));
    }
}

#[test]
fn nothing_that_is_printed_shows_a_key() {
    let deployment = Deployment::on_sqlite();
    let keys = deployment.server();
    let encryption_key = fs::read_to_string(deployment.file("first.key")).unwrap();
    let plain = String::from_utf8(at_rest::render(&keys.ring()).unwrap().to_vec()).unwrap();
    let document: Value = serde_json::from_str(&plain).unwrap();
    let private = document["lines"][0]["current"]["pkcs8"].as_str().unwrap();
    let files = EncryptionKeys::read(&deployment.settings(&["first.key"]).encryption_keys).unwrap();
    for printed in [format!("{keys:?}"), format!("{:?}", keys.ring()), format!("{files:?}"), format!("{:?}", keys.describe())] {
        assert!(!printed.contains(private) && !printed.contains(&encryption_key), "{printed}");
    }
    let database = fs::read(deployment.file("cambist.db-wal")).unwrap();
    let found = |secret: &str| database.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(found(&kid(&keys, Algorithm::Es256, signs)) && !found(private), "at rest there is no plain key");
}

#[test]
fn a_server_and_a_command_agree_after_one_refresh() {
    for deployment in Deployment::on_both() {
        let server = deployment.server();
        let unpublished = deployment.command().rotate().unwrap_err();
        assert!(matches!(unpublished, KeysError::NextUnpublished { .. }), "{unpublished}");
        deployment.refresh(&server).unwrap();
        deployment.clock.advance(Seconds(PUBLISH_AHEAD.0 - 1));
        let too_new = deployment.command().rotate().unwrap_err();
        assert!(matches!(too_new, KeysError::NextTooNew { .. }), "{too_new}");
        deployment.clock.advance(Seconds(1));

        let before = server.ring();
        let command = deployment.command();
        command.rotate().unwrap();
        assert_eq!(server.ring().version(), before.version(), "not noticed yet");
        deployment.refresh(&server).unwrap();
        assert!(kids(&server).is_superset(&kids(&command)));
        let now = deployment.clock.now();
        for algorithm in SIGNING_ALGORITHMS {
            let ring = server.ring();
            assert_eq!(accepted(&ring, algorithm, before.jwks(), now), Ok(()), "{algorithm}: verifiers knew the new key before");
            assert_eq!(accepted(&before, algorithm, ring.jwks(), now), Ok(()), "{algorithm}: tokens of the old key live on");
        }
    }
}

#[test]
fn keys_rotate_by_age_and_leave_when_their_tokens_have_expired() {
    for deployment in Deployment::on_both() {
        let server = deployment.server();
        let (first, next) = (kid(&server, Algorithm::EdDsa, signs), kid(&server, Algorithm::EdDsa, is_next));
        deployment.refresh(&server).unwrap();
        let version = server.ring().version();
        deployment.refresh(&server).unwrap();
        assert_eq!(server.ring().version(), version, "nothing is due");
        deployment.clock.advance(Seconds(30 * 86_400));
        deployment.refresh(&server).unwrap();
        let current = || kid(&server, Algorithm::EdDsa, signs);
        assert_eq!((current(), kids(&server).contains(&first)), (next.clone(), true));
        deployment.clock.advance(RETIRED_FOR);
        deployment.refresh(&server).unwrap();
        assert_eq!((current(), kids(&server).contains(&first)), (next, false));
        let history: BTreeSet<_> = server.history().unwrap().into_iter().map(|key| key.kid).collect();
        assert!(history.contains(&first) && history.is_superset(&kids(&server)), "public keys are kept for ever");
    }
}

#[test]
fn a_compromised_ring_is_gone_after_one_refresh() {
    for deployment in Deployment::on_both() {
        let server = deployment.server();
        let (before, now) = (server.ring(), deployment.clock.now());
        let (checkpoint, kid) = before.sign(Algorithm::Es256, "cambist-checkpoint+jws", b"{}").unwrap();
        deployment.command().drop_compromised(None).unwrap();
        deployment.refresh(&server).unwrap();
        let after = server.ring();
        for algorithm in SIGNING_ALGORITHMS {
            assert!(accepted(&before, algorithm, after.jwks(), now).is_err(), "{algorithm}: old tokens are worth nothing");
            assert_eq!(accepted(&after, algorithm, after.jwks(), now), Ok(()), "{algorithm}");
        }
        let history = server.history().unwrap();
        let key = history.iter().find(|key| key.kid == kid).unwrap();
        let key = jsonwebtoken::DecodingKey::from_jwk(&serde_json::from_str(&key.jwk).unwrap()).unwrap();
        let (message, signature) = checkpoint.rsplit_once('.').unwrap();
        install_provider();
        let verified = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, jsonwebtoken::Algorithm::ES256);
        assert_eq!(verified, Ok(true), "old logs can still be verified");
    }
}

#[test]
fn a_ring_that_vanishes_or_goes_backwards_is_written_back() {
    for deployment in Deployment::on_both() {
        let server = deployment.server();
        deployment.spoil(Accident::Backup);
        deployment.refresh(&server).unwrap();
        for (accident, why) in [
            (Accident::Vanished, "vanished"),
            (Accident::OldBackup, "an old backup"),
            (Accident::OtherRingOfThatVersion, "another ring under the same version"),
        ] {
            let held = server.ring();
            deployment.spoil(accident);
            deployment.refresh(&server).unwrap();
            assert!(server.ring().version() > held.version(), "{why}");
            assert_eq!((server.describe(), deployment.command().describe()), (held.describe(), held.describe()), "{why}");
            assert!(server.history().unwrap().len() >= 6, "{why}: and so are the public keys");
        }
    }
}

#[test]
fn nothing_is_issued_while_a_lost_ring_cannot_be_written_back() {
    for deployment in Deployment::on_both() {
        let server = deployment.server();
        deployment.spoil(Accident::Vanished);
        fs::rename(deployment.file("first.key"), deployment.file("elsewhere")).unwrap();
        assert!(matches!(deployment.refresh(&server), Err(KeysError::AtRest(at_rest::AtRestError::Missing { .. }))));
        assert!(server.ring_for_issuing().is_err());
        assert_eq!(server.describe().len(), 6, "it is still published");
        fs::rename(deployment.file("elsewhere"), deployment.file("first.key")).unwrap();
        deployment.refresh(&server).unwrap();
        assert!(server.ring_for_issuing().is_ok());
    }
}

#[test]
fn a_new_first_encryption_key_takes_over_at_the_next_start() {
    for deployment in Deployment::on_both() {
        let described = kids(&deployment.server());
        EncryptionKeys::create_if_missing(&deployment.file("second.key")).unwrap();
        let wrong = deployment.open(OpenMode::Serve, &["second.key"]).unwrap_err().to_string();
        assert!(wrong.contains("none of those in `[keys] encryption_keys`"), "{wrong}");
        let server = deployment.open(OpenMode::Serve, &["second.key", "first.key"]).unwrap();
        deployment.refresh(&server).unwrap();
        let version = server.ring().version();
        deployment.refresh(&server).unwrap();
        assert_eq!(server.ring().version(), version, "wrapped anew once");
        let command = deployment.open(OpenMode::Command, &["second.key"]).unwrap();
        assert_eq!(kids(&command), described, "the old encryption key is not needed any more");
    }
}

#[test]
fn a_lost_encryption_key_is_an_error_and_never_a_new_key() {
    for deployment in Deployment::on_both() {
        drop(deployment.server());
        fs::remove_file(deployment.file("first.key")).unwrap();
        let error = deployment.open(OpenMode::Serve, &["first.key"]).unwrap_err();
        assert!(matches!(error, KeysError::AtRest(at_rest::AtRestError::Missing { .. })), "{error}");
        assert!(!deployment.file("first.key").exists());
    }
}

#[test]
fn changes_at_the_same_time_are_all_kept() {
    for deployment in Deployment::on_both() {
        let server = deployment.server();
        let commands: Vec<_> = (0..4).map(|_| deployment.command()).collect();
        let changed: u64 = std::thread::scope(|scope| {
            let threads: Vec<_> = commands.iter().map(|keys| scope.spawn(|| replace_next(keys))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(changed >= 1, "somebody was first");
        assert_eq!(deployment.command().ring().version(), server.ring().version() + 1_000 * changed, "each change counts");
    }
}

/// Tries three times to replace the next Ed25519 key; says how often nobody else was faster.
fn replace_next(keys: &Keys) -> u64 {
    let replaced = (0..3).map(|_| {
        let next = kid(keys, Algorithm::EdDsa, is_next);
        match keys.drop_compromised(Some(&next)) {
            Ok(dropped) => {
                assert_eq!(dropped, [next]);
                1
            }
            Err(KeysError::UnknownKey { .. } | KeysError::Contended) => 0,
            Err(error) => panic!("{error}"),
        }
    });
    replaced.sum()
}
