//! AUTH as a provider serves it (RFC 4954): which mechanism, the messages to and fro, who is logged in afterwards.
//! What each mechanism checks is `auth`'s.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::auth::{self, Around};
use super::mail::Login;
use super::parse::decode;
use super::rule::{Moment, Verb};
use super::session::{Session, over};

impl Session {
    pub(super) fn auth(&mut self, line: &str) -> io::Result<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mechanism = words.get(1).copied().unwrap_or_default().to_ascii_uppercase();
        if !self.tls && !self.shared.allows_clear_auth {
            self.violation("AUTH without TLS");
        }
        let other = auth::KNOWN.contains(&mechanism.as_str()) && self.shared.offers_login(self.tls, &mechanism);
        if self.login.is_some() || !(other || matches!(mechanism.as_str(), "PLAIN" | "LOGIN")) {
            let refusal =
                if self.login.is_some() { "503 5.5.1 logged in already" } else { "504 5.5.4 no such mechanism" };
            self.answer(Moment::Command(Verb::Auth), line, refusal)?;
            return Ok(());
        }
        // The script answers the command itself only where it has a rule for it; else the exchange is made.
        let scripted = self.answer(Moment::Command(Verb::Auth), line, "")?;
        if scripted == 334 {
            let answer = self.command()?.ok_or_else(over)?;
            self.answer(Moment::AuthAnswer, &answer, "535 5.7.8 not so")?;
            return Ok(());
        }
        if scripted != 0 {
            if scripted == 235 {
                self.login = Some(Login { mechanism, username: String::new() });
            }
            return Ok(());
        }
        let initial = words.get(2).map(|text| (*text).to_owned());
        if other {
            return self.other_login(&mechanism, initial);
        }
        let given = if mechanism == "PLAIN" { self.plain(initial)? } else { self.login_exchange(initial)? };
        let Some((username, password)) = given else {
            self.say("501 5.5.2 not the way it is done");
            return Ok(());
        };
        let login = Login { mechanism, username };
        let right = self.shared.accepts(&login.username, &password);
        self.shared.heard().logins.push((login.clone(), right));
        self.say(if right { "235 2.7.0 welcome" } else { "535 5.7.8 authentication failed" });
        self.login = right.then_some(login);
        Ok(())
    }

    /// With -PLUS, this very connection; a client that could bind but sees no -PLUS offered must say that.
    fn around(&self, mechanism: &str) -> Around {
        let plus = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"];
        let offers_plus = plus.iter().any(|name| self.shared.offers_login(self.tls, name));
        let bound = match self.wire.binding() {
            Some(data) if plus.contains(&mechanism) => [&b"p=tls-exporter,,"[..], &data].concat(),
            Some(_) if !offers_plus => b"y,,".to_vec(),
            Some(_) | None => b"n,,".to_vec(),
        };
        let shown = self.wire.shown().and_then(|shown| self.shared.identity.owner(&shown));
        Around { bound, shown, rounds: self.shared.scram_iterations }
    }

    fn other_login(&mut self, mechanism: &str, initial: Option<String>) -> io::Result<()> {
        let around = self.around(mechanism);
        let mut exchange = auth::Exchange::new(mechanism, around);
        let mut message = match (initial, exchange.server_first()) {
            (Some(text), _) => decode(&text),
            (None, first) => self.challenge(&STANDARD.encode(first.unwrap_or_default()))?,
        };
        loop {
            let Some(heard) = message else {
                self.say("501 5.5.2 not the way it is done");
                return Ok(());
            };
            match exchange.hear(&heard, |username| self.shared.password_of(username)) {
                auth::Said::Challenge(text) => message = self.challenge(&STANDARD.encode(text))?,
                auth::Said::End { username, right } => {
                    let login = Login { mechanism: mechanism.to_owned(), username };
                    self.shared.heard().logins.push((login.clone(), right));
                    self.say(if right { "235 2.7.0 welcome" } else { "535 5.7.8 authentication failed" });
                    self.login = right.then_some(login);
                    return Ok(());
                }
            }
        }
    }

    /// One answer to a challenge, decoded; `None` where the client gives up or sends nonsense.
    fn challenge(&mut self, challenge: &str) -> io::Result<Option<String>> {
        self.say(&format!("334 {challenge}"));
        let answer = self.command()?.ok_or_else(over)?;
        Ok(decode(&answer))
    }

    fn plain(&mut self, initial: Option<String>) -> io::Result<Option<(String, String)>> {
        let message = match initial {
            Some(text) => decode(&text),
            None => self.challenge("")?,
        };
        Ok(message.and_then(|message| {
            let mut parts = message.split('\0').skip(1).map(str::to_owned);
            Some((parts.next()?, parts.next()?))
        }))
    }

    fn login_exchange(&mut self, initial: Option<String>) -> io::Result<Option<(String, String)>> {
        let username = match initial {
            Some(text) => decode(&text),
            None => self.challenge("VXNlcm5hbWU6")?,
        };
        let Some(username) = username else { return Ok(None) };
        Ok(self.challenge("UGFzc3dvcmQ6")?.map(|password| (username, password)))
    }
}
