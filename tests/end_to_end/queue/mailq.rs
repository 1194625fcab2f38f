//! Looking at the queue: mailq in Postfix's layout, JSON Lines, one message in full.

use serde_json::json;

use support::provider::{Gate, Provider, Verb, greeting, on};
use support::wait::wait_for;
use support::world::{World, is_id};

#[test]
fn an_empty_queue_is_told_in_postfixs_words() {
    let world = World::at_home(&Provider::start());
    assert_eq!(world.mailq(), "Mail queue is empty\n");
    assert_eq!(world.postrider(&["queue", "list"]).code(0).stdout, "Mail queue is empty\n");
    assert_eq!(world.postrider(&["queue", "list", "--json"]).code(0).stdout, "", "JSON Lines: nothing when empty");
}

#[test]
fn mailq_has_postfixs_long_layout() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 come back later")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example", "carol@away.example"]).code(0);
    world.run_once();
    world.send_to(&["dave@away.example"]).code(0);
    let (ids, listing) = (world.queued(), world.mailq());
    let lines: Vec<&str> = listing.lines().collect();
    assert_eq!(lines[0], "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------");
    assert_eq!((&lines[1][..17], &lines[1][17..18]), (format!("{:<17}", ids[0]).as_str(), " "), "{listing}");
    assert!(lines[1][18..26].trim().parse::<u64>().is_ok_and(|size| size > 100), "{listing}");
    let (time, sender) = lines[1][27..].split_at(19);
    assert_eq!(
        (time.split_whitespace().count(), sender),
        (4, " alice@home.lan"),
        "as in `Sun Nov 22 13:20:55`: {listing}"
    );
    let reason = lines[2].trim();
    assert!(reason.starts_with('(') && reason.ends_with(')') && reason.contains("come back later"), "{listing}");
    let recipients: Vec<&str> = lines[3..].iter().take_while(|line| !line.is_empty()).map(|line| line.trim()).collect();
    let addresses: Vec<&&str> = recipients.iter().filter(|line| !line.starts_with('(')).collect();
    assert_eq!(addresses, [&"bob@away.example", &"carol@away.example"], "{listing}");
    assert!(listing.contains(&format!("\n\n{}", ids[1])), "a blank line between the entries: {listing}");
    let last = lines.last().unwrap();
    assert!(last.starts_with("-- ") && last.contains(" Kbytes in 2 Requests."), "{last}");
}

#[test]
fn the_json_listing_has_postqueues_members_and_ours() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 come back later")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    let fresh = world.queue_json().remove(0);
    assert_eq!((&fresh["attempts"], &fresh["sender"]), (&json!(0), &json!("alice@home.lan")));
    world.run_once();
    let entry = world.queue_json().remove(0);
    assert!(is_id(entry["queue_id"].as_str().unwrap()));
    for member in ["queue_name", "arrival_time", "message_size", "forced_expire", "trouble", "next_attempt"] {
        assert!(entry.get(member).is_some(), "{member} in {entry}");
    }
    assert!(entry["arrival_time"].is_u64() && entry["message_size"].is_u64());
    assert_eq!((&entry["attempts"], &entry["account"]), (&json!(1), &json!("isp")));
    assert_eq!(entry["uid"], json!(nix::unistd::geteuid().as_raw()));
    let bob = &entry["recipients"][0];
    assert_eq!(bob["address"], json!("bob@away.example"));
    assert!(bob["delay_reason"].as_str().unwrap().contains("come back later"), "{entry}");
}

#[test]
fn one_message_is_shown_in_full() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 come back later")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    let id = world.queued().remove(0);
    let shown = world.postrider(&["queue", "show", &id]).code(0);
    shown.says("alice@home.lan").says("bob@away.example").says("come back later").says("isp");
    let unknown = world.postrider(&["queue", "show", "0123456789ABCDEF"]).one_line().says("0123456789ABCDEF");
    assert_ne!(unknown.status, Some(0));
}

#[test]
fn direction_marks_and_invisible_characters_of_users_reach_no_terminal_and_no_log() {
    let world = World::at_home(&Provider::start());
    let sly = "b\u{202e}o\u{200b}b@away.example";
    world.sendmail(&["-i", "-f", "alice", "--", sly], "Subject: a\u{2066}b\u{feff}\n\nText.\n").code(0);
    let id = world.queued().remove(0);
    let shown = world.postrider(&["queue", "show", &id]).code(0).stdout;
    let mailq = world.mailq();
    let log = world.run_once().stderr;
    for (what, text) in [("mailq", mailq), ("queue show", shown), ("log", log)] {
        assert!(text.contains("b?o?b@away.example"), "{what}: {text:?}");
        assert!(!text.contains(['\u{202e}', '\u{200b}', '\u{2066}', '\u{feff}']), "{what}: {text:?}");
    }
}

#[test]
fn a_message_under_way_is_marked_and_looking_does_not_disturb_the_runner() {
    let gate = Gate::closed();
    let isp = Provider::setup().rule(greeting().behind(&gate)).start();
    let world = World::at_home(&isp);
    let _runner = world.runner();
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the runner to connect", || isp.connections() == 1);
    let id = world.queued().remove(0);
    assert!(world.mailq().contains(&id), "looking needs no lock");
    gate.open();
    wait_for("the mail to be delivered", || isp.received() == 1);
}

#[test]
fn mailq_does_not_say_empty_while_mail_waits_to_be_queued() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    assert_eq!(world.mailq(), "Mail queue is empty\n");
    world.send_to(&["friend@away.example"]).code(0);
    world.postrider(&["queue", "delete", "--all"]).code(0);
    std::fs::create_dir(world.path("spool/raw")).unwrap();
    world.file("spool/raw/1000.T", "a submission", 0o600);
    assert_eq!(world.mailq(), "-- 1 message submitted but not yet queued (see `postrider status`)\n");
}

#[test]
fn status_is_critical_at_once_where_the_disk_has_no_room_for_mail() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["friend@away.example"]).code(0);
    world.postrider(&["status"]).code(0);
    let world = world.queue_set("min_free_space", "1000000GB");
    world.send_to(&["friend@away.example"]).code(75).says("disk almost full");
    world.postrider(&["status"]).code(2).says("CRITICAL: disk almost full, so mail is refused");
}

#[test]
fn a_message_id_of_any_length_takes_one_line_of_history() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let mail = format!("Message-ID: <{}@x>\nSubject: long\n\ntext\n", "a".repeat(1_900_000));
    world.sendmail(&["-f", "alice", "friend@away.example"], mail).code(0);
    world.drain();
    let record = &world.history()[0];
    let length = record["message_id"].as_str().unwrap().len();
    assert!((900..=998).contains(&length), "{length}");
}

#[test]
fn the_reserve_is_private_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let mode = || std::fs::metadata(world.path("spool/reserve")).unwrap().permissions().mode() & 0o777;
    let drain = || {
        let command = format!("umask 022; exec {} run --until-empty", env!("CARGO_BIN_EXE_postrider"));
        assert!(world.command("/bin/sh", &["-c", &command]).status().unwrap().success());
    };
    drain();
    assert_eq!(mode(), 0o600);
    // As an older version made it.
    std::fs::set_permissions(world.path("spool/reserve"), std::fs::Permissions::from_mode(0o644)).unwrap();
    drain();
    assert_eq!(mode(), 0o600);
}
