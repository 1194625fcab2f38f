//! What holds for any reply, and how long the longest takes.

use proptest::prelude::*;
use rustix::time::{ClockId, clock_gettime};

use super::*;

/// As hostile as a text can be: all phrases, each broken in two overlapping halves, so that no filter rules them out
/// and none matches.
fn hostile(length: usize) -> String {
    let rows = include_str!("../phrases.tsv").lines().filter(|line| line.starts_with('*'));
    let literals: Vec<&str> =
        rows.filter_map(|line| line.split('\t').nth(2)).flat_map(|text| text.split('*')).collect();
    let mut text = "550 ".to_owned();
    for literal in literals.iter().filter(|literal| literal.is_ascii()).cycle() {
        let middle = literal.len() / 2;
        text.push_str(&literal[..literal.len().min(middle + 3)]);
        text.push('|');
        text.push_str(&literal[middle..]);
        text.push('|');
        if text.len() > length {
            return text;
        }
    }
    text
}

#[test]
fn the_longest_and_most_hostile_reply_is_judged_in_milliseconds() {
    let texts = [
        hostile(4096),
        hostile(65_536),
        format!("550 {}", "in 1 ".repeat(13_000)),
        format!("550 {}", "@".repeat(65_536)),
        format!("550 {}", "a@".repeat(32_768)),
        format!("550 {}", "x".repeat(65_536)),
    ];
    let situation = situation(Stage::Rcpt, Login::Accepted);
    let _ = classify(&situation, &reply("550 the table is read"));
    for text in texts {
        let reply = reply(&text);
        let before = cpu_time();
        let _ = classify(&situation, &reply);
        let taken = cpu_time().saturating_sub(before);
        assert!(taken < Duration::from_millis(10), "{taken:?} for {} octets: {text:.60}", text.len());
    }
}

/// What this thread has had of the processor, which does not depend on how busy the machine is.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

fn any_login() -> impl Strategy<Value = Login> {
    prop_oneof![
        Just(Login::Accepted),
        Just(Login::Configured(Secret::Password)),
        Just(Login::Configured(Secret::Token)),
        Just(Login::NotConfigured(AuthOffer::Offered)),
        Just(Login::NotConfigured(AuthOffer::NotOffered)),
    ]
}

proptest! {
    #[test]
    fn any_reply_has_a_meaning(
        stage in proptest::sample::select(Stage::ALL.to_vec()),
        login in any_login(),
        null in any::<bool>(),
        code in 200_u16..600,
        text in any::<String>(),
    ) {
        let sender = if null { EnvelopeSender::Null } else { EnvelopeSender::Mailbox };
        let reply = Reply { code, enhanced: text.split(' ').next().and_then(Enhanced::parse), text };
        let found = classify(&Situation { sender, ..situation(stage, login) }, &reply);
        prop_assert!(found.wait.is_none_or(|wait| wait <= wait::LONGEST));
    }

    #[test]
    fn words_that_nobody_knows_go_by_the_code(
        stage in proptest::sample::select(Stage::ALL.to_vec()), code in 400_u16..600, text in "[qxz]{1,9}( [qxz]{1,9}){0,9}",
    ) {
        let found = classify(&situation(stage, Login::Accepted), &Reply { code, enhanced: None, text });
        prop_assert_eq!(found.basis, Basis::Code);
    }

    /// The recipient's server may say what it likes of its user, in any order and with any address.
    #[test]
    fn what_is_said_of_a_recipient_is_never_the_accounts(
        code in proptest::sample::select(vec![450_u16, 452, 550, 551, 552, 553, 554]),
        enhanced in proptest::sample::select(vec!["", "5.1.1 ", "5.2.1 ", "5.2.2 ", "4.2.2 "]),
        user in "<[a-z]{1,9}(limit|quota|login|relay|sender|blocked|suspended)@[a-z]{1,9}\\.example>",
        words in proptest::sample::select(vec![
            "mailbox full", "mailbox is full", "user is over quota", "user unknown", "no such user here", "account is disabled",
            "mailbox unavailable", "the email account that you tried to reach is disabled", "recipient's inbox is out of storage",
            "this account has been suspended", "user does not exist", "mailbox quota exceeded", "recipient not found",
        ]),
    ) {
        let text = format!("{enhanced}{user}: {words}");
        let enhanced = Enhanced::parse(enhanced.trim()).filter(|e| u16::from(e.class) == code / 100);
        let found = classify(&situation(Stage::Rcpt, Login::Accepted), &Reply { code, enhanced, text });
        let of_recipient = [Meaning::RecipientUnknown, Meaning::RecipientMailboxFull];
        prop_assert!(of_recipient.contains(&found.meaning), "{found:?}");
    }
}
