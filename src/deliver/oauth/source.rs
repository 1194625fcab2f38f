//! The access token of a login, for all sessions of this process: in memory only, renewed ahead of its end, by one request at a
//! time, also among processes.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::Mutex;

use super::request::{self, Granted, TokenError};
use super::stored::{self, StoreError, TokenLock};
use crate::config::Secret;
use crate::config::oauth::{Flow, OAuth};
use crate::log;
use crate::spool::SpoolError;

/// A token that ends sooner is renewed first: some servers refuse it, and it must outlast the way to the server.
const AHEAD: Duration = Duration::from_mins(10);

/// What is known of a login.
#[derive(Debug, Default)]
struct Known {
    access: Option<Access>,
    /// A refresh token that could not be stored yet. The one that it replaces may have ended already.
    unsaved: Option<Unsaved>,
}

#[derive(Debug)]
struct Access {
    token: Secret,
    /// When it is renewed.
    until: Instant,
}

#[derive(Debug)]
struct Unsaved {
    refresh: Secret,
    /// The one in the file for which it was granted. If another is there, the user has logged in again meanwhile.
    replaces: Secret,
    since: Timestamp,
}

/// Which token will do.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// One that has not ended.
    Any,
    /// Another one than this, which a server has rejected.
    OtherThan(&'a Secret),
}

static LOGINS: LazyLock<Mutex<HashMap<String, Arc<Mutex<Known>>>>> = LazyLock::new(Mutex::default);

/// The access token of this login. Sessions that want one at the same time wait for one request.
pub fn access_token(oauth: &OAuth, wanted: Wanted<'_>) -> Result<Secret, TokenError> {
    let known = Arc::clone(LOGINS.lock().entry(oauth.key()).or_default());
    let mut known = known.lock();
    let is_rejected = |token: &Secret| match wanted {
        Wanted::Any => false,
        Wanted::OtherThan(rejected) => rejected.expose() == token.expose(),
    };
    if let Some(access) = &known.access
        && access.until > Instant::now()
        && !is_rejected(&access.token)
    {
        return Ok(access.token.clone());
    }
    known.access = None;
    let asked = Instant::now();
    let Granted { access, lifetime, clock, .. } = renew(oauth, &mut known)?;
    if let Some(words) = clock {
        log::clock_differs(&oauth.account, words);
    }
    let access = access?;
    let until = asked + lifetime.saturating_sub(AHEAD.min(lifetime / 2));
    known.access = Some(Access { token: access.clone(), until });
    Ok(access)
}

fn renew(oauth: &OAuth, known: &mut Known) -> Result<Granted, TokenError> {
    if oauth.flow == Flow::Client {
        let secret = request::client_secret(oauth)?;
        return request::token(
            oauth,
            secret.as_ref(),
            &[("grant_type", "client_credentials"), ("scope", &oauth.scope)],
        );
    }
    // A command may take its time to print it; nobody waits for that with the lock in hand.
    let secret = request::client_secret(oauth)?;
    let lock = stored::lock(oauth).map_err(local)?;
    stored::take_over(oauth, &lock).map_err(local)?;
    let (login, mut refresh) = stored::read(oauth).map_err(unkept)?.ok_or_else(|| not_logged_in(oauth))?;
    if let Some(unsaved) = known.unsaved.take().filter(|unsaved| unsaved.replaces.expose() == refresh.expose()) {
        let next = unsaved.refresh.clone();
        save(oauth, known, unsaved, &lock)?;
        refresh = next;
    }
    stored::prepare(oauth, &lock).map_err(unkept)?;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
    let granted = request::token(oauth, secret.as_ref(), &fields)?;
    // Many services send the same one again, or none.
    if let Some(next) = granted.refresh.as_ref().filter(|next| next.expose() != refresh.expose()) {
        save(oauth, known, Unsaved { refresh: next.clone(), replaces: refresh, since: login.since }, &lock)?;
    }
    Ok(granted)
}

/// Stores a refresh token before anything is done with what came along with it. If that fails, it is kept in memory, because the
/// one in the file may be of no use any more.
fn save(oauth: &OAuth, known: &mut Known, unsaved: Unsaved, lock: &TokenLock) -> Result<(), TokenError> {
    stored::write(oauth, &unsaved.refresh, unsaved.since, lock).map_err(|error| {
        known.unsaved = Some(unsaved);
        unkept(error)
    })
}

fn not_logged_in(oauth: &OAuth) -> TokenError {
    let (issuer, account) = (&oauth.issuer, &oauth.account);
    TokenError::Local(format!("account {account} is not logged in at {issuer}: run \"postrider login {account}\""))
}

fn unkept(error: StoreError) -> TokenError {
    match error {
        StoreError::State(error) => local(error),
        StoreError::Keyring(error) => TokenError::Local(error.to_string()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn local(error: SpoolError) -> TokenError {
    let is_locked = matches!(&error, SpoolError::Io { error, .. } if error.kind() == io::ErrorKind::TimedOut);
    if is_locked || error.is_shortage() {
        TokenError::Busy(error.to_string())
    } else {
        TokenError::Local(error.to_string())
    }
}
