//! Unit tests of `rules::trouble`.

use super::*;
use crate::mail::outcome::CertificateProblem;

const SESSION: Session =
    Session { provider: None, login: Login::Accepted, sender: EnvelopeSender::Mailbox, history: History::Fresh };

fn reply(code: u16, text: &str) -> Seen {
    let enhanced = text.split(' ').next().and_then(Enhanced::parse);
    Seen::Reply(Reply { code, enhanced, text: text.to_owned() })
}

#[test]
#[allow(clippy::too_many_lines)] // A table.
fn every_fact_means_what_a_postmaster_expects() {
    use Phase::{
        Auth, Connect, Content, Credential, Data, Ehlo, FinalDot, Greeting, Idle, Mail, Rcpt, Resolve, StartTls, Tls,
    };
    use Verdict::{Account, Charged, Deferred, Delivered, Held, Refused, Relay, TooManySessions, Unknown};
    const SENDER: Verdict = Held(Until::SenderGrace);
    const LIFETIME: Verdict = Held(Until::Lifetime);
    const LOGIN: Verdict = Account(AccountTrouble::Login);
    const SETUP: Verdict = Account(AccountTrouble::Setup);
    let failed = || Seen::Failed("refused".into());
    let garbage = || Seen::Garbage("not SMTP".into());
    let certificate = || {
        Seen::Tls(TlsProblem::Certificate(Box::new(CertificateProblem {
            reason: "expired".into(),
            certificate: Vec::new(),
            pin: None,
        })))
    };
    let ours = || Seen::Tls(TlsProblem::Ours("refused".into()));
    let missing = || Seen::NotOffered("no STARTTLS".into());
    let table = [
        (Credential, Seen::Local("no file".into()), SETUP),
        (Resolve, failed(), Relay),
        (Connect, failed(), TooManySessions),
        (Connect, Seen::Timeout, TooManySessions),
        (Greeting, reply(554, "go away"), SETUP),
        (Greeting, reply(421, "busy"), Relay),
        (Greeting, reply(421, "4.7.0 Too many connections from your address"), TooManySessions),
        (Greeting, Seen::Timeout, TooManySessions),
        (Greeting, Seen::Closed, TooManySessions),
        (Greeting, garbage(), Relay),
        (Ehlo, reply(550, "5.7.1 bad name"), SETUP),
        (Ehlo, reply(421, "busy"), Relay),
        (Ehlo, reply(451, "later"), Relay),
        (Ehlo, Seen::Closed, Relay),
        (StartTls, missing(), Relay),
        (StartTls, reply(454, "4.7.0 TLS not available"), Relay),
        (StartTls, reply(554, "5.7.0 no"), SETUP),
        (StartTls, reply(530, "5.7.0 no"), SETUP),
        (StartTls, garbage(), Relay),
        (Tls, certificate(), Relay),
        (Tls, Seen::Closed, TooManySessions),
        (Tls, ours(), SETUP),
        (Greeting, ours(), SETUP),
        (Ehlo, ours(), SETUP),
        (Auth, ours(), SETUP),
        (Auth, reply(535, "5.7.8 wrong password"), LOGIN),
        (Auth, reply(534, "5.7.9 too weak"), LOGIN),
        (Auth, reply(538, "5.7.11 encryption required"), SETUP),
        (Auth, reply(550, "disabled"), LOGIN),
        (Auth, reply(454, "4.7.0 try later"), Relay),
        (Auth, reply(421, "busy"), Relay),
        (Auth, Seen::Closed, Relay),
        (Auth, missing(), SETUP),
        (Auth, Seen::Local("no TLS".into()), SETUP),
        (Mail, reply(421, "shutting down"), Charged),
        (Mail, Seen::Closed, Charged),
        (Mail, Seen::Timeout, Charged),
        (Mail, reply(451, "4.3.0 later"), Deferred),
        (Mail, reply(530, "5.7.0 authenticate first"), LIFETIME),
        (Mail, reply(503, "5.5.1 need AUTH"), Charged),
        (Mail, reply(550, "5.7.1 not yours"), SENDER),
        (Mail, reply(553, "5.7.1 <x>: Sender address rejected: not owned by user y"), SENDER),
        (Mail, reply(554, "5.7.8 sending limit reached"), LIFETIME),
        (Mail, reply(552, "5.3.4 too big"), Refused),
        (Mail, reply(554, "5.3.4 too big"), Refused),
        (Mail, reply(501, "5.5.4 syntax"), SENDER),
        (Mail, reply(555, "5.5.4 unknown parameter"), SENDER),
        (Mail, reply(501, "5.1.7 bad sender"), SENDER),
        (Rcpt, reply(550, "5.1.1 no such user"), Refused),
        (Rcpt, reply(553, "5.7.1 <x>: Sender address rejected: not owned by user y"), SENDER),
        (Rcpt, reply(450, "4.2.0 greylisted"), Deferred),
        (Rcpt, reply(452, "4.5.3 too many recipients"), Deferred),
        (Rcpt, reply(421, "bye"), Charged),
        (Rcpt, Seen::Closed, Charged),
        (Rcpt, reply(550, "5.4.5 Daily user sending limit exceeded"), LIFETIME),
        (FinalDot, reply(550, "5.4.5 Daily user sending limit exceeded"), LIFETIME),
        (Rcpt, reply(552, "5.2.2 mailbox quota exceeded"), Refused),
        (Tls, Seen::Local("tls_ca cannot be read".into()), SETUP),
        (Mail, reply(553, "5.6.7 no SMTPUTF8 here"), Refused),
        (Mail, reply(553, "5.1.3 cannot be written on the wire"), Refused),
        (Data, reply(451, "later"), Deferred),
        (Data, reply(554, "5.5.1 no valid recipients"), Charged),
        (Data, reply(250, "ok?"), Charged),
        (Data, Seen::Timeout, Charged),
        (Content, Seen::Closed, Charged),
        (Content, Seen::Timeout, Charged),
        (Content, reply(552, "5.3.4 too big"), Refused),
        (Content, Seen::Local("cannot read".into()), Deferred),
        (FinalDot, reply(250, "2.0.0 queued"), Delivered),
        (FinalDot, reply(354, "again?"), Unknown),
        (FinalDot, reply(451, "4.3.0 later"), Deferred),
        (FinalDot, reply(421, "4.3.0 later"), Charged),
        (FinalDot, reply(552, "5.3.4 too big"), Refused),
        (FinalDot, reply(554, "5.7.1 spam"), Refused),
        (FinalDot, Seen::Closed, Unknown),
        (FinalDot, Seen::Timeout, Unknown),
        (FinalDot, garbage(), Unknown),
        (Idle, reply(421, "idle too long"), Relay),
        (Idle, Seen::Closed, Relay),
    ];
    let mut wrong = Vec::new();
    for (phase, seen, verdict) in table {
        let fact = Fact { phase, seen };
        let is_early = Stage::of(phase).is_some_and(|stage| !stage.is_in_transaction());
        let login = if is_early { Login::Configured(Secret::Password) } else { Login::Accepted };
        let classification = classify(&fact, &Session { login, ..SESSION }, |_| Repeated::No);
        if classification.verdict != verdict {
            wrong.push(format!("{fact:?}: {classification:?}, not {verdict:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_enhanced_code_has_the_class_of_the_status() {
    let fact = Fact { phase: Phase::Mail, seen: reply(550, "5.7.1 not yours") };
    let verdict = classify(&fact, &SESSION, |_| Repeated::No).verdict;
    assert_eq!(enhanced(&fact, verdict).to_string(), "4.7.1");
}

#[test]
fn the_same_reply_for_another_message_stops_the_account() {
    let fact = Fact { phase: Phase::FinalDot, seen: reply(550, "5.4.5 Daily user sending limit exceeded") };
    let classification = classify(&fact, &SESSION, |meaning| {
        assert_eq!(meaning, Meaning::SendingLimit);
        Repeated::ForAnotherMessage
    });
    assert_eq!(classification.verdict, Verdict::Relay);
    assert_eq!(classification.wait, Some(Duration::from_hours(24)));
}

#[test]
fn the_own_server_speaks_of_the_mailbox_and_the_message_alone() {
    let seen = |code: u16, text: &str| {
        Seen::Reply(Reply { code, enhanced: text.split(' ').next().and_then(Enhanced::parse), text: text.to_owned() })
    };
    for (phase, code, text, expected) in [
        (Phase::Rcpt, 550, "5.1.1 <a@b> User doesn't exist: a@b", Some(Verdict::Refused)),
        (Phase::Rcpt, 550, "5.7.1 account disabled, log in first", Some(Verdict::Refused)),
        (Phase::Rcpt, 451, "4.3.0 Invalid mailbox name", Some(Verdict::Deferred)),
        (Phase::FinalDot, 552, "5.2.2 <a@b> Quota exceeded (mailbox for user is full)", Some(Verdict::Refused)),
        (Phase::FinalDot, 452, "4.2.2 Over quota", Some(Verdict::Deferred)),
        (Phase::FinalDot, 451, "4.2.0 Internal error occurred. Refer to server log", Some(Verdict::Deferred)),
        (Phase::Mail, 552, "5.3.4 too big", Some(Verdict::Refused)),
        (Phase::Mail, 451, "4.3.0 trouble", None),
        (Phase::Rcpt, 421, "4.3.2 going down", None),
        (Phase::FinalDot, 250, "2.0.0 Saved", None),
        (Phase::Greeting, 550, "5.7.1 no", None),
    ] {
        let found = by_own_server(&Fact { phase, seen: seen(code, text) });
        assert_eq!(found.map(|found| found.verdict), expected, "{phase:?} {code} {text}");
    }
}
