//! Client certificates, asked for and never demanded: whoever shows one proves that it holds the key, and nothing else (RFC 8705 §3).

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// Accepts every certificate whose key signed the handshake.
///
/// No chain, no name and no date is checked, on purpose. A certificate does not say here who somebody is: workloads authenticate by the
/// token of their platform. Its thumbprint is written into the token that is issued, and whoever presents that token must show the same
/// certificate again, which is possible with its key only. Whether an authority has signed that certificate, or which, or when it ends,
/// would change nothing about that (RFC 8705 §3, §2.2 for self-signed ones); a list of authorities would only be one more thing to keep.
#[derive(Debug)]
pub(super) struct ProvesPossession {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ProvesPossession {
    /// With the algorithms of this provider for the signature of the handshake.
    pub(super) fn by(provider: &rustls::crypto::CryptoProvider) -> Arc<Self> {
        Arc::new(Self { algorithms: provider.signature_verification_algorithms })
    }
}

impl ClientCertVerifier for ProvesPossession {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// Clients that choose a certificate by the authorities that we name shall take whichever they have.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    /// Only the size counts: what is resumed later is kept by us.
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let bytes = end_entity.len() + intermediates.iter().map(|certificate| certificate.len()).sum::<usize>();
        if bytes > MAX_BYTES {
            return Err(CertificateError::BadEncoding.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Most bytes of a client's certificates. The sessions of a listener keep those of 256 clients.
const MAX_BYTES: usize = 16 * 1024;
