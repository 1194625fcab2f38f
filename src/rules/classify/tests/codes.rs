//! Codes and classes, where no phrase knows the words; and what real servers answer in known situations.

use super::*;
use crate::rules::consequence::{Account, Until};

/// What no phrase knows: stage, login, meaning, reply. `#` stands for words that nobody has ever read; `offered` and
/// `none` are accounts without a login on servers that offer AUTH and that do not.
const CODES: &str = "
    greeting tried    server-trouble          421 #
    greeting tried    client-address-refused  554 #
    greeting tried    session-over            354 #
    ehlo     tried    server-trouble          451 #
    ehlo     tried    helo-refused            550 #
    ehlo     tried    tls-settings            530 #
    ehlo     tried    tls-settings            550 5.7.10 #
    starttls tried    server-trouble          454 #
    starttls tried    tls-settings            501 #
    auth     tried    login-rejected          535 #
    auth     tried    login-rejected          535 5.7.8 #
    auth     token    token-expired           535 5.7.8 #
    auth     tried    login-rejected          526 #
    auth     tried    login-blocked           550 #
    auth     tried    login-blocked           554 5.7.1 #
    auth     tried    account-suspended       525 5.7.13 #
    auth     tried    mechanism-refused       534 #
    auth     tried    mechanism-refused       504 #
    auth     tried    mechanism-refused       432 4.7.12 #
    auth     tried    tls-settings            538 #
    auth     tried    tls-settings            550 5.7.11 #
    auth     tried    server-trouble          454 4.7.0 #
    auth     tried    server-trouble          421 #
    mail     accepted session-over            421 #
    mail     accepted server-trouble          451 #
    mail     accepted sender-domain-unknown   450 4.1.8 #
    mail     accepted sender-not-owned        451 4.1.7 #
    mail     accepted session-over            452 4.5.3 #
    mail     accepted parameter-refused       455 #
    mail     accepted sender-not-owned        550 #
    mail     accepted sender-not-owned        530 5.7.1 #
    mail     accepted sender-not-owned        535 #
    mail     accepted sender-not-owned        559 #
    mail     accepted sender-domain-unknown   551 5.1.8 #
    mail     accepted session-over            503 #
    mail     accepted parameter-refused       501 #
    mail     accepted parameter-refused       555 #
    mail     accepted sender-not-owned        501 5.1.7 #
    mail     accepted message-too-large       552 #
    mail     accepted message-too-large       554 5.3.4 #
    mail     accepted sending-limit           550 5.4.5 #
    mail     offered  login-wanted            550 #
    mail     none     sender-not-owned        550 #
    mail     none     login-wanted            550 5.7.1 #
    mail     none     login-wanted            530 #
    mail     tried    login-wanted            550 #
    rcpt     accepted session-over            421 #
    rcpt     accepted server-trouble          450 #
    rcpt     accepted greylisting             450 4.7.1 #
    rcpt     accepted sender-domain-unknown   450 4.1.8 #
    rcpt     accepted too-many-recipients     452 4.5.3 #
    rcpt     accepted recipient-mailbox-full  452 4.2.2 #
    rcpt     accepted recipient-busy          450 4.2.1 #
    rcpt     accepted recipient-unknown       550 #
    rcpt     accepted recipient-unknown       559 #
    rcpt     accepted recipient-unknown       550 5.1.1 #
    rcpt     accepted sender-not-owned        550 5.1.1 # sender #
    rcpt     accepted recipient-mailbox-full  550 5.2.2 # limit #
    rcpt     accepted recipient-unknown       550 5.2.1 # sender #
    rcpt     accepted sending-limit           550 5.4.6 # limit #
    rcpt     accepted recipient-unknown       550 5.2.1 #
    rcpt     accepted recipient-mailbox-full  550 5.2.2 #
    rcpt     accepted recipient-mailbox-full  552 #
    rcpt     accepted message-too-large       552 5.3.4 #
    rcpt     accepted sending-limit           550 5.4.5 #
    rcpt     accepted policy-refused          550 5.7.1 #
    rcpt     accepted policy-refused          530 #
    rcpt     accepted sender-not-owned        550 # sender #
    rcpt     accepted sending-limit           550 # limit #
    rcpt     accepted relaying-denied         550 # relay #
    rcpt     accepted login-wanted            550 # login #
    rcpt     accepted session-over            503 #
    rcpt     accepted parameter-refused       555 #
    rcpt     offered  login-wanted            550 #
    rcpt     offered  recipient-unknown       550 5.1.1 #
    rcpt     offered  login-wanted            550 5.7.1 #
    rcpt     none     recipient-unknown       550 #
    rcpt     none     login-wanted            550 5.7.1 #
    rcpt     none     login-wanted            530 #
    data     accepted server-trouble          451 #
    data     accepted session-over            503 #
    data     accepted content-refused         550 #
    data     accepted content-refused         550 5.7.1 #
    data     none     login-wanted            530 #
    dot      accepted session-over            421 #
    dot      accepted server-trouble          451 4.7.1 #
    dot      accepted content-refused         554 #
    dot      accepted content-refused         554 5.7.1 #
    dot      accepted policy-refused          530 #
    dot      accepted recipient-unknown       550 5.1.1 #
    dot      accepted message-too-large       552 #
    dot      accepted recipient-mailbox-full  552 5.2.2 #
    dot      accepted content-refused         550 qwyjibo #
    dot      accepted recipient-unknown       550 #5.1.1 gone (#5.1.1)
    dot      accepted server-trouble          451 5.3.4 #
    idle     accepted session-over            421 #
    idle     accepted session-over            550 #
";

#[test]
fn unknown_words_go_by_code_and_class() {
    for row in CODES.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let columns: Vec<&str> = row.split_whitespace().collect();
        let (&[stage, login, meaning], text) = columns.split_first_chunk().unwrap();
        let login = match login {
            "accepted" => Login::Accepted,
            "tried" => Login::Configured(Secret::Password),
            "token" => Login::Configured(Secret::Token),
            "offered" => Login::NotConfigured(AuthOffer::Offered),
            "none" => Login::NotConfigured(AuthOffer::NotOffered),
            other => panic!("{other}"),
        };
        let text = text.join(" ").replace(" #", " qwyjibo");
        let stage = Stage::ALL.into_iter().find(|one| one.name() == stage).unwrap();
        let found = classify(&situation(stage, login), &reply(&text));
        assert_eq!((found.meaning.name(), found.basis), (meaning, Basis::Code), "{row}");
    }
}

#[test]
fn a_parameter_is_not_to_blame_where_none_was_sent() {
    let meaning = |stage, text| {
        let bare = Situation { parameters: Parameters::Absent, ..situation(stage, Login::Accepted) };
        classify(&bare, &reply(text)).meaning
    };
    for text in ["501 qwyjibo", "555 5.5.4 Unsupported option: SIZE=5"] {
        assert_eq!(meaning(Stage::Mail, text), Meaning::SenderNotOwned, "{text}");
        assert_eq!(meaning(Stage::Rcpt, text), Meaning::RecipientUnknown, "{text}");
    }
}

#[test]
fn a_login_code_after_the_login_is_about_the_message_or_its_sender() {
    let table = [
        (Stage::Mail, "530 Sender rejected", Meaning::SenderNotOwned),
        (
            Stage::Mail,
            "530 5.7.1 You (me@isp.example) are not authorized to send mail as cron@box.example",
            Meaning::SenderNotOwned,
        ),
        (Stage::Mail, "534 SIZE=Message too big.", Meaning::MessageTooLarge),
        (Stage::FinalDot, "534 Message header size exceeds policy limit.", Meaning::ContentRefused),
        (Stage::FinalDot, "530 From/Sender name is not valid", Meaning::SenderNotOwned),
        (Stage::Mail, "535 Authentication required.", Meaning::LoginWanted),
    ];
    for (stage, text, meaning) in table {
        assert_eq!(classify(&situation(stage, Login::Accepted), &reply(text)).meaning, meaning, "{text}");
    }
    let null = Situation { sender: EnvelopeSender::Null, ..situation(Stage::Mail, Login::Accepted) };
    assert_eq!(classify(&null, &reply("530 Sender rejected")).meaning, Meaning::NullSenderRefused);
}

/// What ten real servers answer in situations that say nothing of the account, and what that means.
#[test]
fn real_servers_are_understood() {
    let table = [
        (
            Stage::Rcpt,
            "550 5.1.1 <x@h.example>: Recipient address rejected: User unknown in local recipient table",
            Meaning::RecipientUnknown,
        ),
        (Stage::Rcpt, "550 Unrouteable address", Meaning::RecipientUnknown),
        (Stage::Rcpt, "550 Invalid recipient: <x@h.example>", Meaning::RecipientUnknown),
        (Stage::Rcpt, "550 5.1.1 Destination address is unknown (user does not exist)", Meaning::RecipientUnknown),
        (Stage::Rcpt, "550 User <x@h.example> unknown", Meaning::RecipientUnknown),
        (Stage::Rcpt, "452 4.5.3 Error: too many recipients", Meaning::TooManyRecipients),
        (Stage::Rcpt, "452 4.5.3 Too many recipients: Too many recipients", Meaning::TooManyRecipients),
        (Stage::Rcpt, "431 Too many recipients.", Meaning::TooManyRecipients),
        (Stage::Rcpt, "421 4.5.0 Too many errors, bye", Meaning::SessionOver),
        (Stage::Rcpt, "421 4.7.0 h.example Error: too many errors", Meaning::SessionOver),
        (
            Stage::Rcpt,
            "501 <x@h.example>: malformed address: NOTIFY=NEVER may not follow <x@h.example>",
            Meaning::ParameterRefused,
        ),
        (Stage::Mail, "452 4.5.3 Too many recipients: Too many messages sent", Meaning::SessionOver),
        (Stage::Mail, "421 too many messages in this connection", Meaning::SessionOver),
        (Stage::Mail, "421 4.5.3 Too many mails in this connection", Meaning::SessionOver),
        (Stage::Mail, "450 limit of 20 mails reached for this session", Meaning::SessionOver),
        (Stage::Mail, "450 4.7.1 maximum of 20 transactions per connection", Meaning::SessionOver),
        (Stage::Mail, "552 5.3.4 Message size exceeds fixed limit", Meaning::MessageTooLarge),
        (Stage::Mail, "552 5.2.3 Message size exceeds fixed maximum message size (100)", Meaning::MessageTooLarge),
        (Stage::Mail, "550 Message too big!", Meaning::MessageTooLarge),
        (Stage::Mail, "552 Error: message exceeds fixed maximum message size 100", Meaning::MessageTooLarge),
        (Stage::Mail, "555 MAIL FROM parameters not recognized or not implemented", Meaning::ParameterRefused),
        (Stage::Mail, "555 5.5.4 Unsupported option: FOO=bar", Meaning::ParameterRefused),
        (Stage::Mail, "503 5.5.1 Error: need EHLO first", Meaning::SessionOver),
        (Stage::Mail, "500 5.5.1 Invalid command: Pipelining not supported", Meaning::SessionOver),
        (Stage::FinalDot, "552 5.3.4 Error: message file too big", Meaning::MessageTooLarge),
        (Stage::FinalDot, "552 5.3.4 Chunk exceeds message size limit", Meaning::MessageTooLarge),
        (
            Stage::FinalDot,
            "554 5.3.4 Message too big for system: Transaction failed, message too big",
            Meaning::MessageTooLarge,
        ),
        (
            Stage::FinalDot,
            "523 Message length (200 bytes) exceeds administrative limit(100).",
            Meaning::MessageTooLarge,
        ),
        (Stage::FinalDot, "552 Error: Too much mail data", Meaning::MessageTooLarge),
        (Stage::FinalDot, "550 maximum allowed line length is 998 octets, got 3000", Meaning::ContentRefused),
        (Stage::FinalDot, "554 5.6.1 NUL byte not allowed", Meaning::ContentRefused),
        (Stage::FinalDot, "521 5.5.2 Error reading DATA: invalid line ending", Meaning::ContentRefused),
        (Stage::FinalDot, "421 4.5.0 Bare linefeed (LF) not allowed", Meaning::ContentRefused),
        (Stage::FinalDot, "451 Bare line-feed; see http://haraka.github.io/barelf/", Meaning::ContentRefused),
        (Stage::Data, "554 5.5.1 Error: no valid recipients", Meaning::SessionOver),
        (Stage::Data, "503 5.5.0 Previous data chunk failed, issue RSET first", Meaning::SessionOver),
        (Stage::Idle, "421 4.4.2 h.example Error: timeout exceeded", Meaning::SessionOver),
        (Stage::Idle, "421 4.4.2 Disconnected for inactivity.", Meaning::SessionOver),
        (
            Stage::Greeting,
            "421 4.7.0 h.example Error: too many connections from 192.0.2.1",
            Meaning::TooManyConnections,
        ),
        (
            Stage::Greeting,
            "421 Too many concurrent SMTP connections; please try again later.",
            Meaning::TooManyConnections,
        ),
        (
            Stage::Greeting,
            "421 h.example Too many connected clients, try again in a moment",
            Meaning::TooManyConnections,
        ),
        (Stage::Greeting, "421 4.7.0 Maximum number of connections from user+IP exceeded", Meaning::TooManyConnections),
    ];
    for (stage, text, meaning) in table {
        assert_eq!(classify(&situation(stage, Login::Accepted), &reply(text)).meaning, meaning, "{stage:?} {text}");
    }
}

/// The same servers to an account without a login.
#[test]
fn a_server_that_relays_to_nobody_without_a_login_wants_one() {
    let replies = [
        (Stage::Rcpt, "554 5.7.1 <h.example[192.0.2.1]>: Client host rejected: Access denied"),
        (Stage::Rcpt, "554 5.7.1 <x@h.example>: Recipient address rejected: Access denied"),
        (Stage::Rcpt, "454 4.7.1 <x@h.example>: Relay access denied"),
        (Stage::Rcpt, "553 5.7.1 <me@h.example>: Sender address rejected: not logged in"),
        (Stage::Rcpt, "550 relay not permitted"),
        (Stage::Rcpt, "550 I cannot deliver mail for <x@h.example>"),
        (Stage::Mail, "550 5.7.9 Mail to submission port must be authenticated"),
        (Stage::Mail, "530 5.5.1 Invalid command: Must issue an AUTH command first"),
        (Stage::Mail, "530 5.7.0 Authentication required"),
        (Stage::Mail, "530 Error: authentication Required"),
        (Stage::Mail, "535 Authentication required."),
    ];
    for (stage, text) in replies {
        for offer in [AuthOffer::Offered, AuthOffer::NotOffered] {
            let found = classify(&situation(stage, Login::NotConfigured(offer)), &reply(text));
            assert_eq!(found.meaning, Meaning::LoginWanted, "{offer:?} {text}");
        }
    }
}

/// Providers look at the sender whenever they like, and choose whatever code they like.
#[test]
fn a_sender_that_is_not_the_accounts_waits_for_its_owner_at_every_stage() {
    let replies = [
        "554 5.2.252 SendAsDenied; me@isp.example not allowed to send as cron@box.example",
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
        "551 5.7.1 Not authorised to send from this header address",
        "550 The from address does not match a verified Sender Identity",
        "554 Message rejected: Email address is not verified",
        "554 Unauthorized sender address",
        "553 Relaying disallowed as cron@box.example",
        "554 5.0.0 Error: transaction failed: unknown sender address",
        "501 mail from address must be same as authorization user",
        "451 4.0.0 backend: invalid return path: not owned by user",
        "450 The from.email domain must be verified in your account to send emails. #MS42207",
        "530 5.7.1 You (me@isp.example) are not authorized to send mail as cron@box.example",
        "450 4.1.8 <cron@box.example>: Sender address rejected: Domain not found",
    ];
    let evidence = Evidence { of_account: Repeated::ForAnotherMessage, of_session: History::Fresh };
    for text in replies {
        for stage in Stage::ALL.into_iter().filter(|stage| stage.is_in_transaction()) {
            let situation = situation(stage, Login::Accepted);
            let what = classify(&situation, &reply(text));
            let found = consequence(&situation, &what, evidence);
            assert_eq!(
                (found.mail, found.account),
                (Mail::Held(Until::SenderGrace), Account::Works),
                "{stage:?} {text}"
            );
        }
    }
}
