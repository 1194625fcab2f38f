//! A fetcher hands in mail from the Internet, whose senders are anybody's: nothing goes back to them, also where the queue
//! is full and where nobody takes the mail.

use std::collections::BTreeMap;

use crate::machine::can_run;
use crate::machine_runner::{Runner, machine};
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;

/// A thousand fetched messages with forged senders, as fetchmail and getmail hand them in, by four processes; prints the exit codes.
const FETCHED: &str = r"for part in 0 1 2 3; do (
    for number in $(seq $((part * 250 + 1)) $((part * 250 + 250))); do
        [ $((number % 2)) = 0 ] && how=-oem || how=-oi
        printf 'From: forged%s@elsewhere.example\nTo: his\nSubject: spam\n\nThe text.\n' $number |
            sendmail -i $how -f forged$number@elsewhere.example nobody@away.example 2>/dev/null
        echo $?
    done ) & done; wait";

#[test]
fn a_thousand_fetched_messages_into_a_full_queue_and_to_nobody_send_nothing_to_their_senders() {
    if !can_run() {
        return;
    }
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("450 4.2.0 not now")).start();
    let machine = machine(&isp, "[limits]\nwaiting = 300");
    let _runner = Runner::start(&machine);
    let codes = machine.sh("his", FETCHED, b"").good().printed;
    let mut ends = BTreeMap::<&str, usize>::new();
    for code in codes.lines() {
        *ends.entry(code).or_default() += 1;
    }
    assert_eq!(ends.values().sum::<usize>(), 1_000, "{ends:?}");
    assert!(ends.keys().all(|code| ["0", "75"].contains(code)), "{ends:?}");
    assert!(ends["75"] >= 500, "the queue is full: {ends:?}");
    // Now nobody takes them.
    isp.behave();
    isp.add(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here"));
    machine.sh("root", "postrider flush", b"");
    let queue = || machine.sh("root", "mailq", b"").printed;
    wait_for("all to have left", || queue() == "Mail queue is empty\n");
    let mails = isp.mails();
    let strangers: Vec<_> =
        mails.iter().filter(|mail| mail.to.iter().any(|to| !to.ends_with("@isp.example"))).collect();
    println!(
        "1,000 fetched messages with forged senders: {ends:?}, {} notices, {} to strangers",
        mails.len(),
        strangers.len()
    );
    assert!(strangers.is_empty(), "{strangers:?}");
    assert!(mails.len() <= 50, "the notices are few: {}", mails.len());
    let kept = machine.sh("root", "grep -l 'The text' /var/spool/postrider/failed/* | wc -l", b"").good().printed;
    assert_eq!(kept.trim(), ends["0"].to_string(), "each that was taken is kept whole");
}
