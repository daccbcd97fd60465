//! Random histories of the guard on SQLite: of tokens by themselves, against a model, and of requests that share what they present.

mod single;
mod together;
