//! postrider-formats(5) against the code: every member, kind, value and log line that is in one must be in the other.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::serde_names::{names, tagged};
use crate::control::listing::{Item, ItemRecipient, Totals};
use crate::control::message_detail::{JournalNote, Part};
use crate::control::message_ids::Place;
use crate::control::modify::Change;
use crate::control::protocol::{Detail, Greeting, Request, Response};
use crate::control::report::{self, Figures, Reason, Report};
use crate::control::selection::Selection;
use crate::control::verify::Verify;
use crate::mail::address::{Address, Mailbox, ReversePath};
use crate::mail::outcome::{DsnSender, Enhanced, Outcome, SentAs, Status};
use crate::mail::submitter::{ClientName, Submitter};
use crate::spool::account_health::{AlertChannel, Outage, Trouble};
use crate::spool::client_activity::{self, ClientActivity, FailedHandshake, Login, Seen};
use crate::spool::clock::Clock;
use crate::spool::history::{Ended, Finished, Record};
use crate::spool::journal_line::{self, Line};
use crate::spool::learned::{Learned, SecondMechanism};
use crate::spool::{Body, Envelope, IdPrefix, Kind, MessageId, Recipient, Spool};
use crate::submit::frontend::collect::{Origin, Sender};
use crate::submit::wire::envelope_json::{self, Text, WireRecipient};
use crate::submit::wire::reply::Refused;
use crate::sys::sysexits::Exit;

const PAGE: &str = include_str!("../../../man/postrider-formats.5");
const LOG: &str = include_str!("../../log.rs");

type Names = BTreeSet<String>;

/// An item of a list: its name, the members and the values that its text names.
struct Item5 {
    name: String,
    members: Names,
    values: Names,
}

/// The words of a text after this macro, at the beginning of a line or within it.
fn marked(text: &str, mark: &str) -> Names {
    let after = text.lines().flat_map(|line| line.trim_start_matches('.').split(mark).skip(1));
    after.filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned).collect()
}

/// The items of the lists in a subsection, list by list.
fn lists(title: &str) -> Vec<Vec<Item5>> {
    let section = PAGE.split(&format!("\n.Ss {title}\n")).nth(1).unwrap_or_else(|| panic!("no section {title}"));
    let section = section.split("\n.Ss ").next().and_then(|section| section.split("\n.Sh ").next()).unwrap();
    let lists = section.split(".Bl -tag").skip(1).map(|list| list.split("\n.El").next().unwrap());
    let items = |list: &str| -> Vec<Item5> {
        let texts = list.split("\n.It Cm ").skip(1);
        texts
            .map(|text| {
                let (name, text) = text.split_once('\n').unwrap();
                Item5 { name: name.to_owned(), members: marked(text, "Cm "), values: marked(text, "Ql ") }
            })
            .collect()
    };
    lists.map(items).collect()
}

fn list(title: &str, which: usize) -> Vec<Item5> {
    lists(title).swap_remove(which)
}

/// The names of the items of one list.
fn items(title: &str, which: usize) -> Names {
    list(title, which).into_iter().map(|item| item.name).collect()
}

fn item(title: &str, which: usize, name: &str) -> Item5 {
    list(title, which).into_iter().find(|item| item.name == name).unwrap_or_else(|| panic!("{title}: no {name}"))
}

fn set(of: &[&str]) -> Names {
    of.iter().map(|name| (*name).to_owned()).collect()
}

fn keys(value: &Value) -> Names {
    value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

fn without(names: &Names, some: &[&str]) -> Names {
    names.difference(&set(some)).cloned().collect()
}

fn id() -> MessageId {
    MessageId::new(1, 2)
}

fn recipient() -> Recipient {
    Recipient {
        notify: Some("NEVER".to_owned()),
        orcpt: Some("rfc822;a".to_owned()),
        refused: Some("no".to_owned()),
        ..Recipient::new(Mailbox::Valid(Address::parse("a@b.example").unwrap()), "a".to_owned())
    }
}

/// The members of what a user submitted, and of what a client did.
fn of_both(members: impl Fn(Submitter) -> Names) -> Names {
    let client = Submitter::Client(ClientName::parse("scanner").unwrap());
    members(Submitter::ROOT).union(&members(client)).cloned().collect()
}

/// Every member is there.
fn envelope(submitter: Submitter) -> Envelope {
    Envelope {
        v: 1,
        id: id(),
        arrived: jiff::Timestamp::UNIX_EPOCH,
        submitter,
        token: String::new(),
        sender: ReversePath::Null,
        submitted_sender: Some(String::new()),
        recipients: vec![recipient()],
        to: Some(String::new()),
        ret: Some(String::new()),
        envid: Some(String::new()),
        body: Body::SevenBit,
        kind: Kind::Mail,
        about: Some(id()),
        account: Some(String::new()),
        reports: vec![id()],
        size: 0,
        crc32: 0,
    }
}

fn record(submitter: Submitter) -> Record {
    Record {
        id: id(),
        arrived: jiff::Timestamp::UNIX_EPOCH,
        finished: jiff::Timestamp::UNIX_EPOCH,
        sender: String::new(),
        submitted_sender: None,
        submitter,
        size: 0,
        token: Some(String::new()),
        crc32: Some(0),
        message_id: String::new(),
        subject: Some(String::new()),
        sent_from: Some(String::new()),
        recipients: Vec::new(),
    }
}

fn entry(submitter: Submitter) -> Item {
    Item {
        queue_name: String::new(),
        queue_id: id(),
        arrival_time: 0,
        message_size: 0,
        forced_expire: false,
        sender: String::new(),
        recipients: Vec::new(),
        account: None,
        attempts: 0,
        next_attempt: None,
        trouble: String::new(),
        subject: Some(String::new()),
        sent_from: Some(String::new()),
        submitter,
    }
}

#[test]
fn the_message_file_is_as_written() {
    assert_eq!(items("Message file", 0), of_both(|submitter| keys(&json!(envelope(submitter)))));
    assert_eq!(item("Message file", 0, "body").values, names::<Body>());
    assert_eq!(item("Message file", 0, "kind").values, names::<Kind>());
    assert_eq!(items("Envelope recipients", 0), names::<Recipient>());
}

/// Every kind of line, whole. The match is what makes a new kind be missed here.
fn journal_lines() -> Vec<Line> {
    let outcome = Outcome {
        status: Status::Delivered,
        code: Some(250),
        enhanced: Enhanced { class: 2, subject: 0, detail: 0 },
        reply: String::new(),
        relay: String::new(),
        dsn_sender: DsnSender::Relay,
        cure: Some(String::new()),
        sent_as: SentAs { from: Some(String::new()), to: Some(String::new()) },
    };
    let lines = vec![
        Line::Attempt { number: 1, account: String::new(), relay: String::new() },
        Line::Outcome { recipient: 0, outcome },
        Line::Next(jiff::Timestamp::UNIX_EPOCH),
        Line::Hold,
        Line::Release,
        Line::Retry,
        Line::Returned(id()),
        Line::Warned(id()),
        Line::Added(recipient()),
        Line::Replaced(0),
        Line::Owed(1),
        Line::Digest(id()),
        Line::Done,
    ];
    let kinds: BTreeSet<u8> = lines
        .iter()
        .map(|line| match line {
            Line::Attempt { .. } => 0,
            Line::Outcome { .. } => 1,
            Line::Next(_) => 2,
            Line::Hold => 3,
            Line::Release => 4,
            Line::Retry => 5,
            Line::Returned(_) => 6,
            Line::Warned(_) => 7,
            Line::Added(_) => 8,
            Line::Replaced(_) => 9,
            Line::Owed(_) => 10,
            Line::Digest(_) => 11,
            Line::Done => 12,
        })
        .collect();
    assert_eq!(kinds.len(), 13);
    lines
}

#[test]
fn the_journal_is_as_written() {
    let mut kinds = Names::new();
    for line in journal_lines() {
        let written = journal_line::encode(jiff::Timestamp::UNIX_EPOCH, &line, None).unwrap();
        let written: Value = serde_json::from_slice(&written).unwrap();
        let kind = without(&keys(&written), &["t", "c"]).pop_first().unwrap();
        let members = match &line {
            // A recipient's members have a list of their own.
            Line::Added(_) => Names::new(),
            _ => keys(&written[&kind]),
        };
        assert_eq!(item("Journal", 0, &kind).members, members, "of {kind}");
        kinds.insert(kind);
    }
    assert_eq!(items("Journal", 0), kinds);
    assert_eq!(without(&item("Journal", 0, "outcome").values, &["none"]), names::<Status>());
}

#[test]
fn history_is_as_written() {
    assert_eq!(items("History", 0), of_both(|submitter| keys(&json!(record(submitter)))));
    assert_eq!(items("History recipients", 0), names::<Finished>());
    assert_eq!(item("History recipients", 0, "status").values, names::<Ended>());
}

#[test]
fn the_state_files_are_as_written() {
    assert_eq!(items("State files", 0), names::<Outage>());
    assert_eq!(item("State files", 0, "trouble").values, names::<Trouble>());
    assert_eq!(item("State files", 0, "told").values, names::<AlertChannel>());
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    Clock::start(&spool).keep(&spool);
    let clock: Value = serde_json::from_slice(&std::fs::read(dir.path().join("clock")).unwrap()).unwrap();
    assert_eq!(items("State files", 1), keys(&clock));
    assert_eq!(items("State files", 2), names::<Learned>());
    assert_eq!(without(&item("State files", 2, "second").members, &["second"]), names::<SecondMechanism>());
    assert_eq!(items("State files", 3), names::<ClientActivity>());
    assert_eq!(item("State files", 3, "clients").members, names::<Seen>());
    let members = [names::<Login>(), names::<client_activity::Refused>(), names::<FailedHandshake>()];
    assert_eq!(items("State files", 4), members.into_iter().flatten().collect());
}

#[test]
fn a_submission_is_as_written() {
    let full_name = Some(Text::Utf8("A".to_owned()));
    let envelope = envelope_json::Envelope {
        arguments: true,
        account: Some(String::new()),
        full_name,
        ..envelope_json::Envelope::default()
    };
    assert_eq!(items("Submission", 0), keys(&serde_json::to_value(envelope).unwrap()));
    assert_eq!(item("Submission", 0, "recipients").values, names::<WireRecipient<Address, String>>());
    assert_eq!(item("Submission", 0, "origin").values, names::<Origin>());
    // A number that no refusal has is read as another one.
    let codes = (0..=u8::MAX).filter(|code| Exit::from(*code).code() == *code);
    assert_eq!(items("Submission", 1), codes.map(|code| code.to_string()).collect());
}

fn requests() -> Vec<Request> {
    let all = Selection::default;
    vec![
        Request::List { selection: all() },
        Request::Show { id: id(), place: Place::Anywhere, part: Part::Header },
        Request::Ids { prefix: IdPrefix::empty(), place: Place::Anywhere },
        Request::History { since: None },
        Request::Status,
        Request::Verify(Verify { sender: Sender::Login, recipients: Vec::new(), envid: None }),
        Request::Hello,
        Request::Flush { selection: all(), detail: Detail::Results },
        Request::Change { change: Change::Hold, selection: all() },
        Request::Active,
        Request::Metrics,
    ]
}

#[test]
fn requests_are_as_written() {
    let verbs = tagged::<Request>("verb");
    assert_eq!(items("Requests", 0), verbs);
    let mut seen = Names::new();
    for request in requests() {
        let mut line = Vec::new();
        request.write(&mut line).unwrap();
        let written: Value = serde_json::from_slice(&line).unwrap();
        let verb = written["verb"].as_str().unwrap().to_owned();
        assert_eq!(item("Requests", 0, &verb).members, without(&keys(&written), &["v", "verb"]), "of {verb}");
        seen.insert(verb);
    }
    assert_eq!(seen, verbs);
    assert_eq!(item("Requests", 0, "change").values, names::<Change>());
    assert_eq!(items("Selection", 0), names::<Selection>());
}

/// One of each response whose members the page names with it; the others have lists of their own.
fn responses() -> Vec<Response> {
    let greeting = Greeting { hostname: String::new(), origin: String::new(), size: 0 };
    let (id, line, reason) = (id, String::new, String::new);
    vec![
        Response::Unreadable { reason: reason() },
        Response::Totals(Totals { messages: 0, octets: 0, submitted: 0 }),
        Response::Record { line: line() },
        Response::Hello(greeting),
        Response::Asked { messages: 0 },
        Response::Step { line: line() },
        Response::Result { id: id(), delivered: 0, refused: 0, waiting: 0, reason: reason() },
        Response::Waiting { id: id(), reason: reason() },
        Response::Changed { id: id().to_string() },
        Response::Unchanged { id: String::new(), reason: reason() },
        Response::Ids { ids: vec![id()] },
        Response::Active { ids: vec![id()] },
        Response::Metrics { text: line() },
        Response::No(Refused::later("")),
        Response::Finished,
    ]
}

#[test]
fn responses_are_as_written() {
    let events = tagged::<Response>("event");
    assert_eq!(items("Responses", 0), events);
    let mut seen = set(&["item", "shown", "status"]);
    for response in responses() {
        let written = serde_json::to_value(&response).unwrap();
        let event = written["event"].as_str().unwrap().to_owned();
        assert_eq!(item("Responses", 0, &event).members, without(&keys(&written), &["event"]), "of {event}");
        seen.insert(event);
    }
    assert_eq!(seen, events);
}

#[test]
fn queue_entries_are_as_written() {
    assert_eq!(items("Queue entries", 0), of_both(|submitter| keys(&json!(entry(submitter)))));
    assert_eq!(item("Queue entries", 0, "recipients").members, names::<ItemRecipient>());
    assert_eq!(item("Queue entries", 1, "journal").members, names::<JournalNote>());
}

#[test]
fn reports_are_as_written() {
    assert_eq!(items("Reports", 0), names::<Report>());
    assert_eq!(items("Reports", 2), names::<Reason>());
    assert_eq!(items("Reports", 3), names::<report::Kind>());
    assert_eq!(items("Reports", 4), names::<Figures>());
}

/// A line's text without what differs from line to line: `{id}: held: {reason}` and `ID: held: REASON` are the same.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    let parts = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    for part in parts {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let is_placeholder = !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        shape.push_str(&if is_placeholder { part.replace(word, "*") } else { part.to_owned() });
    }
    shape
}

/// The texts and programs that `log.rs` writes.
fn log_in_code() -> (Names, Names) {
    let code = LOG.split("\nfn line(").next().unwrap();
    let string =
        |rest: &str| rest.trim_start().strip_prefix('"').and_then(|rest| Some(rest.split_once('"')?.0.to_owned()));
    let mut texts = Names::new();
    for (at, _) in code.match_indices("format_args!(") {
        let text = string(&code[at + "format_args!(".len()..]).unwrap();
        let is_warning = code[..at].ends_with("warning(");
        let mut text = text.replace("{given}", "");
        while let Some((start, end)) = text.find('{').zip(text.find('}')) {
            text.replace_range(start..=end, "*");
        }
        texts.insert(shape(&format!("{}{}", if is_warning { "warning: " } else { "" }, text.replace("**", "*"))));
    }
    let calls = ["line(", "Severity::Info, ", "Severity::Warning, ", "Severity::Error, ", "Severity::Critical, "];
    let after = calls.iter().flat_map(|call| code.match_indices(call).map(|(at, call)| &code[at + call.len()..]));
    (texts, after.filter_map(string).collect())
}

/// The same as the page shows them.
fn log_on_page() -> (Names, Names) {
    let block = PAGE.split("\n.Ss Log lines\n").nth(1).and_then(|rest| rest.split(".Bd -literal\n").nth(1)).unwrap();
    let block = block.split("\n.Ed").next().unwrap().replace("\n           ", " ");
    let lines = block.lines().map(|line| line.split_once(' ').unwrap());
    let text = |text: &str| shape(&text.trim().replace("[orig_to=<GIVEN>, ]", ""));
    lines.map(|(program, line)| (text(line), program.to_owned())).unzip()
}

#[test]
fn log_lines_are_as_written() {
    let (texts, programs) = log_on_page();
    let (written, writing) = log_in_code();
    assert_eq!(texts, written);
    assert_eq!(programs, writing);
    assert!(texts.len() > 20, "they are found: {texts:#?}");
}
