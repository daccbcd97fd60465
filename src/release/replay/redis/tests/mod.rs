//! The guard on real servers: the contract on every topology, and what only Redis can do wrong.

mod argument;
mod astray;
mod contract;
mod differential;
mod faults;
mod handles;
mod history;
mod reference;
mod rights;
mod site;
mod world;
