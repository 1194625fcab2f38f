//! `AuthInfo:` rows, of the authinfo map or else of the access map, asked as the ruleset authinfo asks them: for the relay,
//! then for everybody.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::settings::{Settings, rows};
use crate::config::Mechanism;
use crate::import::draft::Draft;
use crate::import::simple::Simple;

/// What a row says.
#[derive(Default)]
struct Login {
    authorization: Option<String>,
    authentication: Option<String>,
    password: Option<String>,
    realm: Option<String>,
    mechanisms: Vec<String>,
}

/// Which map has the logins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Map {
    Authinfo,
    /// Which is asked for domains as well.
    Access,
}

/// Takes the relay's row; the others are noted.
pub(super) fn carry(
    settings: &Settings,
    read: &dyn Fn(&str) -> std::io::Result<String>,
    simple: &mut Simple,
    draft: &mut Draft,
) {
    let (map, file) = match (settings.map_file("authinfo"), settings.map_file("access")) {
        (Some(file), _) => (Map::Authinfo, file),
        (None, Some(file)) => (Map::Access, file),
        (None, None) => return default_file(settings, draft),
    };
    let text = match read(file) {
        Ok(text) => text,
        Err(error) => {
            let why = format!("cannot be read: {error}; if the relay requires a login, set `username` and `password`");
            if map == Map::Authinfo {
                draft.left_out(format!("authinfo {file}"), why);
            } else {
                draft.no_effect(format!("access_db {file}"), why);
            }
            return;
        }
    };
    let tag = "authinfo:";
    let is_tagged = |key: &str| key.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    let logins: Vec<(String, &str)> = rows(&text)
        .into_iter()
        .filter(|(key, _)| is_tagged(key))
        .map(|(key, value)| (key[tag.len()..].to_lowercase(), value))
        .collect();
    let row_of = |host: &String| {
        let keys = keys(&bare(host).to_lowercase(), map);
        keys.iter().find_map(|key| logins.iter().position(|(of, _)| bare(of) == key))
    };
    let taken = simple.hosts.first().and_then(row_of);
    let value_of = |row: Option<usize>| row.map(|at| logins[at].1);
    let (shared, others) = simple.hosts.drain(..).partition(|host| value_of(row_of(host)) == value_of(taken));
    simple.hosts = shared;
    let others: Vec<String> = others;
    for host in &others {
        draft.not_shared(host, "its AuthInfo entry is another, or it has none");
    }
    for (at, (of, _)) in logins.iter().enumerate() {
        if Some(at) != taken && !others.iter().any(|host| row_of(host) == Some(at)) {
            let why =
                "it is not the relay's; if it is the name that the relay has in the DNS, set `username` and `password`";
            draft.left_out(format!("AuthInfo entry for {of}"), why);
        }
    }
    if let Some(at) = taken {
        add(login(logins[at].1), simple, draft);
    }
}

/// Keys in the order in which they are asked for; the last is everybody's.
fn keys(host: &str, map: Map) -> Vec<String> {
    let mut keys = vec![host.to_owned()];
    if map == Map::Access && host.parse::<std::net::IpAddr>().is_err() {
        keys.extend(host.match_indices('.').map(|(at, _)| host[at + 1..].to_owned()));
    }
    keys.push(String::new());
    keys
}

fn add(login: Login, simple: &mut Simple, draft: &mut Draft) {
    let Login { authorization, authentication, password, realm, mechanisms } = login;
    if let (Some(asked), Some(own)) = (&authorization, &authentication)
        && asked != own
    {
        draft.no_effect(format!("AuthInfo U:{asked}"), "the login is that of I:, and asks for nobody else's rights");
    }
    if realm.is_some() {
        draft.no_effect("AuthInfo R:", "the realm is what the relay says");
    }
    simple.user = authentication.or(authorization);
    simple.password = password;
    for mechanism in mechanisms {
        if Mechanism::ALL.iter().any(|known| known.name().eq_ignore_ascii_case(&mechanism)) {
            simple.auth.push(mechanism.to_lowercase());
        } else {
            draft.left_out(format!("AuthInfo M:{mechanism}"), "not a mechanism that postrider has");
        }
    }
}

/// `"U:user" "I:user" "P:secret" "M:PLAIN LOGIN"`: a tag, and `:` before a text or `=` before base64.
fn login(value: &str) -> Login {
    let mut login = Login::default();
    for token in tokens(value) {
        let mut letters = token.chars();
        let (Some(tag), Some(kind)) = (letters.next(), letters.next()) else { continue };
        let decoded = || String::from_utf8(STANDARD.decode(letters.as_str()).ok()?).ok();
        let text = if kind == '=' { decoded() } else { Some(letters.as_str().to_owned()) };
        match tag.to_ascii_uppercase() {
            'U' => login.authorization = text,
            'I' => login.authentication = text,
            'P' => login.password = text,
            'R' => login.realm = text,
            'M' => login.mechanisms = text.unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
            _ => {}
        }
    }
    login
}

/// Between quotes, or between blanks where there are none.
fn tokens(value: &str) -> Vec<String> {
    let (mut tokens, mut token, mut is_quoted) = (Vec::new(), String::new(), false);
    for c in value.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            c if c.is_whitespace() && !is_quoted => tokens.push(std::mem::take(&mut token)),
            c => token.push(c),
        }
    }
    tokens.push(token);
    tokens.retain(|token| !token.is_empty());
    tokens
}

/// The file of a login for every relay, which the ruleset authinfo keeps from being read.
fn default_file(settings: &Settings, draft: &mut Draft) {
    if let Some(file) = settings.options.get("DefaultAuthInfo") {
        let why = format!("{file} is used only where the ruleset authinfo was removed; set `username` and `password`");
        draft.left_out("DefaultAuthInfo", why);
    }
}

/// Addresses may stand in brackets.
pub(super) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}
