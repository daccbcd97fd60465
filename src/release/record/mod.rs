//! The decision record: written down before anything is released.
