//! The part of the dialogue that logs a client in (RFC 4954): when it may, and what follows the decision.
//!
//! A rejected login is answered after a pause, which the driver waits for. It must be waited for on this connection
//! only: the other connections have threads of their own. After too many rejections the connection closes; the address
//! is the login guard's to judge (`runner::listener::login_guard`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::auth::{Next, Proof};
use super::super::reply::line;
use super::{Action, Decision, Dialogue, Exchange, LoginRule, Phase, Policy, Refusal};
use crate::config::Mechanism;

impl<P: Policy> Dialogue<P> {
    /// The login was decided on, behind [`Action::Verify`].
    pub fn decided(&mut self, decision: Decision) -> Action {
        let action = self.concluded(decision.verdict);
        if decision.pause.is_zero() {
            return action;
        }
        self.paused = Some(action);
        Action::Pause(decision.pause)
    }

    /// Called without an attempt, it changes nothing: the driver reported twice.
    fn concluded(&mut self, verdict: Result<(), Refusal>) -> Action {
        let attempt = match std::mem::replace(&mut self.phase, Phase::Commands) {
            Phase::Verifying(attempt) => attempt,
            other => {
                self.phase = other;
                return Action::Read;
            }
        };
        if let Err(refusal) = verdict {
            self.rejected_logins += 1;
            // A reply of 421 announces that the connection ends.
            return if self.rejected_logins < self.settings.limits.logins && refusal.code() != 421 {
                Action::Reply(refusal.to_wire())
            } else if refusal.code() == 421 {
                self.close(refusal.to_wire())
            } else {
                self.close(line(421, "4.7.0", "too many rejected logins; closing"))
            };
        }
        // RFC 4954 section 4 has no data with 235, so the server's proof goes as one more challenge, to which the
        // client answers with an empty line. A client that does not believe the proof cancels here and is not logged
        // in.
        if let Proof::Right(server_final) = attempt.proof {
            self.phase = Phase::Auth(Exchange::ScramEnd(attempt.username, attempt.mechanism));
            return Action::Reply(format!("334 {}\r\n", STANDARD.encode(server_final)).into_bytes());
        }
        self.logged_in(attempt.username, attempt.mechanism)
    }

    pub(super) fn logged_in(&mut self, username: String, mechanism: Mechanism) -> Action {
        self.client.login = Some((username, mechanism));
        Action::Reply(line(235, "2.7.0", "logged in"))
    }

    /// The mechanisms that the client may use now.
    ///
    /// A -PLUS mechanism without channel binding could never succeed, and a client that prefers it would not try
    /// another.
    pub(super) fn offered(&self) -> Vec<Mechanism> {
        let Some(offered) = self.settings.login.offered() else { return Vec::new() };
        let is_bound =
            |mechanism: &Mechanism| matches!(mechanism, Mechanism::ScramSha256Plus | Mechanism::ScramSha1Plus);
        if self.client.tls.is_none() {
            return offered.in_the_clear.clone();
        }
        let usable = |mechanism: &&Mechanism| self.client.binding.is_some() || !is_bound(mechanism);
        offered.secured.iter().filter(usable).copied().collect()
    }

    /// RFC 4954 section 4: not twice, and not within a transaction. 538 tells a client that has not started TLS why no
    /// mechanism is offered.
    pub(super) fn may_log_in(&self) -> Result<(), Refusal> {
        self.after_hello()?;
        if self.settings.login == LoginRule::Absent {
            return Err(Refusal::new(502, "5.5.1", "AUTH is not offered here"));
        }
        if self.offered().is_empty() && self.offers_tls() {
            return Err(Refusal::new(538, "5.7.11", "no password in clear text: STARTTLS first"));
        }
        if self.offered().is_empty() {
            return Err(Refusal::new(502, "5.5.1", "AUTH is not offered here without TLS"));
        }
        if self.client.login.is_some() || self.envelope.is_some() {
            return Err(Refusal::new(503, "5.5.1", "AUTH is allowed once, and not within a transaction"));
        }
        Ok(())
    }

    pub(super) fn authenticate(&mut self, next: Next) -> Action {
        match next {
            Next::Challenge(challenge, exchange) => {
                self.phase = Phase::Auth(exchange);
                Action::Reply(format!("334 {challenge}\r\n").into_bytes())
            }
            Next::Attempt(attempt) => {
                self.phase = Phase::Verifying(attempt);
                Action::Verify
            }
            Next::Done(username, mechanism) => self.logged_in(username, mechanism),
        }
    }
}
