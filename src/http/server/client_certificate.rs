//! The certificate that a client has shown, as far as we can believe anybody.

use axum::http::{HeaderMap, HeaderName};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::domain::Thumbprint;

/// The thumbprint of a certificate whose key the client has used (RFC 8705 §3.1). An extension of each request that came with one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientCertificate(pub Thumbprint);

/// Who tells us about the certificates of clients.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ClientCertificates {
    /// Nobody: no handshake asks for one, and a header that speaks of one means nothing.
    #[default]
    NotAsked,
    /// The handshake: our listener asks each client for a certificate, and serves it without one all the same.
    FromHandshake,
    /// The proxies of the listener, in the header `Client-Cert` (RFC 9440), which they must set or remove in every request.
    FromProxy,
}

/// A proxy sends something that is no `Client-Cert` of RFC 9440 §2.2, or lets a second one pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the header Client-Cert is not one byte sequence")]
pub(super) struct UnreadableCertificate;

/// Takes what a trusted proxy says out of the request.
pub(super) fn take_forwarded(headers: &mut HeaderMap) -> Result<Option<ClientCertificate>, UnreadableCertificate> {
    let read = forwarded(headers);
    strip(headers);
    read
}

/// Removes the headers of RFC 9440: nothing behind us may take them for ours.
pub(super) fn strip(headers: &mut HeaderMap) {
    headers.remove(CERTIFICATE);
    headers.remove(CHAIN);
}

fn forwarded(headers: &HeaderMap) -> Result<Option<ClientCertificate>, UnreadableCertificate> {
    let mut values = headers.get_all(CERTIFICATE).iter();
    let Some(value) = values.next() else { return Ok(None) };
    // A proxy that adds a header instead of replacing it would let the client speak first.
    if values.next().is_some() {
        return Err(UnreadableCertificate);
    }
    // RFC 8941 §3.3.5: base64 between colons.
    let coded = value.to_str().ok().and_then(|text| text.trim_matches(' ').strip_prefix(':')?.strip_suffix(':'));
    let der = coded.and_then(|coded| BYTE_SEQUENCE.decode(coded).ok()).filter(|der| der.first() == Some(&DER_SEQUENCE));
    der.map(|der| Some(ClientCertificate(Thumbprint::of(&der)))).ok_or(UnreadableCertificate)
}

const CERTIFICATE: HeaderName = HeaderName::from_static("client-cert");
const CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
/// RFC 8941 §4.2.7: padding may be absent.
const BYTE_SEQUENCE: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));
/// The first byte of every certificate.
const DER_SEQUENCE: u8 = 0x30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_forwards_one_certificate_or_none() {
        let known = Ok(Some(ClientCertificate(Thumbprint::of(&[0x30, 0, 1]))));
        for (values, expected, why) in [
            (&[][..], Ok(None), "the client has shown none"),
            (&[":MAAB:"], known, "a byte sequence"),
            (&[" :MAAB: "], known, "with spaces around it"),
            (&[":MAABAg==:"], Ok(Some(ClientCertificate(Thumbprint::of(&[0x30, 0, 1, 2])))), "padded"),
            (&[":MAABAg:"], Ok(Some(ClientCertificate(Thumbprint::of(&[0x30, 0, 1, 2])))), "not padded"),
            (&["MAAB"], Err(UnreadableCertificate), "no byte sequence"),
            (&[":MAAB"], Err(UnreadableCertificate), "half of one"),
            (&["::"], Err(UnreadableCertificate), "empty"),
            (&[""], Err(UnreadableCertificate), "nothing at all"),
            (&[":MAAB:, :MAAB:"], Err(UnreadableCertificate), "a list"),
            (&[":MAAB:;a=1"], Err(UnreadableCertificate), "parameters"),
            (&[":AAAA:"], Err(UnreadableCertificate), "no DER"),
            (&[":MA-_:"], Err(UnreadableCertificate), "the other alphabet"),
            (&["-----BEGIN%20CERTIFICATE-----"], Err(UnreadableCertificate), "what nginx sends"),
            (&[":MAAB:", ":MAAB:"], Err(UnreadableCertificate), "two headers"),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("Client-Cert", value.parse().unwrap());
            }
            headers.append("Client-Cert-Chain", ":MAAB:".parse().unwrap());
            assert_eq!(take_forwarded(&mut headers), expected, "{why}");
            assert!(headers.is_empty(), "{why}");
        }
    }
}
