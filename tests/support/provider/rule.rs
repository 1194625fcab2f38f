//! The script's words: at which moment of a session, about what, how often, and
//! what the provider does then instead of the ordinary thing.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A command of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the SMTP command of its name")]
pub enum Verb {
    Ehlo,
    Helo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Quit,
    Other,
}

impl Verb {
    /// The command that opens this line.
    pub fn of(line: &str) -> Self {
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "EHLO" | "LHLO" => Self::Ehlo,
            "HELO" => Self::Helo,
            "STARTTLS" => Self::StartTls,
            "AUTH" => Self::Auth,
            "MAIL" => Self::Mail,
            "RCPT" => Self::Rcpt,
            "DATA" => Self::Data,
            "BDAT" => Self::Bdat,
            "RSET" => Self::Rset,
            "NOOP" => Self::Noop,
            "QUIT" => Self::Quit,
            _ => Self::Other,
        }
    }
}

/// A point of the session at which the script may step in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Instead of the 220 banner.
    Greeting,
    /// A command came.
    Command(Verb),
    /// STARTTLS was answered with 220; the handshake is due.
    Handshake,
    /// The client answered a 334.
    AuthAnswer,
    /// Content is coming: its first line was read.
    Content,
    /// The final dot (or the last BDAT chunk) was read.
    AfterDot,
    /// A transaction is over and its reply is out.
    Idle,
}

/// What the provider does instead of the ordinary thing.
#[derive(Debug, Clone)]
pub enum Act {
    /// The ordinary thing after all (a rule may only wait).
    Ordinary,
    /// These bytes; the session goes on as their code says.
    Say(Vec<u8>),
    /// These bytes, then the connection closes.
    SayAndClose(Vec<u8>),
    /// The connection closes (FIN).
    Close,
    /// The connection is torn down (RST).
    Reset,
    /// Reads, and never says anything again.
    Silence,
    /// These bytes, again and again.
    Endless(Vec<u8>),
}

/// A door that a test opens: the provider waits before it.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A closed one.
    pub fn closed() -> Self {
        Self::default()
    }

    /// Lets everybody through from now on.
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let mut open = self.0.0.lock().unwrap();
        while !*open {
            let (guard, waited) = self.0.1.wait_timeout(open, Duration::from_mins(1)).unwrap();
            open = guard;
            if waited.timed_out() {
                return;
            }
        }
    }
}

/// One line of the script.
#[derive(Debug, Clone)]
pub struct Rule {
    moment: Moment,
    about: Option<String>,
    connection: Option<usize>,
    skip: usize,
    times: usize,
    seen: usize,
    gate: Option<Gate>,
    act: Act,
}

/// When this command comes.
pub fn on(verb: Verb) -> Rule {
    Rule::at(Moment::Command(verb))
}

/// When a client has connected.
pub fn greeting() -> Rule {
    Rule::at(Moment::Greeting)
}

/// When the TLS handshake is due after STARTTLS.
pub fn handshake() -> Rule {
    Rule::at(Moment::Handshake)
}

/// When the client answered a 334.
pub fn auth_answer() -> Rule {
    Rule::at(Moment::AuthAnswer)
}

/// When content begins to come.
pub fn during_content() -> Rule {
    Rule::at(Moment::Content)
}

/// When the final dot was read.
pub fn after_dot() -> Rule {
    Rule::at(Moment::AfterDot)
}

/// When a transaction is over.
pub fn idle() -> Rule {
    Rule::at(Moment::Idle)
}

impl Rule {
    fn at(moment: Moment) -> Self {
        Self {
            moment,
            about: None,
            connection: None,
            skip: 0,
            times: usize::MAX,
            seen: 0,
            gate: None,
            act: Act::Ordinary,
        }
    }

    /// Only where the line (for moments behind DATA: the envelope) contains this.
    pub fn about(self, text: &str) -> Self {
        Self { about: Some(text.to_owned()), ..self }
    }

    /// Only on this connection, the first being 1.
    pub fn on_connection(self, number: usize) -> Self {
        Self { connection: Some(number), ..self }
    }

    /// Only the first time.
    pub fn once(self) -> Self {
        self.first(1)
    }

    /// Only the first so many times.
    pub fn first(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Only the time with this number, the first being 1.
    pub fn nth(self, number: usize) -> Self {
        Self { skip: number - 1, times: 1, ..self }
    }

    /// From the time with this number on.
    pub fn nth_and_later(self, number: usize) -> Self {
        Self { skip: number - 1, times: usize::MAX, ..self }
    }

    /// Not before the gate is open.
    pub fn behind(self, gate: &Gate) -> Self {
        Self { gate: Some(gate.clone()), ..self }
    }

    /// Answers this line (CRLF is added; lines of a longer reply stand one below the other).
    pub fn reply(self, text: &str) -> Self {
        self.say(format!("{}\r\n", text.replace('\n', "\r\n")).as_bytes())
    }

    /// Answers exactly these bytes.
    pub fn say(self, bytes: &[u8]) -> Self {
        Self { act: Act::Say(bytes.to_vec()), ..self }
    }

    /// Puts these bytes behind the answer, in the same segment.
    pub fn glued(mut self, bytes: &[u8]) -> Self {
        if let Act::Say(said) = &mut self.act {
            said.extend_from_slice(bytes);
        }
        self
    }

    /// Answers this line and closes.
    pub fn reply_and_close(self, text: &str) -> Self {
        Self { act: Act::SayAndClose(format!("{text}\r\n").into_bytes()), ..self }
    }

    /// Closes the connection.
    pub fn close(self) -> Self {
        Self { act: Act::Close, ..self }
    }

    /// Tears the connection down.
    pub fn reset(self) -> Self {
        Self { act: Act::Reset, ..self }
    }

    /// Never answers again.
    pub fn silence(self) -> Self {
        Self { act: Act::Silence, ..self }
    }

    /// Says this without end.
    pub fn endless(self, bytes: &[u8]) -> Self {
        Self { act: Act::Endless(bytes.to_vec()), ..self }
    }
}

/// The whole script; the first rule that fits is played.
#[derive(Debug, Default)]
pub struct Script {
    rules: Vec<Rule>,
}

impl Script {
    /// Adds a rule behind the others.
    pub fn add(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Forgets all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// What is to be done at this moment; `None`: the ordinary thing.
    pub fn cue(&mut self, moment: Moment, text: &str, connection: usize) -> Option<Cue> {
        let rule = self.rules.iter_mut().find_map(|rule| {
            let fits = rule.moment == moment
                && rule.connection.is_none_or(|wanted| wanted == connection)
                && rule.about.as_ref().is_none_or(|about| text.contains(about.as_str()));
            if !fits {
                return None;
            }
            rule.seen += 1;
            let due = rule.seen > rule.skip && rule.seen - rule.skip <= rule.times;
            due.then_some(rule)
        })?;
        Some(Cue { gate: rule.gate.clone(), act: rule.act.clone() })
    }
}

/// A rule that is due.
#[derive(Debug)]
pub struct Cue {
    gate: Option<Gate>,
    act: Act,
}

impl Cue {
    /// Waits as long as the rule says, then tells what to do.
    pub fn wait(self) -> Act {
        if let Some(gate) = &self.gate {
            gate.pass();
        }
        self.act
    }
}
