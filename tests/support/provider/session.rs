//! One connection as a correct submission server serves it (RFC 5321, 6409, 4954,
//! 3207, 2920, 3030), with the script asked at every moment what to do instead.
//! What a client must not do is written down as a violation.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use super::mail::{Login, Mail};
use super::parse::{code, path_and_parameters, positive};
use super::rule::{Act, Moment, Verb};
use super::shared::Shared;
use super::wire::Wire;

const COMMAND_LIMIT: usize = 16 * 1024;
const LINE_LIMIT: usize = 16 * 1024 * 1024;

/// One served connection.
pub struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) wire: Wire,
    number: usize,
    pub(super) tls: bool,
    ehlo: Option<String>,
    pub(super) login: Option<Login>,
    transaction: Option<Mail>,
    accepted: usize,
}

pub(super) fn over() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

impl Session {
    /// Serves until one side has had enough.
    pub fn serve(shared: &Arc<Shared>, tcp: TcpStream, number: usize) -> io::Result<()> {
        let wire = Wire::new(tcp, shared.manners, Arc::clone(&shared.turns))?;
        let mut session = Self {
            shared: Arc::clone(shared),
            wire,
            number,
            tls: false,
            ehlo: None,
            login: None,
            transaction: None,
            accepted: 0,
        };
        session.converse()
    }

    fn converse(&mut self) -> io::Result<()> {
        if self.shared.implicit_tls {
            self.start_tls()?;
        }
        if !positive(self.answer(Moment::Greeting, "", "220 scripted.example ESMTP")?) {
            // A server that refused its service answers everything so, until QUIT (RFC 5321 section 3.1).
            while let Some(line) = self.command()? {
                if Verb::of(&line) == Verb::Quit {
                    return self.quit();
                }
                self.say("503 5.5.1 no service here");
            }
            return Ok(());
        }
        while let Some(line) = self.command()? {
            let verb = Verb::of(&line);
            self.judge(verb, &line);
            match verb {
                Verb::Ehlo | Verb::Helo => self.hello(verb, &line)?,
                Verb::StartTls => self.starttls(&line)?,
                Verb::Auth => self.auth(&line)?,
                Verb::Mail => self.mail(&line)?,
                Verb::Rcpt => self.rcpt(&line)?,
                Verb::Data => self.data(&line)?,
                Verb::Bdat => self.bdat(&line)?,
                Verb::Rset => {
                    self.answer(Moment::Command(verb), &line, "250 2.0.0 forgotten")?;
                    self.transaction = None;
                }
                Verb::Noop => drop(self.answer(Moment::Command(verb), &line, "250 2.0.0 nothing done")?),
                Verb::Quit => {
                    self.answer(Moment::Command(verb), &line, "221 2.0.0 bye")?;
                    return self.wire.close();
                }
                Verb::Other => drop(self.answer(Moment::Command(verb), &line, "502 5.5.2 no such command")?),
            }
        }
        Ok(())
    }

    fn quit(&mut self) -> io::Result<()> {
        self.say("221 2.0.0 bye");
        self.wire.close()
    }

    pub(super) fn command(&mut self) -> io::Result<Option<String>> {
        let Some(line) = self.wire.line(COMMAND_LIMIT)? else { return Ok(None) };
        if !line.ends_with(b"\r\n") {
            self.violation(&format!("a command without CRLF: {:?}", String::from_utf8_lossy(&line)));
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        self.shared.heard().lines.push(super::shared::Line {
            connection: self.number,
            tls: self.tls,
            text: text.clone(),
        });
        Ok(Some(text))
    }

    /// What a client must not do, whatever the server is like.
    fn judge(&self, verb: Verb, line: &str) {
        let more = self.wire.has_more();
        if verb == Verb::Rcpt && line.contains("> ") && !self.offers("DSN") {
            self.violation(&format!("{line:?} uses DSN, which was not offered"));
        }
        if verb == Verb::Bdat && !self.offers("CHUNKING") {
            self.violation("BDAT was not offered");
        }
        let last_of_group =
            matches!(verb, Verb::Ehlo | Verb::StartTls | Verb::Auth | Verb::Data | Verb::Noop | Verb::Quit);
        if more && last_of_group {
            self.violation(&format!("something was sent behind {line:?} without waiting for the reply"));
        }
        if more && !last_of_group && verb != Verb::Bdat && !self.offers("PIPELINING") {
            self.violation(&format!("{line:?} was pipelined, which was not offered"));
        }
        if self.ehlo.is_none() && matches!(verb, Verb::StartTls | Verb::Auth | Verb::Mail) {
            self.violation(&format!("{line:?} without EHLO"));
        }
    }

    /// What EHLO announces at this point of the session.
    fn offered(&self) -> &[String] {
        let after = self.shared.after_login.as_ref().filter(|_| self.login.is_some());
        after.map_or(self.shared.offered(self.tls), Vec::as_slice)
    }

    fn offers(&self, extension: &str) -> bool {
        self.offered().iter().any(|line| line.split([' ', '=']).next() == Some(extension))
    }

    pub(super) fn violation(&self, what: &str) {
        self.shared.heard().violations.push(what.to_owned());
    }

    pub(super) fn say(&mut self, text: &str) {
        self.wire.say(text.as_bytes());
        self.wire.say(b"\r\n");
    }

    /// Plays what the script says at this moment, else the ordinary reply; tells the code that went out.
    pub(super) fn answer(&mut self, moment: Moment, text: &str, ordinary: &str) -> io::Result<u16> {
        let cue = self.shared.cue(moment, text, self.number);
        match cue.map_or(Act::Ordinary, super::rule::Cue::wait) {
            Act::Ordinary => {
                if !ordinary.is_empty() {
                    self.say(ordinary);
                }
                Ok(code(ordinary.as_bytes()))
            }
            Act::Say(bytes) => {
                self.wire.say(&bytes);
                Ok(code(&bytes))
            }
            Act::SayAndClose(bytes) => {
                self.wire.say(&bytes);
                self.wire.close()?;
                Err(over())
            }
            Act::Close => {
                self.wire.close()?;
                Err(over())
            }
            Act::Reset => {
                self.wire.reset()?;
                Err(over())
            }
            Act::Silence => {
                self.wire.drain()?;
                Err(over())
            }
            Act::Endless(bytes) => loop {
                self.wire.say(&bytes);
                self.wire.flush()?;
            },
        }
    }

    fn hello(&mut self, verb: Verb, line: &str) -> io::Result<()> {
        if self.shared.lmtp != line.to_ascii_uppercase().starts_with("LHLO") {
            self.violation(&format!("{line:?} is not the greeting of this protocol"));
            return self.answer(Moment::Command(verb), line, "500 5.5.1 not here").map(drop);
        }
        let mut lines = vec!["scripted.example".to_owned()];
        if verb == Verb::Ehlo {
            lines.extend_from_slice(self.offered());
        }
        let last = lines.len() - 1;
        let mark = |at| if at == last { ' ' } else { '-' };
        let reply: Vec<String> = lines.iter().enumerate().map(|(at, text)| format!("250{}{text}", mark(at))).collect();
        if positive(self.answer(Moment::Command(verb), line, &reply.join("\r\n"))?) {
            self.ehlo = Some(line.get(5..).unwrap_or_default().to_owned());
            self.transaction = None;
        }
        Ok(())
    }

    fn start_tls(&mut self) -> io::Result<()> {
        let config = Arc::clone(&self.shared.identity.server);
        if let Err(error) = self.wire.start_tls(&config) {
            self.shared.heard().failed_handshakes.push(error.to_string());
            return Err(error);
        }
        self.tls = true;
        Ok(())
    }

    fn starttls(&mut self, line: &str) -> io::Result<()> {
        let ordinary = if self.tls || !self.offers("STARTTLS") { "502 5.5.1 not now" } else { "220 2.0.0 go ahead" };
        if self.answer(Moment::Command(Verb::StartTls), line, ordinary)? != 220 {
            return Ok(());
        }
        self.answer(Moment::Handshake, line, "")?;
        self.start_tls()?;
        (self.ehlo, self.login, self.transaction) = (None, None, None);
        Ok(())
    }

    fn mail(&mut self, line: &str) -> io::Result<()> {
        let parsed = path_and_parameters(line, "MAIL FROM:");
        let ordinary = match &parsed {
            _ if self.transaction.is_some() => "503 5.5.1 one at a time",
            None => "501 5.5.4 MAIL FROM:<address>",
            _ if self.shared.wants_login() && self.login.is_none() => "530 5.7.0 log in first",
            _ if self.accepted >= self.shared.messages_per_connection => "421 4.7.0 enough for this connection",
            Some((_, parameters)) => self.shared.judge_parameters(|extension| self.offers(extension), parameters),
        };
        if ordinary.starts_with("555") {
            self.violation(&format!("{line:?} uses what was not offered"));
        }
        let said = self.answer(Moment::Command(Verb::Mail), line, ordinary)?;
        if said == 421 {
            self.wire.close()?;
            return Err(over());
        }
        if let (true, Some((from, parameters))) = (positive(said), parsed) {
            let (number, tls, login) = (self.number, self.tls, self.login.clone());
            let ehlo = self.ehlo.clone().unwrap_or_default();
            self.transaction = Some(Mail { connection: number, ehlo, tls, login, from, parameters, ..Mail::default() });
        }
        Ok(())
    }

    fn rcpt(&mut self, line: &str) -> io::Result<()> {
        let parsed = path_and_parameters(line, "RCPT TO:");
        let ordinary = match &self.transaction {
            None => "503 5.5.1 MAIL first",
            Some(_) if parsed.is_none() => "501 5.5.4 RCPT TO:<address>",
            Some(mail) if mail.to.len() >= self.shared.recipients_per_message => "452 4.5.3 too many recipients",
            Some(_) => "250 2.1.5 ok",
        };
        let said = self.answer(Moment::Command(Verb::Rcpt), line, ordinary)?;
        if let (true, Some((to, parameters)), Some(mail)) = (positive(said), parsed, &mut self.transaction) {
            mail.wishes.extend(parameters);
            mail.to.push(to);
        }
        Ok(())
    }

    fn data(&mut self, line: &str) -> io::Result<()> {
        let ready = self.transaction.as_ref().is_some_and(|mail| !mail.to.is_empty());
        let ordinary = if ready { "354 go ahead" } else { "554 5.5.1 no valid recipients" };
        if !(300..400).contains(&self.answer(Moment::Command(Verb::Data), line, ordinary)?) {
            return Ok(());
        }
        let mut content = Vec::new();
        let mut begun = false;
        loop {
            let line = self.wire.line(LINE_LIMIT)?.ok_or_else(over)?;
            if line == b".\r\n" {
                break;
            }
            self.judge_content(&line);
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            if !begun {
                begun = true;
                let envelope = self.envelope();
                self.answer(Moment::Content, &envelope, "")?;
            }
        }
        if self.wire.has_more() && !self.offers("PIPELINING") {
            self.violation("something was sent behind the final dot");
        }
        self.take(content)
    }

    fn judge_content(&self, line: &[u8]) {
        let inner = line.strip_suffix(b"\r\n");
        if inner.is_none_or(|inner| inner.contains(&b'\r')) {
            self.violation("a bare CR or LF in the content");
        }
    }

    fn bdat(&mut self, line: &str) -> io::Result<()> {
        let mut words = line.split_whitespace().skip(1);
        let count: usize = words.next().and_then(|word| word.parse().ok()).ok_or_else(over)?;
        let last = words.next().is_some_and(|word| word.eq_ignore_ascii_case("LAST"));
        let bytes = self.wire.bytes(count)?;
        let ready = self.transaction.as_ref().is_some_and(|mail| !mail.to.is_empty());
        let ordinary = if ready { "250 2.0.0 chunk taken" } else { "503 5.5.1 no valid recipients" };
        if last && ready {
            // The script may refuse it; else the end of the content is its moment.
            if self.answer(Moment::Command(Verb::Bdat), line, "")? != 0 {
                return Ok(());
            }
            let mut content =
                self.transaction.as_mut().map(|mail| std::mem::take(&mut mail.content)).unwrap_or_default();
            content.extend_from_slice(&bytes);
            return self.take(content);
        }
        let said = self.answer(Moment::Command(Verb::Bdat), line, ordinary)?;
        if let (true, Some(mail)) = (positive(said), &mut self.transaction) {
            mail.content.extend_from_slice(&bytes);
        }
        Ok(())
    }

    fn envelope(&self) -> String {
        self.transaction.as_ref().map(|mail| format!("{} {}", mail.from, mail.to.join(" "))).unwrap_or_default()
    }

    /// The whole content is there. What was heard is written down before the client can know of it.
    fn take(&mut self, content: Vec<u8>) -> io::Result<()> {
        let envelope = self.envelope();
        let ordinary =
            if content.len() > self.shared.size_limit { "552 5.3.4 too big" } else { "250 2.0.0 queued as 4Script" };
        let Some(transaction) = self.transaction.take() else { return Ok(()) };
        let mail = Mail { content, ..transaction };
        let dot = {
            let mut heard = self.shared.heard();
            heard.dots += 1;
            let dot = heard.dots;
            heard.unanswered.insert(dot, mail);
            dot
        };
        if self.shared.lmtp {
            return self.reply_for_each(dot);
        }
        let said = self.answer(Moment::AfterDot, &envelope, ordinary)?;
        if positive(said) {
            self.accepted += 1;
            let mut heard = self.shared.heard();
            let mail = heard.unanswered.remove(&dot);
            heard.mails.extend(mail);
        }
        self.answer(Moment::Idle, "", "")?;
        Ok(())
    }

    /// RFC 2033 section 4.2: a reply for each accepted recipient, in their order.
    fn reply_for_each(&mut self, dot: usize) -> io::Result<()> {
        let Some(mail) = self.shared.heard().unanswered.get(&dot).cloned() else { return Ok(()) };
        for to in &mail.to {
            let saved = format!("250 2.0.0 <{to}> id Saved");
            if positive(self.answer(Moment::AfterDot, &format!("{} {to}", mail.from), &saved)?) {
                self.accepted += 1;
                self.shared.heard().mails.push(Mail { to: vec![to.clone()], ..mail.clone() });
            }
        }
        self.shared.heard().unanswered.remove(&dot);
        self.answer(Moment::Idle, "", "")?;
        Ok(())
    }
}
