//! Logins other than PLAIN and LOGIN, the server's side: what each mechanism checks, so
//! that a client that does one wrongly is not let in.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use ring::{digest, hmac, pbkdf2};

/// The mechanisms that are known here.
pub const KNOWN: [&str; 8] = [
    "CRAM-MD5",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256-PLUS",
    "XOAUTH2",
    "OAUTHBEARER",
    "EXTERNAL",
];

const NONCE: &str = "3rfcNHYJY1ZVvWVs7j";
const SALT: &[u8] = b"sixteen bytes...";
const CHALLENGE: &str = "<1.2@scripted.example>";
const REJECTED: &str = r#"{"status":"401","schemes":"bearer"}"#;

/// What is said next, and how it ends.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// 334 with this.
    Challenge(String),
    /// Who it was, and whether he is let in.
    End { username: String, right: bool },
}

/// What a mechanism may know of the connection.
pub struct Around {
    /// What SCRAM must bind the login to (RFC 5802, `gs2-header` and channel binding).
    pub bound: Vec<u8>,
    /// Whose certificate the client showed.
    pub shown: Option<String>,
    /// Iterations that SCRAM demands.
    pub rounds: u32,
}

/// One exchange.
pub struct Exchange {
    mechanism: String,
    around: Around,
    /// The user's messages so far.
    heard: Vec<String>,
}

impl Exchange {
    pub fn new(mechanism: &str, around: Around) -> Self {
        Self { mechanism: mechanism.to_owned(), around, heard: Vec::new() }
    }

    /// Whether the server speaks first.
    pub fn server_first(&self) -> Option<&'static str> {
        (self.mechanism == "CRAM-MD5").then_some(CHALLENGE)
    }

    /// Takes the client's next message.
    pub fn hear(&mut self, message: &str, password_of: impl Fn(&str) -> Option<String>) -> Said {
        self.heard.push(message.to_owned());
        match self.mechanism.as_str() {
            "CRAM-MD5" => {
                let (username, given) = message.rsplit_once(' ').unwrap_or((message, ""));
                let right = password_of(username).is_some_and(|password| cram(&password) == given);
                Said::End { username: username.to_owned(), right }
            }
            // An empty message: whoever the certificate says.
            "EXTERNAL" => {
                let shown = self.around.shown.clone();
                let right = shown.as_ref().is_some_and(|shown| message.is_empty() || message == shown);
                Said::End { username: shown.unwrap_or_default(), right }
            }
            "XOAUTH2" => self.token(part(&self.heard[0], "user="), &password_of),
            "OAUTHBEARER" => {
                let user = self.heard[0].split(',').nth(1).and_then(|field| field.strip_prefix("a="));
                let user = user.unwrap_or_default().to_owned();
                self.token(user, &password_of)
            }
            _ => self.scram(&password_of),
        }
    }

    fn token(&self, username: String, password_of: &impl Fn(&str) -> Option<String>) -> Said {
        let given = part(&self.heard[0], "auth=Bearer ");
        let right = password_of(&username).is_some_and(|password| password == given);
        match self.heard.len() {
            1 if !right => Said::Challenge(REJECTED.to_owned()),
            _ => Said::End { username, right },
        }
    }

    fn scram(&self, password_of: &impl Fn(&str) -> Option<String>) -> Said {
        let bare = self.heard[0].splitn(3, ',').nth(2).unwrap_or_default();
        let username = bare.split(',').next().and_then(|field| field.strip_prefix("n=")).unwrap_or_default().to_owned();
        let nonce = format!("{}{NONCE}", bare.rsplit_once("r=").map_or("", |(_, nonce)| nonce));
        let first = format!("r={nonce},s={},i={}", STANDARD.encode(SALT), self.around.rounds);
        if self.heard.len() == 1 {
            return Said::Challenge(first);
        }
        let Some(password) = password_of(&username) else { return Said::End { username, right: false } };
        let last = &self.heard[1];
        let (unproven, proof) = last.rsplit_once(",p=").unwrap_or((last, ""));
        let signed = format!("{bare},{first},{unproven}");
        let (expected, verifier) = self.proofs(&password, &signed);
        let right = unproven == format!("c={},r={nonce}", STANDARD.encode(&self.around.bound)) && proof == expected;
        match self.heard.len() {
            2 if right => Said::Challenge(format!("v={verifier}")),
            _ => Said::End { username, right },
        }
    }

    /// The client's proof and the server's signature.
    fn proofs(&self, password: &str, signed: &str) -> (String, String) {
        let sha1 = self.mechanism.starts_with("SCRAM-SHA-1");
        let (kdf, mac, hash, length) = if sha1 {
            (pbkdf2::PBKDF2_HMAC_SHA1, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &digest::SHA1_FOR_LEGACY_USE_ONLY, 20)
        } else {
            (pbkdf2::PBKDF2_HMAC_SHA256, hmac::HMAC_SHA256, &digest::SHA256, 32)
        };
        let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(mac, key), text).as_ref().to_vec();
        let mut salted = vec![0; length];
        pbkdf2::derive(kdf, NonZeroU32::new(self.around.rounds).unwrap(), SALT, password.as_bytes(), &mut salted);
        let client = sign(&salted, b"Client Key");
        let stored = digest::digest(hash, &client);
        let signature = sign(stored.as_ref(), signed.as_bytes());
        let proof: Vec<u8> = client.iter().zip(signature).map(|(key, sign)| key ^ sign).collect();
        let server = sign(&salted, b"Server Key");
        (STANDARD.encode(proof), STANDARD.encode(sign(&server, signed.as_bytes())))
    }
}

fn part(message: &str, name: &str) -> String {
    message.split('\x01').find_map(|field| field.strip_prefix(name)).unwrap_or_default().to_owned()
}

fn cram(password: &str) -> String {
    let mut key = [0_u8; 64];
    key[..password.len()].copy_from_slice(password.as_bytes());
    let padded = |pad: u8| key.map(|byte| byte ^ pad);
    let inner = Md5::new().chain_update(padded(0x36)).chain_update(CHALLENGE).finalize();
    let outer = Md5::new().chain_update(padded(0x5c)).chain_update(inner).finalize();
    outer.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
