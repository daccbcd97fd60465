//! Names become addresses, and every address is checked: at connect time, on what the connection will really use.

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{AddressClass, FetchError, Network};

/// The system's resolver, of whose answers only the addresses of one network come through.
///
/// It is asked for every new connection, so a name that changes between two answers gains nothing. Literal addresses never reach a
/// resolver; `Outbound` checks those.
pub(super) struct GuardedResolver(pub(super) Network);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let network = self.0;
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await.map_err(|_| FetchError::NotResolved { host: host.into() })?;
            let admitted = admit(network, host, found)?;
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

/// The addresses that the network admits. Without any: the error names the first one refused.
pub(super) fn admit(network: Network, host: &str, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, FetchError> {
    let (admitted, refused): (Vec<_>, Vec<_>) = found.partition(|address| network.admits(address.ip()));
    if !admitted.is_empty() {
        return Ok(admitted);
    }
    match refused.first() {
        Some(address) => Err(refusal(network, host, address.ip())),
        None => Err(FetchError::NotResolved { host: host.into() }),
    }
}

/// The error for an address outside the network.
pub(super) fn refusal(network: Network, host: &str, address: IpAddr) -> FetchError {
    FetchError::Address { host: host.into(), address, class: AddressClass::of(address), network }
}
