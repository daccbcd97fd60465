//! The key ring as a document: the plain text that is wrapped.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::domain::Timestamp;
use crate::release::issuance::key_ring::SIGNING_ALGORITHMS;
use crate::release::issuance::key_ring::error::SigningFailed;
use crate::release::issuance::key_ring::key::SigningKey;
use crate::release::issuance::key_ring::ring::KeyRing;
use crate::release::issuance::key_ring::rotation::{Current, Line, Lines, Next, Retired};
use crate::token::Algorithm;

use super::AtRestError;

/// The document of a ring. Wiped on drop.
pub(in super::super) fn render(ring: &KeyRing) -> Result<Zeroizing<Vec<u8>>, SigningFailed> {
    let lines = ring.lines().iter().map(line_document).collect::<Result<Vec<_>, _>>()?;
    let keys: usize = lines.iter().map(|line| 2 + line.retired.len()).sum();
    // Allocated once: growing would leave copies behind that nobody wipes.
    let mut plain = Zeroizing::new(Vec::with_capacity(MAX_KEY_DOCUMENT_BYTES * (keys + 1)));
    let document = RingDocument { version: ring.version(), lines };
    serde_json::to_writer(&mut *plain, &document).map_err(|_| SigningFailed::Crypto)?;
    Ok(plain)
}

/// Reads a ring again, checking every key.
pub(in super::super) fn parse(plain: &[u8]) -> Result<KeyRing, AtRestError> {
    let document: RingDocument = serde_json::from_slice(plain).map_err(|_| AtRestError::Damaged("its content is not one of ours"))?;
    let lines = document.lines.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    let lines = Lines::try_from(lines).map_err(|_| AtRestError::Damaged("it has not one line for each algorithm"))?;
    if lines.each_ref().map(|line| line.algorithm) != SIGNING_ALGORITHMS {
        return Err(AtRestError::Damaged("it has not one line for each algorithm"));
    }
    Ok(KeyRing::new(document.version, lines))
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RingDocument {
    version: u64,
    lines: Vec<LineDocument>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct LineDocument {
    algorithm: Box<str>,
    current: DatedKey,
    next: NextKey,
    retired: Vec<DatedKey>,
}

/// A key with the second at which it took its place.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DatedKey {
    pkcs8: Secret,
    since: u64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct NextKey {
    pkcs8: Secret,
    published: Option<u64>,
}

/// A private key in base64url, wiped on drop.
struct Secret(Zeroizing<String>);

impl Secret {
    fn of(key: &SigningKey) -> Result<Self, SigningFailed> {
        Ok(Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(key.to_pkcs8()?.as_slice()))))
    }

    fn key(&self, algorithm: Algorithm) -> Result<Arc<SigningKey>, AtRestError> {
        let damaged = AtRestError::Damaged("a key in it is unusable");
        let Ok(pkcs8) = URL_SAFE_NO_PAD.decode(self.0.as_bytes()).map(Zeroizing::new) else { return Err(damaged) };
        SigningKey::from_pkcs8(algorithm, &pkcs8).map(Arc::new).map_err(|_| damaged)
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Borrowed, because base64url needs no escapes: the only copy is the one that is wiped.
        <&str>::deserialize(deserializer).map(|text| Self(Zeroizing::new(text.into())))
    }
}

fn line_document(line: &Line) -> Result<LineDocument, SigningFailed> {
    let dated = |key: &SigningKey, since: Timestamp| Ok(DatedKey { pkcs8: Secret::of(key)?, since: since.unix() });
    Ok(LineDocument {
        algorithm: line.algorithm.name().into(),
        current: dated(&line.current.key, line.current.since)?,
        next: NextKey { pkcs8: Secret::of(&line.next.key)?, published: line.next.published.map(Timestamp::unix) },
        retired: line.retired.iter().map(|retired| dated(&retired.key, retired.at)).collect::<Result<_, SigningFailed>>()?,
    })
}

fn line(document: &LineDocument) -> Result<Line, AtRestError> {
    let algorithm = Algorithm::from_name(&document.algorithm).ok_or(AtRestError::Damaged("it names an unknown algorithm"))?;
    let retired = |dated: &DatedKey| Ok(Retired { key: dated.pkcs8.key(algorithm)?, at: Timestamp::from_unix(dated.since) });
    Ok(Line {
        algorithm,
        current: Current { key: document.current.pkcs8.key(algorithm)?, since: Timestamp::from_unix(document.current.since) },
        next: Next { key: document.next.pkcs8.key(algorithm)?, published: document.next.published.map(Timestamp::from_unix) },
        retired: document.retired.iter().map(retired).collect::<Result<_, AtRestError>>()?,
    })
}

/// More than an RSA key of 2048 bits takes in PKCS #8 and base64url.
const MAX_KEY_DOCUMENT_BYTES: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Seconds;
    use crate::release::issuance::key_ring::rotation::{Make, begin, keep, rotate};

    #[test]
    fn a_ring_survives_its_document() {
        let now = Timestamp::from_unix(1_800_000_000);
        let make: Make<'_> = &SigningKey::generate;
        let served = keep(&begin(now, make).unwrap(), now, Seconds(86_400), make).unwrap().unwrap();
        let ring = KeyRing::new(7, rotate(&served, now + Seconds(900), make).unwrap());
        let plain = render(&ring).unwrap();
        assert!(plain.len() < MAX_KEY_DOCUMENT_BYTES * 9, "the room is enough: {}", plain.len());
        let again = parse(&plain).unwrap();
        assert_eq!((again.version(), again.describe(), again.jwks()), (7, ring.describe(), ring.jwks()));
    }

    #[test]
    fn a_document_that_is_not_ours_is_damaged() {
        for (plain, why) in
            [("", "nothing"), (r#"{"version":1,"lines":[]}"#, "no lines"), (r#"{"version":1,"lines":[],"more":1}"#, "an unknown member")]
        {
            assert!(matches!(parse(plain.as_bytes()), Err(AtRestError::Damaged(_))), "{why}");
        }
    }
}
