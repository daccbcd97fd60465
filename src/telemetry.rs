//! Log lines and metrics of the process itself.
