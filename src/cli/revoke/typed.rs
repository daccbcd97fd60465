//! A token that was typed where its id belongs. It is alive, and what is typed here is stored, logged on every node and listed.

use crate::cli::arguments::{Config, WrongArgument};
use crate::cli::output::shell;
use crate::revocation::{NotAJti, refuse_token};

use super::select::Selection;

/// Refuses whatever holds a token, before anything is read or written. `command` is the one that was typed.
pub(super) fn refuse_tokens(command: &str, selection: &Selection, reason: &str, config: &Config) -> Result<(), WrongArgument> {
    if refuse_token(reason).is_err() {
        return Err(WrongArgument("--reason holds a whole token; nothing was written. Write why, without it".into()));
    }
    for (option, text) in selection.texts() {
        let instead = match refuse_token(text) {
            Ok(()) => continue,
            Err(NotAJti::Token { jti: Some(jti) }) => {
                let (jti, reason) = (shell::word(jti.as_str()), shell::word(reason));
                format!("Its `jti` is {jti}. Run: cambist {command} --jti {jti} --reason {reason}{}", shell::config(config))
            }
            Err(NotAJti::Handle) => format!(
                "It is opaque: whoever holds it ends it with `POST /revoke`; or take its `jti` from the line of the decision log with which it \
                 was issued, and run: cambist {command} --jti JTI"
            ),
            Err(_) => format!(
                "No `jti` can be read in it. The decision log has that of every token of ours; or take back by --relationship, --subject, \
                 --kid or --issuer. Then run: cambist {command} --jti JTI"
            ),
        };
        return Err(WrongArgument(format!("{option} holds a whole token, not an id; nothing was written. {instead}")));
    }
    Ok(())
}
