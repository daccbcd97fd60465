//! The server's configuration file, turned into the settings that each layer declares.
