//! Why a fetch failed, told to an administrator.

use std::net::IpAddr;

use super::{AddressClass, FileError, Network};

/// A fetch brought nothing. Holds no credentials: neither a token that was sent, nor a URL that could carry one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FetchError {
    /// The host, or the only addresses behind its name, are outside the issuer's network. Nothing was sent.
    #[error("`{host}` is {address}, which is {class} and refused with network = \"{network}\"{}", advice(*.class, *.network))]
    Address {
        /// The host of the URL.
        host: Box<str>,
        /// The address; the first one, where a name has several.
        address: IpAddr,
        /// What kind of address it is.
        class: AddressClass,
        /// The network of the issuer.
        network: Network,
    },
    /// The file of certificate authorities holds no certificate that can be used.
    #[error("`ca_file` {path} cannot be used: {why}; it must hold PEM certificates")]
    CaBundle {
        /// The file.
        path: Box<str>,
        /// What is wrong with it.
        why: Box<str>,
    },
    /// The HTTP client cannot be made: most likely the system has no certificate authorities at all.
    #[error(
        "no HTTPS client can be made: {0}; install the system's certificate authorities (`ca-certificates`; usually the file \
         /etc/ssl/certs/ca-certificates.crt), or set `ca_file`"
    )]
    Client(Box<str>),
    /// The URL holds a user name or a password. Nothing was sent.
    #[error("the URL holds credentials; remove them")]
    Credentials,
    /// A file that the fetch needs cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The URL has no host, or a fragment. Nothing was sent.
    #[error("the URL needs a host, and must have no fragment")]
    Malformed,
    /// The name has no address.
    #[error("the name `{host}` cannot be resolved")]
    NotResolved {
        /// The host of the URL.
        host: Box<str>,
    },
    /// The answer is a redirect. It was not followed.
    #[error("the answer is a redirect ({0}), and redirects are never followed; register the URL it leads to")]
    Redirect(u16),
    /// Not `https` where it has to be. Nothing was sent.
    #[error("the URL's scheme is not `https`; `http` is for issuers with network = \"loopback\"")]
    Scheme,
    /// The answer's status is not 200.
    #[error("the answer's status is {0}, not 200")]
    Status(u16),
    /// Not connected after 3 s, or not complete after 5 s.
    #[error("no connection within 3 s, or no complete answer within 5 s")]
    TimedOut,
    /// The body is larger than may be.
    #[error("the answer is larger than {max_bytes} bytes")]
    TooLarge {
        /// The cap, in bytes.
        max_bytes: usize,
    },
    /// Connection, TLS or HTTP failed; the text is the library's.
    #[error("the request failed: {0}")]
    Transport(Box<str>),
}

impl FetchError {
    /// Takes the cause of a library's failure, and nothing that the request held.
    pub(super) fn from_reqwest(error: &reqwest::Error) -> Self {
        let mut cause: &(dyn std::error::Error + 'static) = error;
        while let Some(source) = cause.source() {
            // The resolver's own refusal travels inside the library's error; there is no other way out of a connector.
            if let Some(refusal) = source.downcast_ref::<Self>() {
                return refusal.clone();
            }
            cause = source;
        }
        if error.is_timeout() {
            return Self::TimedOut;
        }
        let is_outermost = std::ptr::addr_eq(cause, std::ptr::from_ref(error));
        // The outermost text would name the URL.
        Self::Transport(if is_outermost { "no cause is known".into() } else { clip(&cause.to_string()) })
    }
}

/// At most 200 printable characters: certificates and servers get a say in some of these texts.
pub(super) fn clip(text: &str) -> Box<str> {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect::<String>().into()
}

fn advice(class: AddressClass, network: Network) -> &'static str {
    match (network, class) {
        (Network::Public, AddressClass::Private | AddressClass::UniqueLocal) => {
            "; an issuer inside your own network needs network = \"private\""
        }
        (Network::Public | Network::Private, AddressClass::Loopback) => "; an issuer on this machine needs network = \"loopback\"",
        _ => "",
    }
}
