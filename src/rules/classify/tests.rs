//! What real servers say, and what it must mean: two tables of replies as data, and properties that hold for any reply.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::mail::outcome::Enhanced;
use crate::rules::meaning::{AuthOffer, Secret};

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
                format!("{} at {}: {} by {:?}, not {right}", self.reply, stage.name(), found.meaning.name(), found.basis)
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
