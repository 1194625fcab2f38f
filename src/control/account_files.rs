//! Whether an account can be used, as far as that shows without asking anybody: its password or login, and the files that TLS
//! needs. `status` and `check` report it before any mail fails.

use super::report::{Kind, Level, Reason};
use crate::config::oauth::{Flow, OAuth};
use crate::config::{Account, Config, TlsMode};
use crate::deliver::oauth::stored;
use crate::tls::{Client, Roots};

/// What keeps accounts from being used.
#[must_use]
pub fn unusable(config: &Config) -> Vec<Reason> {
    config.accounts.iter().flat_map(of_account).collect()
}

fn of_account(account: &Account) -> Vec<Reason> {
    let name = &account.name;
    let reason = |(kind, sentence): (Kind, String)| Reason::of_sentence(Level::Critical, kind, &sentence).of(name);
    let password = account.password.as_ref().and_then(|password| password.look().err());
    let password = password.map(|error| (Kind::Password, format!("account {name}: {error}")));
    let login =
        account.oauth.as_ref().and_then(|oauth| without_login(oauth)).map(|sentence| (Kind::Password, sentence));
    let tls = without_tls(account).map(|error| (Kind::Tls, format!("account {name}: {error}")));
    [password, login, tls].into_iter().flatten().map(reason).collect()
}

/// That nobody has logged in. Whether the issuer still knows the login is not asked.
fn without_login(oauth: &OAuth) -> Option<String> {
    if oauth.flow == Flow::Client {
        return None;
    }
    let (name, issuer) = (&oauth.account, &oauth.issuer);
    match stored::look(oauth) {
        Ok(Some(_)) => None,
        Ok(None) => Some(format!("account {name} is not logged in at {issuer}; run `postrider login {name}`")),
        Err(error) => Some(format!("account {name}: {error}")),
    }
}

/// What is wrong with the roots, or with the certificate that is shown.
fn without_tls(account: &Account) -> Option<String> {
    if account.relays.iter().all(|relay| account.tls_mode(relay) == TlsMode::None) {
        return None;
    }
    let roots = account.tls_ca.as_deref().map_or(Roots::Platform, Roots::File);
    let client = Client::new(roots).and_then(|client| match &account.tls_client {
        Some((chain, key)) => client.showing(chain, key),
        None => Ok(client),
    });
    client.err().map(|error| error.to_string())
}
