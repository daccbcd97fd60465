//! What holds for the whole road from a permit to an issued token.

mod ceilings;
mod worlds;
