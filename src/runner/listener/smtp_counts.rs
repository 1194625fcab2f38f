//! What a client did, for the line that says that it has gone.

use std::collections::BTreeMap;
use std::fmt;

use crate::submit::smtp_server::dialogue::Action;

/// What a client did, for the log: replies by what they were, in Postfix's words.
#[derive(Debug, Default)]
pub struct Counts {
    good: u32,
    all: u32,
    logins: (u32, u32),
    others: BTreeMap<&'static str, u32>,
}

impl Counts {
    /// A command was answered.
    pub fn reply(&mut self, reply: &[u8]) {
        // The last line says what it was.
        let last = reply.split_inclusive(|byte| *byte == b'\n').next_back().unwrap_or_default();
        self.all += 1;
        self.good += u32::from(matches!(last.first(), Some(b'2' | b'3')));
        if last.starts_with(b"221") {
            *self.others.entry("quit").or_default() += 1;
        }
    }

    /// A login was decided on: 334 brings the server's proof.
    pub fn login(&mut self, action: &Action) {
        let is_right = matches!(action, Action::Reply(reply) if reply.starts_with(b"235") || reply.starts_with(b"334"));
        self.logins.0 += u32::from(is_right);
        self.logins.1 += 1;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |(good, all): (u32, u32)| if good == all { all.to_string() } else { format!("{good}/{all}") };
        if self.logins.1 > 0 {
            write!(f, "auth={} ", share(self.logins))?;
        }
        for (name, count) in &self.others {
            write!(f, "{name}={count} ")?;
        }
        write!(f, "commands={}", share((self.good, self.all)))
    }
}
