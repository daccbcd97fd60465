//! Opaque tokens: handles that say nothing, and the sealed records behind them.
//!
//! Owns: how a handle is written and recognised, what is kept of it and under which name, how that is sealed. Must not know: where it is
//! kept, who asks for it.
//!
//! A handle is the only thing that opens its record: the store knows digests of it, from which neither the handle nor the key follows.

mod checksum;
mod handle;
mod record;

pub(in crate::release) use handle::Handle;
pub(in crate::release) use record::OpaqueRecord;

use crate::domain::Seconds;

/// How much longer than its token a record is kept: a verifier's leeway of a minute, and D for the clock of the store.
pub(in crate::release) const KEPT_BEYOND: Seconds = Seconds(65);
