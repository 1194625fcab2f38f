//! When mail for a mailbox of this machine is tried: at once, whatever the account waits for by which other mail of its sender leaves.

use serde_json::json;

use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::world::World;

#[test]
fn the_back_off_of_the_senders_account_does_not_delay_the_first_try_at_a_mailbox() {
    let (isp, local) = (Provider::setup().start_closed(), Provider::setup().lmtp().start());
    let world = World::at_home(&isp).set("mailbox", local.mailbox()).queue_set("retry_min", "1h");
    let _runner = world.runner();
    world.send_to(&["bob@away.example"]).code(0);
    let account = |at: usize| world.queue_json().get(at).map(|message| message["account"].clone());
    wait_for("the account to be backed off", || world.postrider(&["status"]).stdout.contains("account isp"));
    world.send_to(&["root@home.lan", "carol@away.example"]).code(0);
    wait_for("the mailbox", || local.received() == 1);
    wait_for("the rest to wait for the provider", || {
        (account(0), account(1)) == (Some(json!("isp")), Some(json!("isp")))
    });
    assert_eq!((isp.connections(), local.count(Verb::Data)), (0, 1));
}

#[test]
fn the_back_off_of_the_mailboxes_does_not_delay_what_leaves() {
    let isp = Provider::start();
    let local = Provider::setup().lmtp().rule(on(Verb::Rcpt).reply("451 4.2.0 later")).start();
    let world = World::at_home(&isp).set("mailbox", local.mailbox()).queue_set("retry_min", "1h");
    let _runner = world.runner();
    world.send_to(&["root@home.lan"]).code(0);
    wait_for("the first to be deferred", || local.count(Verb::Rcpt) == 1);
    world.send_to(&["root@home.lan", "bob@away.example"]).code(0);
    wait_for("the provider", || isp.received() == 1);
    assert_eq!(local.received(), 0);
}

#[test]
fn a_user_in_reply_to_whom_the_server_ends_the_session_keeps_the_mail_from_no_other_and_doubles_none() {
    for words in ["421 4.2.1 mailbox busy, closing", "421 4.7.1 your account is suspended", ""] {
        for order in [["root", "games", "daemon", "bin"], ["root", "daemon", "bin", "games"]] {
            let ends = on(Verb::Rcpt).about("games");
            let ends = if words.is_empty() { ends.close() } else { ends.reply_and_close(words) };
            let (isp, local) = (Provider::start(), Provider::setup().lmtp().rule(ends).start());
            let world = World::at_home(&isp).set("mailbox", local.mailbox());
            world.sendmail(&[&["-i"][..], &order].concat(), "Subject: x\n\nBODY\n").code(0);
            let said = world.run_once().stderr;
            let mut to: Vec<String> = local.mails().into_iter().flat_map(|mail| mail.to).collect();
            to.sort();
            assert_eq!(to, ["bin@home.lan", "daemon@home.lan", "root@home.lan"], "{words} {order:?}: {said}");
            assert_eq!(world.queued().len(), 1, "{said}");
        }
    }
}
