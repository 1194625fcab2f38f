//! What must last of a login: the refresh token, in the state directory, in a file that only its owner reads. It is replaced as a
//! whole and is on disk before the new one is used, because at many services the old one ends with the request for the new.
//!
//! With `keyring = true` the token itself is in the desktop's keyring, and the file has the rest.
//!
//! A new one is written into the file with `.next` in its name, which has the room for it before it is asked for, and then put in the
//! place of the old one. A process that ends between the two has left it there, and whoever has the lock next takes it over.
//!
//! The file with `.login` in its name changes with each `postrider login` and with nothing else, so that a runner that waits for a
//! new login does not take a renewed token for one.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::config::Secret;
use crate::config::oauth::{Keeping, OAuth};
use crate::config::secret::{SecretError, SecretItem};
use crate::spool::SpoolError;
use crate::spool::state_dir::StateDir;

/// Longer than a request for a token may take.
const OTHERS_TIME: Duration = Duration::from_mins(2);
/// Larger than any login.
const ROOM: usize = 16 << 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// Why a login cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The state directory.
    #[error(transparent)]
    State(#[from] SpoolError),
    /// The keyring.
    #[error(transparent)]
    Keyring(#[from] SecretError),
}

/// What is known of a login.
#[derive(Debug, Clone, Copy)]
pub struct StoredLogin {
    /// When the user logged in.
    pub since: Timestamp,
    /// When the token was last renewed.
    pub renewed: Timestamp,
}

/// As it is in the file.
#[derive(Serialize, Deserialize)]
struct Form<'a> {
    #[serde(borrow)]
    issuer: Cow<'a, str>,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    #[serde(borrow)]
    username: Cow<'a, str>,
    #[serde(borrow)]
    scope: Cow<'a, str>,
    #[serde(borrow)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Cow<'a, str>>,
    since: Timestamp,
    renewed: Timestamp,
}

/// Held by whoever asks for a token: a second request with the same refresh token would end both.
#[derive(Debug)]
pub struct TokenLock(#[expect(dead_code, reason = "closing it ends the lock")] File);

fn name(oauth: &OAuth, kind: &str) -> String {
    format!("oauth-{}.{kind}", oauth.key())
}

/// Waits for other processes.
pub fn lock(oauth: &OAuth) -> Result<TokenLock, SpoolError> {
    let path = StateDir::open(&oauth.state)?.file(&name(oauth, "lock"));
    let failed = |error| SpoolError::Io { action: "lock", path: path.clone(), error };
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = opened.map_err(failed)?;
    let begun = Instant::now();
    loop {
        match fs2::FileExt::try_lock_exclusive(&file) {
            Ok(()) => return Ok(TokenLock(file)),
            Err(error) if error.kind() != fs2::lock_contended_error().kind() => return Err(failed(error)),
            Err(_) if begun.elapsed() < OTHERS_TIME => thread::sleep(BETWEEN_TRIES),
            Err(_) => return Err(failed(io::ErrorKind::TimedOut.into())),
        }
    }
}

/// The login; `None` if there is none. A keyring is not asked: it may have to be unlocked.
pub fn look(oauth: &OAuth) -> Result<Option<StoredLogin>, SpoolError> {
    Ok(form(oauth, |form| {
        let is_here = form.refresh_token.is_some() || oauth.keeping == Keeping::Keyring;
        is_here.then_some(StoredLogin { since: form.since, renewed: form.renewed })
    })?
    .flatten())
}

/// The login with its refresh token, for new access tokens; `None` if there is none.
pub fn read(oauth: &OAuth) -> Result<Option<(StoredLogin, Secret)>, StoreError> {
    let Some(login) = look(oauth)? else { return Ok(None) };
    // One from before the keyring was wanted goes there with the next one.
    let in_file =
        form(oauth, |form| form.refresh_token.as_deref().map(|token| Secret::new(token.to_owned())))?.flatten();
    let refresh = in_file.map_or_else(|| item(oauth).fetch(), Ok)?;
    Ok(Some((login, refresh)))
}

/// What `take` finds in the file; `None` if there is no file.
fn form<T>(oauth: &OAuth, take: impl FnOnce(&Form<'_>) -> T) -> Result<Option<T>, SpoolError> {
    let Some(state) = StateDir::find(&oauth.state)? else { return Ok(None) };
    let file = name(oauth, "json");
    let Some(bytes) = state.read(&file)? else { return Ok(None) };
    let damaged = |error: serde_json::Error| SpoolError::Damaged { path: state.file(&file), what: error.to_string() };
    Ok(Some(take(&serde_json::from_slice(&bytes).map_err(damaged)?)))
}

/// The refresh token in the keyring.
fn item(oauth: &OAuth) -> SecretItem {
    SecretItem::login(format!("oauth-{}", oauth.key()), &oauth.account)
}

/// Puts what an earlier process has written, and no more than written, in its place.
pub fn take_over(oauth: &OAuth, _held: &TokenLock) -> Result<(), SpoolError> {
    let Some(state) = StateDir::find(&oauth.state)? else { return Ok(()) };
    let next = name(oauth, "next");
    match state.read(&next)? {
        Some(bytes) if serde_json::from_slice::<Form<'_>>(&bytes).is_ok() => state.rename(&next, &name(oauth, "json")),
        // The room, or a part: then the process ended while it wrote.
        Some(_) | None => Ok(()),
    }
}

/// Whether a login can be stored: asked before anybody agrees to anything, and before a token is requested whose loss would end the
/// login.
pub fn prepare(oauth: &OAuth, held: &TokenLock) -> Result<(), StoreError> {
    take_over(oauth, held)?;
    if oauth.keeping == Keeping::Keyring {
        // Only writing shows that it is unlocked.
        let attempt = SecretItem::login(format!("oauth-{}-attempt", oauth.key()), &oauth.account);
        attempt.store(&Secret::new("none".to_owned()))?;
        attempt.delete()?;
    }
    Ok(StateDir::open(&oauth.state)?.write(&name(oauth, "next"), &[b' '; ROOM])?)
}

/// Replaces it; on disk when this returns. `since` is when the user logged in.
pub fn write(oauth: &OAuth, refresh: &Secret, since: Timestamp, _held: &TokenLock) -> Result<(), StoreError> {
    if oauth.keeping == Keeping::File {
        return Ok(put(oauth, Some(refresh), since)?);
    }
    // A token in the file counts before one in the keyring, so it must not be the old one if the process ends before the next step.
    if form(oauth, |form| form.refresh_token.is_some())? == Some(true) {
        put(oauth, Some(refresh), since)?;
    }
    item(oauth).store(refresh)?;
    Ok(put(oauth, None, since)?)
}

/// Replaces the file.
fn put(oauth: &OAuth, refresh: Option<&Secret>, since: Timestamp) -> Result<(), SpoolError> {
    let state = StateDir::open(&oauth.state)?;
    let (file, next) = (name(oauth, "json"), name(oauth, "next"));
    let form = Form {
        issuer: oauth.issuer.as_str().into(),
        client_id: oauth.client_id.as_str().into(),
        username: oauth.username.as_str().into(),
        scope: oauth.scope.as_str().into(),
        refresh_token: refresh.map(|token| token.expose().into()),
        since,
        renewed: Timestamp::now(),
    };
    let damaged = |error: serde_json::Error| SpoolError::Damaged { path: state.file(&file), what: error.to_string() };
    // At its final size, so that growing leaves no copy in memory; and as long as what it is written over.
    let mut text = Zeroizing::new(Vec::with_capacity(ROOM));
    serde_json::to_writer(&mut *text, &form).map_err(damaged)?;
    let length = text.len().max(ROOM);
    text.resize(length, b' ');
    // Another process may have used the room meanwhile, or a stranger removed it.
    if state.overwrite(&next, &text).is_err() {
        state.write(&next, &text)?;
    }
    state.rename(&next, &file)
}

/// Tells a runner that the user has logged in.
pub fn note_login(oauth: &OAuth) -> Result<(), SpoolError> {
    StateDir::open(&oauth.state)?.write(&name(oauth, "login"), Timestamp::now().to_string().as_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
