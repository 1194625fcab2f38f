//! What an account logs in with: its password or an access token, and what becomes of a token that the server rejects.

use super::sasl::exchange::TokenReport;
use super::sasl::{Certificate, Login};
use crate::config::oauth::{Flow, OAuth};
use crate::config::{Account, Password, Secret};
use crate::deliver::oauth::request::TokenError;
use crate::deliver::oauth::source::{self, Wanted};
use crate::mail::outcome::{Reply, Seen};
use crate::rules::token_refusal;

/// Reads the credential. Called before any connection is opened.
///
/// A password command may run for seconds or ask a locked keyring. A server must not wait for that with an open
/// connection, and a credential that cannot be read is the account's trouble, whatever its relays would say.
pub(crate) fn credential(account: &Account) -> Result<Option<Login>, Seen> {
    let name = &account.name;
    let certificate = if account.tls_client.is_some() { Certificate::Shown } else { Certificate::None };
    let password = match (&account.oauth, &account.password) {
        (Some(oauth), _) => {
            Some(source::access_token(oauth, Wanted::Any).map_err(|error| without_token(oauth, &error))?)
        }
        (None, Some(password)) => Some(password.fetch().map_err(|error| Seen::Local(error.to_string()))?),
        (None, None) => None,
    };
    match (&account.username, &password, certificate) {
        (None, _, Certificate::None) => return Ok(None),
        (Some(_), None, Certificate::None) => {
            return Err(Seen::Local(format!(
                "account {name} has a username but no password; set password in [account.{name}]"
            )));
        }
        _ => {}
    }
    // NUL separates the fields of PLAIN (RFC 4616), and control A those of XOAUTH2. Inside a value they would shift
    // the fields.
    let bad = |text: &str| text.contains(['\0', '\x01']);
    if account.username.as_deref().is_some_and(bad) || password.as_ref().is_some_and(|secret| bad(secret.expose())) {
        return Err(Seen::Local(format!(
            "the username or password of account {name} contains a control character, which cannot be used in a login"
        )));
    }
    Ok(Some(Login { username: account.username.clone(), password, certificate }))
}

/// Without a token there is no login. A token endpoint that is down is trouble that passes; a refusal needs the owner.
fn without_token(oauth: &OAuth, error: &TokenError) -> Seen {
    match error {
        TokenError::Refused { .. } => match error.remedy(oauth) {
            Some(cure) => Seen::LoginRefused(format!("{error}; {cure}")),
            None => Seen::LoginRefused(error.to_string()),
        },
        TokenError::Unavailable { wait: Some(wait), .. } => {
            Seen::IssuerBusy(error.to_string(), token_refusal::wait(*wait))
        }
        TokenError::Unavailable { .. } | TokenError::Endpoint { .. } | TokenError::Busy(_) => {
            Seen::Failed(error.to_string())
        }
        TokenError::Local(_) => Seen::Local(error.to_string()),
    }
}

/// Another token after a rejection; `None` if there is none to be had. A password is not fetched again.
pub(crate) fn renewed(
    account: &Account,
    rejected: Option<&Secret>,
    note: &mut dyn FnMut(&str),
) -> Result<Option<Secret>, Seen> {
    match (&account.oauth, &account.password, rejected) {
        (Some(oauth), _, Some(rejected)) => {
            note("the token was rejected; asking for a new one");
            let fresh = source::access_token(oauth, Wanted::OtherThan(rejected));
            fresh.map(Some).map_err(|error| without_token(oauth, &error))
        }
        (None, Some(source @ Password::Command(_)), _) => {
            note("the token was rejected; running the password command for a new one");
            let is_other = |fresh: &Secret| rejected.is_none_or(|old| old.expose() != fresh.expose());
            Ok(source.fetch().ok().filter(is_other))
        }
        _ => Ok(None),
    }
}

/// What it means that a token fresh from its issuer is rejected. Only the server's own report says that it is the token: behind a
/// server whose own check is down, the best token gets the same 535.
pub(crate) fn rejected_again(account: &Account, reply: &Reply, report: Option<TokenReport>) -> Seen {
    let name = &account.name;
    // Nobody logs in where the client is its own user.
    let is_client = account.oauth.as_ref().is_some_and(|oauth| oauth.flow == Flow::Client);
    match report {
        Some(TokenReport::InsufficientScope) => {
            let login = if is_client { String::new() } else { format!(", then run \"postrider login {name}\"") };
            Seen::LoginRefused(format!(
                "{reply}: the token does not include sending mail; check `scope` in [account.{name}] and the permissions of \
                 the registered client{login}"
            ))
        }
        Some(TokenReport::Rejected) if is_client => Seen::LoginRefused(format!(
            "{reply}: the server rejects a new token as well; check that the registered client may send mail as the user that \
             `username` in [account.{name}] names"
        )),
        Some(TokenReport::Rejected) => Seen::LoginRefused(format!(
            "{reply}: the server rejects a new token as well; run \"postrider login {name}\", as the user that `username` \
             names"
        )),
        None => Seen::Failed(format!(
            "{reply}, also with a new token and without a reason; the server may be unable to check tokens now"
        )),
    }
}
