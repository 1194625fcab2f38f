//! What real servers say, and what it must mean: two tables of replies as data, and properties that hold for any reply.

mod bounds;
mod codes;

use std::time::Duration;

use super::*;
use crate::mail::outcome::Enhanced;
use crate::rules::consequence::{Evidence, History, Mail, Repeated, consequence};
use crate::rules::meaning::AuthOffer;

/// A reply as a server sends it: code, then text, `\n` between lines.
fn reply(text: &str) -> Reply {
    let (code, text) = text.split_once(' ').unwrap_or((text, ""));
    let code = code.parse().unwrap();
    let text = text.replace("\\n", "\n");
    let enhanced = text.split(' ').next().and_then(Enhanced::parse).filter(|e| u16::from(e.class) == code / 100);
    Reply { code, enhanced, text }
}

fn situation(stage: Stage, login: Login) -> Situation {
    Situation { stage, provider: None, login, sender: EnvelopeSender::Mailbox, parameters: Parameters::Sent }
}

/// A row of the tables of replies.
struct Case<'a> {
    reply: &'a str,
    server: &'a str,
    stages: Vec<Stage>,
    login: &'a str,
    meanings: Vec<Meaning>,
}

fn cases(table: &str) -> Vec<Case<'_>> {
    let rows = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    let case = |row| {
        let columns: Vec<&str> = str::split(row, '\t').collect();
        let [reply, server, stages, login, meanings, source] = columns[..] else { panic!("six columns: {row}") };
        assert!(!source.is_empty(), "{row}");
        let stage = |name| Stage::ALL.into_iter().find(|stage| stage.name() == name).unwrap();
        let meanings = meanings.split(',').map(|name| Meaning::named(name).unwrap()).collect();
        Case { reply, server, stages: stages.split(',').map(stage).collect(), login, meanings }
    };
    rows.map(case).collect()
}

impl Case<'_> {
    fn situation(&self, stage: Stage) -> Situation {
        let login = match (self.login, stage.is_in_transaction()) {
            ("token", _) => Login::Configured(Secret::Token),
            ("none", _) => Login::NotConfigured(AuthOffer::Offered),
            (_, true) => Login::Accepted,
            (_, false) => Login::Configured(Secret::Password),
        };
        let sender = if self.login == "null" { EnvelopeSender::Null } else { EnvelopeSender::Mailbox };
        Situation { sender, ..situation(stage, login) }
    }

    /// What is wrong with what is made of it.
    fn complaint(&self) -> Option<String> {
        let wrong = |&stage: &Stage| {
            let found = classify(&self.situation(stage), &reply(self.reply));
            let right = self.meanings.iter().map(|meaning| meaning.name()).collect::<Vec<_>>().join(" or ");
            (!self.meanings.contains(&found.meaning)).then(|| {
                format!(
                    "{} at {}: {} by {:?}, not {right}",
                    self.reply,
                    stage.name(),
                    found.meaning.name(),
                    found.basis
                )
            })
        };
        self.stages.iter().find_map(wrong)
    }
}

#[track_caller]
fn every_row_is_right(table: &str) {
    let cases = cases(table);
    let complaints: Vec<String> = cases.iter().filter_map(Case::complaint).collect();
    assert!(complaints.is_empty(), "{} of {} wrong:\n{}\n", complaints.len(), cases.len(), complaints.join("\n"));
}

#[test]
fn replies_of_real_providers_mean_what_they_mean() {
    every_row_is_right(include_str!("tests/replies.tsv"));
}

#[test]
fn replies_that_no_phrase_was_written_for_mean_what_they_mean() {
    every_row_is_right(include_str!("tests/held_out.tsv"));
}

#[test]
fn replies_found_after_the_phrases_were_written_mean_what_they_mean() {
    every_row_is_right(include_str!("tests/blind.tsv"));
}

/// Whose servers the tables name, and a host of each.
const PROVIDERS: [(&str, &str); 15] = [
    ("Gmail", "smtp.gmail.com"),
    ("Google", "smtp-relay.gmail.com"),
    ("Microsoft 365", "smtp.office365.com"),
    ("M365", "smtp.office365.com"),
    ("Outlook", "smtp-mail.outlook.com"),
    ("Yahoo", "smtp.mail.yahoo.com"),
    ("GMX", "mail.gmx.net"),
    ("IONOS", "smtp.ionos.de"),
    ("Zoho", "smtp.zoho.eu"),
    ("SES", "email-smtp.eu-west-1.amazonaws.com"),
    ("SendGrid", "smtp.sendgrid.net"),
    ("Mailgun", "smtp.mailgun.org"),
    ("Brevo", "smtp-relay.brevo.com"),
    ("Emailit", "smtp.emailit.com"),
    ("GoDaddy", "smtpout.secureserver.net"),
];

#[test]
fn the_words_of_a_provider_mean_the_same_to_its_own_accounts() {
    for table in
        [include_str!("tests/replies.tsv"), include_str!("tests/held_out.tsv"), include_str!("tests/blind.tsv")]
    {
        for case in cases(table) {
            let Some((_, host)) = PROVIDERS.iter().find(|(name, _)| case.server.starts_with(name)) else { continue };
            for &stage in &case.stages {
                let provider = Some(Provider::of([*host]).unwrap());
                let found = classify(&Situation { provider, ..case.situation(stage) }, &reply(case.reply));
                assert!(case.meanings.contains(&found.meaning), "{}: {found:?}", case.reply);
            }
        }
    }
}

#[test]
fn a_row_of_the_provider_binds_only_its_own_accounts() {
    let words = reply("550 5.4.5 Daily user sending limit exceeded.");
    let of = |host| {
        let provider = Provider::of([host]);
        classify(&Situation { provider, ..situation(Stage::FinalDot, Login::Accepted) }, &words)
    };
    let wait = Some(Duration::from_hours(24));
    let expected = |basis| Classified { meaning: Meaning::SendingLimit, wait, basis, class: Class::Permanent };
    assert_eq!(of("smtp.gmail.com"), expected(Basis::ProviderPhrase));
    assert_eq!(of("smtp.office365.com"), expected(Basis::Phrase));
    assert_eq!(of("127.0.0.1"), expected(Basis::Phrase));
}

#[test]
fn a_limit_tells_how_long_it_lasts() {
    let table = [
        ("550 5.4.5 Daily user sending limit exceeded.", Some(86_400)),
        ("450 4.7.1 Number messages per hour exceeded. Error:RATE_MSG", Some(3600)),
        (
            "550 User me@x.example has exceeded its 24-hour sending limit. Relay quota will reset in 5 hours.",
            Some(18_000),
        ),
        ("554 domains are limited to 100 messages / hour. Account will be enabled in 341 seconds", Some(341)),
        ("550 5.7.1 You have reached the limit of 100 emails per hour. Try again in 25 minutes.", Some(1500)),
        ("454 Throttling failure: Maximum sending rate exceeded.", None),
        ("550 5.7.1 Sending quota exceeded, come back tomorrow", Some(86_400)),
    ];
    for (text, seconds) in table {
        let found = classify(&situation(Stage::FinalDot, Login::Accepted), &reply(text));
        assert_eq!((found.meaning, found.wait.map(|wait| wait.as_secs())), (Meaning::SendingLimit, seconds), "{text}");
    }
    let greylisted = classify(&situation(Stage::Rcpt, Login::Accepted), &reply("451 4.7.1 Greylisted for 5 minutes"));
    assert_eq!(greylisted.wait, Some(Duration::from_mins(5)));
    let unknown = classify(&situation(Stage::Rcpt, Login::Accepted), &reply("550 5.1.1 user unknown for 5 minutes"));
    assert_eq!(unknown.wait, None, "what does not pass has no time");
}

/// Servers say things at unexpected moments; what only the owner can fix must not bounce even then.
#[test]
fn what_only_the_owner_can_fix_bounces_at_no_stage() {
    let never =
        [Meaning::RecipientUnknown, Meaning::RecipientMailboxFull, Meaning::ContentRefused, Meaning::MessageTooLarge];
    let evidence = Evidence { of_account: Repeated::No, of_session: History::Fresh };
    let mut bounced = Vec::new();
    let cases = cases(include_str!("tests/replies.tsv"));
    for case in cases.iter().filter(|case| !case.meanings.iter().any(|meaning| never.contains(meaning))) {
        for stage in Stage::ALL.into_iter().filter(|stage| stage.is_in_transaction()) {
            let situation = situation(stage, Login::Accepted);
            let what = classify(&situation, &reply(case.reply));
            if consequence(&situation, &what, evidence).mail == Mail::Bounces {
                bounced.push(format!("{} at {}: {:?}", case.reply, stage.name(), what.meaning));
            }
        }
    }
    assert!(bounced.is_empty(), "{} bounce:\n{}\n", bounced.len(), bounced.join("\n"));
}
