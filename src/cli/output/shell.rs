//! Commands that we tell people to run.

use crate::cli::arguments::Config;

/// One word of a command line, quoted where a shell would read it otherwise.
pub(in crate::cli) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// ` --config FILE`, as this command was told; nothing when it was told nothing.
pub(in crate::cli) fn config(given: &Config) -> String {
    if given.config.as_os_str() == DEFAULT_CONFIG { String::new() } else { format!(" --config {}", word(&given.config.to_string_lossy())) }
}

/// Where a configuration is looked for.
pub(in crate::cli) const DEFAULT_CONFIG: &str = "config/cambist.toml";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_needs_it() {
        for (text, expected) in [
            ("run-1", "run-1"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(id)", "'$(id)'"),
            ("it's", r"'it'\''s'"),
            ("/etc/cambist/cambist.toml", "/etc/cambist/cambist.toml"),
        ] {
            assert_eq!(word(text), expected);
        }
    }
}
