//! Memory for bodies that strangers send.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use super::{FormError, MAX_BODY_BYTES, SMALL_BODY_BYTES};

/// The reason where there is none. `unavailable`, unlike every fault of a form.
pub(super) const OVERLOADED: &str = "overloaded";

/// Room for bodies larger than `SMALL_BODY_BYTES`, in number. Cheap to clone; clones count together.
///
/// Small bodies, which nearly all are, need none: whoever keeps all of it occupied with slow large bodies delays large bodies only.
#[derive(Clone, Debug)]
pub struct BodyRoom(Arc<Semaphore>);

impl BodyRoom {
    /// For so many large bodies at once.
    #[must_use]
    pub fn new(large_bodies: usize) -> Self {
        Self(Arc::new(Semaphore::new(large_bodies)))
    }

    /// For one body, of which nothing has arrived yet.
    pub(super) fn buffer(&self) -> Buffer<'_> {
        Buffer { bytes: Zeroizing::default(), room: self, large: None }
    }
}

/// A body as far as it has arrived. What it announced reserves nothing. Wiped when it is dropped, and what it grows out of as well.
pub(super) struct Buffer<'a> {
    bytes: Zeroizing<Vec<u8>>,
    room: &'a BodyRoom,
    large: Option<OwnedSemaphorePermit>,
}

impl Buffer<'_> {
    /// Takes in what has arrived; a body that outgrows the small size needs room first.
    pub(super) fn push(&mut self, data: &[u8]) -> Result<(), FormError> {
        let length = self.bytes.len() + data.len();
        if length > MAX_BODY_BYTES {
            return Err(FormError::BodyTooLarge);
        }
        if length > self.bytes.capacity() {
            self.grow(length)?;
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    /// Never by reallocation, which would leave the old bytes in freed memory. Nearly every body arrives as a whole: it gets no more than
    /// it fills, because all of it is wiped. One that comes in pieces is moved few times.
    fn grow(&mut self, length: usize) -> Result<(), FormError> {
        let mut capacity = length.max(2 * self.bytes.capacity()).min(SMALL_BODY_BYTES);
        if length > SMALL_BODY_BYTES && self.large.is_none() {
            capacity = MAX_BODY_BYTES;
            self.large = Some(Arc::clone(&self.room.0).try_acquire_owned().map_err(|_| FormError::Overloaded)?);
        }
        let mut grown = Zeroizing::new(Vec::with_capacity(capacity));
        grown.extend_from_slice(&self.bytes);
        self.bytes = grown;
        Ok(())
    }
}

impl AsRef<[u8]> for Buffer<'_> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_takes_memory_for_what_has_arrived_only() {
        let room = BodyRoom::new(1);
        let mut buffer = room.buffer();
        for (more, expected, why) in [
            (0, 0, "nothing yet"),
            (100, 100, "a body that arrives at once"),
            (1, 200, "a piece more, and as much again for others"),
            (SMALL_BODY_BYTES - 101, SMALL_BODY_BYTES, "a small body"),
            (1, MAX_BODY_BYTES, "a large one"),
            (MAX_BODY_BYTES - SMALL_BODY_BYTES - 1, MAX_BODY_BYTES, "the largest"),
        ] {
            assert_eq!(buffer.push(&vec![b'x'; more]), Ok(()), "{why}");
            assert!(buffer.bytes.capacity() <= expected, "{why}: {}", buffer.bytes.capacity());
        }
        assert_eq!(buffer.push(b"x"), Err(FormError::BodyTooLarge));
    }

    #[test]
    fn without_room_small_bodies_go_on_and_large_ones_do_not() {
        let room = BodyRoom::new(1);
        let large = [b'x'; SMALL_BODY_BYTES + 1];
        let mut first = room.buffer();
        assert_eq!(first.push(&large), Ok(()));
        assert_eq!(room.buffer().push(&large), Err(FormError::Overloaded));
        assert_eq!(room.buffer().push(&large[1..]), Ok(()));
        drop(first);
        assert_eq!(room.buffer().push(&large), Ok(()), "the room is free again");
    }
}
