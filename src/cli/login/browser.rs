//! The authorization code flow with PKCE (RFC 7636) for programs on a user's machine (RFC 8252): a browser comes back to a port of
//! the loopback interface, or the user pastes the address that it ended at.

use std::io::{self, BufRead as _, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::refused;
use crate::cli::exit::{Exit, Failure};
use crate::cli::print::say;
use crate::config::Secret;
use crate::config::oauth::OAuth;
use crate::deliver::confidential::{Confidential, WITHHELD};
use crate::deliver::oauth::request::{self, Granted};
use crate::mail::printable::printable;
use crate::tls::fingerprint::sha256;

/// A refused redirect never comes back here, so the wait must end by itself.
const PATIENCE: Duration = Duration::from_mins(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// A browser's request line and header fit into this, in octets.
const MOST: usize = 16 << 10;
/// How long a browser may take to send them.
const REQUEST_TIME: Duration = Duration::from_secs(5);

pub(super) fn run(oauth: &OAuth, secret: Option<&Secret>) -> Result<Granted, Failure> {
    let failed_here =
        |error: io::Error| Failure::new(Exit::OsError, format_args!("cannot listen on 127.0.0.1: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed_here)?;
    listener.set_nonblocking(true).map_err(failed_here)?;
    let port = listener.local_addr().map_err(failed_here)?.port();
    let redirect = format!("http://{}:{port}", oauth.loopback);
    let (state, verifier) = (random()?, Secret::new(random()? + &random()?));
    show(&address(oauth, &redirect, &state, &verifier)?, port);
    let mut confidential = Confidential::default();
    for text in [state.as_str(), verifier.expose(), secret.map_or("", |secret| secret.expose())] {
        confidential.add_token(text);
    }
    let code = wait(&listener, &typed(), &Arc::new(Ours { state, confidential }))?;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.expose()),
        ("redirect_uri", redirect.as_str()),
        ("code_verifier", verifier.expose()),
    ];
    request::token(oauth, secret, &fields).map_err(|error| refused(oauth, &error))
}

/// What tells this login from others, and what no text about it may show.
struct Ours {
    state: String,
    confidential: Confidential,
}

/// Where the browser goes.
fn address(oauth: &OAuth, redirect: &str, state: &str, verifier: &Secret) -> Result<String, Failure> {
    let endpoint = oauth.authorization.as_ref();
    let endpoint = endpoint.ok_or_else(|| Failure::new(Exit::Config, "there is no authorization_url"))?;
    let challenge = URL_SAFE_NO_PAD.encode(sha256(verifier.expose().as_bytes()));
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", &oauth.client_id),
        ("redirect_uri", redirect),
        ("scope", &oauth.scope),
        ("state", state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        // Without it, a second login may get no refresh token.
        ("prompt", "consent"),
        ("login_hint", &oauth.username),
    ];
    fields.extend(oauth.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let joint = if endpoint.contains('?') { '&' } else { '?' };
    Ok(format!("{endpoint}{joint}{}", request::query(&fields)))
}

fn show(address: &str, port: u16) {
    say("Open this address in a browser on this machine, log in, and agree:");
    say("");
    say(address);
    say("");
    say("No browser on this machine? Open the address in another one, log in, and paste the address of the last page");
    say("here (the page itself will not load). Or run this first on the machine with the browser:");
    say(&format!("    ssh -L {port}:127.0.0.1:{port} USER@THIS-MACHINE"));
    say(&format!("Waiting, {} minutes at most ...", PATIENCE.as_secs() / 60));
}

/// Lines from standard input, for a pasted address.
fn typed() -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Waits for the browser or for a pasted address, whichever comes first.
fn wait(listener: &TcpListener, typed: &Receiver<String>, ours: &Arc<Ours>) -> Result<Secret, Failure> {
    let ends = Instant::now() + PATIENCE;
    let (heard, answers) = mpsc::channel();
    while Instant::now() < ends {
        // Each in a thread of its own: whoever connects and says nothing keeps nobody from being heard.
        if let Ok((stream, _)) = listener.accept() {
            let (heard, ours) = (heard.clone(), Arc::clone(ours));
            thread::spawn(move || of_browser(&stream, &ours).map(|answer| heard.send(answer)));
        }
        if let Ok(answer) = answers.try_recv() {
            return answer;
        }
        match typed.try_recv() {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => match query_of(line.trim()).map(|query| read(query, ours)) {
                Some(Reply::Ours(answer)) => return answer,
                Some(Reply::Foreign) => {
                    say("that address is not from this login (its `state` is another); paste the last one");
                }
                None => {
                    say("that is not the address at which the login ended; it begins with http:// and contains code=");
                }
            },
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
        thread::sleep(BETWEEN_LOOKS);
    }
    Err(Failure::new(
        Exit::Unavailable,
        format_args!(
            "nothing came back within {} minutes; if the browser shows an error, it is about client_id or about the address that \
             the client is registered for (http://127.0.0.1 or http://localhost, any port)",
            PATIENCE.as_secs() / 60
        ),
    ))
}

/// What came back.
enum Reply {
    /// Of this login: the code, or why there is none.
    Ours(Result<Secret, Failure>),
    /// Of another, or of somebody who guesses.
    Foreign,
}

/// The first request that belongs to this login ends it; any other is told off.
fn of_browser(stream: &TcpStream, ours: &Ours) -> Option<Result<Secret, Failure>> {
    let line = request_line(stream).ok()?;
    let target = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next());
    let reply = target.and_then(query_of).map(|query| read(query, ours));
    let (status, text, answer) = match reply {
        Some(Reply::Ours(answer)) => {
            ("200 OK", "postrider has received the answer of your provider. You can close this page.", Some(answer))
        }
        Some(Reply::Foreign) => ("400 Bad Request", "This is not the login that postrider waits for.", None),
        None => ("404 Not Found", "There is nothing here.", None),
    };
    // The browser may be gone; what it brought counts.
    let _ = respond(stream, status, text);
    answer
}

/// The first line of a request, whose header is read as well: a browser that is answered before it has sent it shows an error.
fn request_line(mut stream: &TcpStream) -> io::Result<String> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(REQUEST_TIME))?;
    let (ends, mut head, mut block) = (Instant::now() + REQUEST_TIME, Vec::new(), [0; 1024]);
    while head.len() < MOST && memchr::memmem::find(&head, b"\r\n\r\n").is_none() {
        let left = ends.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut block)? {
            0 => break,
            length => head.extend_from_slice(&block[..length]),
        }
    }
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).trim_end().to_owned())
}

fn respond(mut stream: &TcpStream, status: &str, text: &str) -> io::Result<()> {
    let length = text.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{text}"
    )?;
    stream.flush()
}

/// What is behind the question mark of an address, if it looks like the end of a login.
fn query_of(address: &str) -> Option<&str> {
    let (_, query) = address.split_once('?')?;
    let query = query.split('#').next().unwrap_or(query);
    (field(query, "code").is_some() || field(query, "error").is_some()).then_some(query)
}

fn field(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned())
}

/// `state` proves that the answer is to this login's question (RFC 6749 section 10.12).
fn read(query: &str, ours: &Ours) -> Reply {
    if field(query, "state").as_ref() != Some(&ours.state) {
        return Reply::Foreign;
    }
    let code = field(query, "code").map(Secret::new);
    if let Some(error) = field(query, "error") {
        let description = field(query, "error_description").unwrap_or_default();
        let is_shown =
            |text: &str| code.as_ref().is_some_and(|code| !code.expose().is_empty() && text.contains(code.expose()));
        let told = |text: &str| {
            let told = if is_shown(text) { WITHHELD } else { ours.confidential.without_secrets(text) };
            printable(told).chars().take(300).collect::<String>()
        };
        let words = match told(&description).as_str() {
            "" => String::new(),
            WITHHELD => format!(" {WITHHELD}"),
            text => format!(" ({text})"),
        };
        let message = format_args!("the login was refused: {}{words}; nothing was stored", told(&error));
        return Reply::Ours(Err(Failure::new(Exit::Unavailable, message)));
    }
    Reply::Ours(Ok(code.unwrap_or_else(|| Secret::new(String::new()))))
}

/// 32 random bytes as text that needs no encoding in an address.
fn random() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    let none = |_| Failure::new(Exit::OsError, "the system provides no random numbers");
    SystemRandom::new().fill(&mut bytes).map_err(none)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
