//! Real callers: each makes mail as it does on any Debian machine, and it arrives at the provider as it should. Those that are marked
//! by `need::by_hand` are too big to install for every run: `POSTRIDER_BY_HAND=yes cargo test --test interop` runs them, and what they hand to sendmail
//! is replayed by the end-to-end tests (`submit/recorded`).

mod languages;
mod mail_clients;
mod monitors;
mod schedulers;
mod sendmail_bs;

use crate::arrived::Arrived;
use crate::config::configure;
use crate::machine::Machine;
use crate::need;
use crate::provider::Provider;

/// Where the mail for root and other local names ends, and under which name it leaves.
const HOUSEHOLD: &str = "hisaccount+local@hisisp.example";

const FRIEND: &str = "friend@elsewhere.example";

/// Who writes mail, and as whom the world sees them.
struct Writer {
    login: &'static str,
    account: &'static str,
    address: &'static str,
    name: &'static str,
}

const HE: Writer =
    Writer { login: "his", account: "hisaccount", address: "hisaccount@hisisp.example", name: "His Name" };

const SHE: Writer = Writer {
    login: "her",
    account: "heraccount@herisp.example",
    address: "heraccount@herisp.example",
    name: "Her Name",
};

/// The stage for `login` to call from; nothing where the test cannot run.
fn ready(programs: &[&str], login: &str) -> Option<(Provider, Machine)> {
    need::met(programs).then(|| {
        let (provider, machine) = (Provider::start(), Machine::new());
        configure(&machine, &provider, login, "background");
        (provider, machine)
    })
}

/// The mail left by his account as mail of the household, from a local name that nobody has.
fn is_from_the_house(mail: &Arrived) {
    left_as(mail, HE.account, HOUSEHOLD);
}

/// The mail left by the writer's account under the writer's name.
fn is_from(mail: &Arrived, writer: &Writer) {
    left_as(mail, writer.account, writer.address);
    assert_eq!(mail.header("From"), format!("{} <{}>", writer.name, writer.address), "{}", mail.raw);
}

fn left_as(mail: &Arrived, account: &str, envelope_sender: &str) {
    assert_eq!(mail.login(), account, "{}", mail.raw);
    assert!(mail.over_tls(), "{}", mail.raw);
    assert_eq!(mail.envelope_sender(), format!("<{envelope_sender}>"), "{}", mail.raw);
    assert_eq!(mail.headers("Bcc"), [""; 0], "{}", mail.raw);
    for field in ["Date", "Message-ID"] {
        assert_eq!(mail.headers(field).len(), 1, "{field}: {}", mail.raw);
    }
    for field in ["From", "To", "Sender", "Reply-To"] {
        assert!(
            !mail.header(field).contains("localdomain.local"),
            "a fictitious address left the machine: {}",
            mail.raw
        );
    }
}

fn ends_empty(machine: &Machine, provider: &Provider, login: &str) {
    provider
        .wait_until("the queue is empty", || machine.succeeds(login, "mailq", &[], "").contains("Mail queue is empty"));
}
