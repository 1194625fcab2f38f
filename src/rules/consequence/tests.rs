//! The table of consequences, and what holds for all of them.

use std::time::Duration;

use super::*;
use crate::rules::meaning::{EnvelopeSender, Parameters, Secret};

/// Meaning, stage, what is known, then what follows for mail, account and session.
///
/// Known: `5`, `4` or `421` is the class, `own` a row of the provider, `code` no row at all, `again` a second message,
/// `used` a session that carried something, `nologin` no accepted login, `wait` a time in the reply.
const TABLE: &str = "
    login-rejected         auth      5            waits      needs-login   ends
    oauth-wanted           auth      5            waits      needs-login   ends
    app-password-wanted    auth      5            waits      needs-login   ends
    token-expired          auth      5            waits      needs-login   ends
    mechanism-refused      auth      5            waits      needs-login   ends
    login-blocked          auth      5            waits      needs-login   ends
    login-rejected         auth      4            waits      needs-login   ends
    login-rejected         dot       5            lifetime   works         stays
    login-rejected         dot       5,again      waits      needs-login   ends
    too-many-logins        auth      4,wait       waits      pauses        ends
    login-wanted           rcpt      5,nologin    lifetime   works         stays
    login-wanted           rcpt      5,nologin,again waits   needs-setup   ends
    login-wanted           rcpt      5,nologin,code  lifetime works        stays
    login-wanted           rcpt      5,nologin,code,again waits needs-setup ends
    login-wanted           mail      5,nologin,code  waits   needs-setup   ends
    login-wanted           mail      5            lifetime   works         stays
    login-wanted           mail      5,again      waits      needs-setup   ends
    login-wanted           mail      5,nologin    waits      needs-setup   ends
    login-wanted           mail      5,code       lifetime   works         stays
    login-wanted           rcpt      5            lifetime   works         stays
    login-wanted           dot       5            lifetime   works         stays
    tls-settings           starttls  5            waits      needs-setup   ends
    tls-settings           mail      5            lifetime   works         stays
    tls-settings           mail      5,nologin    waits      needs-setup   ends
    tls-settings           rcpt      4            lifetime   works         stays
    sender-not-owned       mail      5            grace      works         stays
    sender-not-owned       mail      4            grace      works         stays
    sender-not-owned       rcpt      5            grace      works         stays
    sender-not-owned       dot       5,again      grace      works         stays
    sender-domain-unknown  rcpt      4            grace      works         stays
    header-from-refused    dot       5            grace      works         stays
    policy-refused         rcpt      5,code       grace      works         stays
    null-sender-refused    mail      5            own-address works        stays
    sending-limit          auth      4,wait       waits      pauses        ends
    sending-limit          rcpt      5,wait       lifetime   works         stays
    sending-limit          dot       5,own,wait   waits      pauses        ends
    sending-limit          dot       5,again      waits      pauses        ends
    sending-limit          data      4            lifetime   works         stays
    too-many-connections   greeting  4            waits      fewer         ends
    too-many-connections   mail      4            waits      fewer         ends
    too-many-connections   rcpt      4            retried    works         stays
    too-many-connections   rcpt      4,again      waits      fewer         ends
    too-many-connections   rcpt      5            lifetime   works         stays
    too-many-connections   dot       4,own        waits      fewer         ends
    account-suspended      auth      5            waits      needs-setup   ends
    account-suspended      data      5            lifetime   works         stays
    account-suspended      data      5,own        waits      needs-setup   ends
    account-suspended      dot       5,again      waits      needs-setup   ends
    account-suspended      dot       5,own,wait   waits      pauses        ends
    own-mailbox-full       dot       5            lifetime   works         stays
    own-mailbox-full       dot       5,own        waits      needs-setup   ends
    client-address-refused greeting  5            waits      needs-setup   ends
    client-address-refused greeting  4,wait       waits      pauses        ends
    client-address-refused rcpt      5            lifetime   works         stays
    client-address-refused rcpt      5,again      waits      needs-setup   ends
    helo-refused           ehlo      4            waits      needs-setup   ends
    helo-refused           rcpt      4            lifetime   works         stays
    helo-refused           rcpt      4,again      waits      needs-setup   ends
    relaying-denied        rcpt      5            lifetime   works         stays
    relaying-denied        rcpt      4,again      waits      needs-setup   ends
    wrong-server           auth      5            waits      needs-setup   ends
    wrong-server           dot       4            lifetime   works         stays
    recipient-unknown      rcpt      5            bounces    works         stays
    recipient-unknown      rcpt      5,again      bounces    works         stays
    recipient-unknown      rcpt      4            retried    works         stays
    recipient-mailbox-full rcpt      5            bounces    works         stays
    recipient-mailbox-full rcpt      5,again      bounces    works         stays
    recipient-mailbox-full rcpt      4            retried    works         stays
    recipient-busy         rcpt      5            retried    works         stays
    too-many-recipients    rcpt      4            transaction works        stays
    too-many-recipients    rcpt      5            transaction works        stays
    too-many-recipients    dot       5            retried    works         stays
    content-refused        dot       5            bounces    works         stays
    content-refused        dot       5,again      bounces    works         stays
    content-refused        dot       4            retried    works         stays
    message-too-large      mail      5            bounces    works         stays
    parameter-refused      mail      5            bare       works         stays
    parameter-refused      rcpt      5            bare       works         stays
    sending-limit          mail      421          lifetime   works         ends
    sending-limit          mail      421,used     session    works         ends
    sending-limit          mail      421,used,again session  works         ends
    sending-limit          mail      421,used,wait lifetime  works         ends
    sending-limit          mail      421,used,own waits      pauses        ends
    sending-limit          mail      4,used       lifetime   works         stays
    sender-not-owned       mail      421          grace      works         ends
    server-trouble         rcpt      421          retried    works         ends
    server-trouble         rcpt      421,used     session    works         ends
    recipient-busy         rcpt      421,used     session    works         ends
    session-over           rcpt      421          retried    works         ends
    session-over           rcpt      421,used     session    works         ends
    session-over           mail      4,used       session    works         ends
    session-over           mail      4            retried    works         ends
    session-over           mail      4,again      waits      pauses        ends
    session-over           mail      4,again,used session    works         ends
    session-over           mail      5            session    works         ends
    session-over           idle      4            session    works         ends
    session-over           greeting  4            waits      pauses        ends
    server-trouble         greeting  4            waits      pauses        ends
    server-trouble         auth      5            waits      pauses        ends
    server-trouble         mail      4            retried    works         stays
    server-trouble         mail      4,again      waits      pauses        ends
    server-trouble         dot       4,again      retried    works         stays
    server-trouble         dot       5            retried    works         stays
    greylisting            rcpt      4            retried    works         stays
    recipient-unknown      ehlo      5            waits      needs-setup   ends
    content-refused        greeting  4            waits      pauses        ends
";

fn mail(word: &str) -> Mail {
    match word {
        "bounces" => Mail::Bounces,
        "retried" => Mail::Retried,
        "waits" => Mail::Waits,
        "grace" => Mail::Held(Until::SenderGrace),
        "lifetime" => Mail::Held(Until::Lifetime),
        "session" => Mail::GoesOn(Again::NewSession),
        "transaction" => Mail::GoesOn(Again::NextTransaction),
        "bare" => Mail::GoesOn(Again::WithoutParameters),
        "own-address" => Mail::GoesOn(Again::FromOwnAddress),
        other => panic!("{other}"),
    }
}

fn account(word: &str) -> Account {
    match word {
        "works" => Account::Works,
        "fewer" => Account::FewerSessions,
        "pauses" => Account::Pauses,
        "needs-login" => Account::NeedsOwner(Fault::Login),
        "needs-setup" => Account::NeedsOwner(Fault::Setup),
        other => panic!("{other}"),
    }
}

fn case(meaning: &str, stage: &str, known: &str) -> (Situation, Classified, Evidence) {
    let has = |word| known.split(',').any(|known| known == word);
    let stage = Stage::ALL.into_iter().find(|one| one.name() == stage).unwrap();
    let accepted = stage.is_in_transaction() && !has("nologin");
    let situation = Situation {
        stage,
        provider: None,
        login: if accepted { Login::Accepted } else { Login::Configured(Secret::Password) },
        sender: EnvelopeSender::Mailbox,
        parameters: Parameters::Sent,
    };
    let basis = if has("own") {
        Basis::ProviderPhrase
    } else if has("code") {
        Basis::Code
    } else {
        Basis::Phrase
    };
    let what = Classified {
        meaning: Meaning::named(meaning).unwrap(),
        wait: has("wait").then_some(Duration::from_mins(5)),
        basis,
        class: match known.split(',').next() {
            Some("421") => Class::Closing,
            Some("4") => Class::Transient,
            Some("5") => Class::Permanent,
            other => panic!("{other:?}"),
        },
    };
    let evidence = Evidence {
        of_account: if has("again") { Repeated::ForAnotherMessage } else { Repeated::No },
        of_session: if has("used") { History::Used } else { History::Fresh },
    };
    (situation, what, evidence)
}

#[test]
fn every_meaning_has_the_consequence_that_a_careful_postmaster_expects() {
    let mut seen = Vec::new();
    for row in TABLE.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let columns: Vec<&str> = row.split_whitespace().collect();
        let [meaning, stage, known, becomes, of_account, of_session] = columns[..] else { panic!("{row}") };
        let (situation, what, evidence) = case(meaning, stage, known);
        let found = consequence(&situation, &what, evidence);
        assert_eq!(found.mail, mail(becomes), "{row}");
        assert_eq!(found.account, account(of_account), "{row}");
        assert_eq!(found.session == Session::Ends, of_session == "ends", "{row}");
        seen.push(what.meaning);
    }
    let missing = Meaning::ALL.into_iter().find(|meaning| !seen.contains(meaning));
    assert_eq!(missing, None, "a meaning without a row");
}

/// Each combination of what can be known.
fn everything() -> impl Iterator<Item = (Situation, Classified, Evidence)> {
    let known = ["", "again", "own", "code", "used", "nologin", "wait", "again,used", "code,nologin", "own,wait"];
    Meaning::ALL.into_iter().flat_map(move |meaning| {
        Stage::ALL.into_iter().flat_map(move |stage| {
            known.into_iter().flat_map(move |known| {
                ["5", "4", "421"].map(|class| case(meaning.name(), stage.name(), &format!("{class},{known}")))
            })
        })
    })
}

#[test]
fn nothing_that_the_owner_can_fix_bounces() {
    for (situation, what, evidence) in everything() {
        let found = consequence(&situation, &what, evidence);
        if found.mail == Mail::Bounces {
            assert_eq!(concern(what.meaning), Concern::Mail, "{what:?}");
            assert!(situation.stage.is_in_transaction() && what.class == Class::Permanent, "{what:?}");
        }
    }
}

#[test]
fn what_says_nothing_of_the_account_never_stops_it() {
    for (situation, what, evidence) in everything().filter(|(situation, ..)| situation.stage.is_in_transaction()) {
        let found = consequence(&situation, &what, evidence);
        if matches!(found.account, Account::NeedsOwner(_)) {
            assert!(is_worth_remembering(what.meaning), "{what:?}");
        }
        if situation.stage != Stage::Mail && found.account != Account::Works && is_worth_remembering(what.meaning) {
            let is_sure = what.basis == Basis::ProviderPhrase
                || evidence.of_account == Repeated::ForAnotherMessage
                || (what.meaning == Meaning::LoginWanted && situation.login != Login::Accepted);
            assert!(is_sure, "{situation:?} {what:?}");
        }
    }
}

#[test]
fn a_message_that_waits_for_its_account_leaves_the_session() {
    for (situation, what, evidence) in everything() {
        let found = consequence(&situation, &what, evidence);
        assert_eq!(found.mail == Mail::Waits, found.account != Account::Works, "{what:?}");
        assert!(found.mail != Mail::Waits || found.session == Session::Ends, "{what:?}");
        assert!(found.sender == Sender::Unaffected || found.mail == Mail::Held(Until::SenderGrace), "{what:?}");
    }
}
