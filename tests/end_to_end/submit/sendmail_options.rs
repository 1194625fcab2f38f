//! The command as its callers call it: names, options, silence.

use support::provider::Provider;
use support::world::World;

const INPUT: &str = "To: bob@away.example\nSubject: x\n\nbody\n";

#[test]
fn the_program_is_sendmail_by_name_by_subcommand_and_alone() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.sendmail(&["-t"], INPUT).code(0).silent();
    world.by_name("sendmail", &["-t"], INPUT).code(0).silent();
    let mut command = world.command(env!("CARGO_BIN_EXE_postrider"), &["sendmail", "-t"]);
    let file = world.file("input", INPUT, 0o600);
    let output = command.stdin(std::fs::File::open(file).unwrap()).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len(), output.stderr.len()), (Some(0), 0, 0));
    assert_eq!(world.queued().len(), 3);
}

#[test]
fn options_that_callers_use_are_taken() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let lists: [&[&str]; 12] = [
        &["-t", "-i"],
        &["-oi", "-f", "alice", "-t"],
        &["-t", "-i", "-falice"],
        &["-t", "-oi", "-oem", "-ralice"],
        &["-oi", "-r", "alice", "-t"],
        &["-i", "-f", "alice", "--", "bob@away.example"],
        &["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "bob@away.example"],
        &["-F", "Björn Müller", "-f", "alice", "--", "bob@away.example"],
        &["-i", "-bm", "-f", "alice", "bob@away.example"],
        &["-B", "8BITMIME", "-odq", "bob@away.example"],
        &["-C", "/etc/mail/none.cf", "-t"],
        &["-em", "-t", "-v"],
    ];
    for args in lists {
        world.sendmail(args, INPUT).code(0).silent();
    }
    world.run_once();
    assert_eq!(isp.received(), lists.len());
    assert!(isp.mails().iter().all(|mail| mail.to == ["bob@away.example"]));
}

#[test]
fn options_end_at_the_first_recipient() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp);
    world.sendmail(&["bob@away.example", "-f", "carol@away.example"], "Subject: x\n\n").code(0);
    let queue = world.queue_json();
    let recipients: Vec<&str> =
        queue[0]["recipients"].as_array().unwrap().iter().filter_map(|r| r["address"].as_str()).collect();
    assert!(recipients.contains(&"bob@away.example") && recipients.contains(&"carol@away.example"), "{recipients:?}");
    assert_eq!(queue[0]["sender"], serde_json::json!(format!("{}@home.lan", support::world::login())));
}

#[test]
fn one_argument_may_hold_several_recipients() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.sendmail(&["-f", "alice", "bob@away.example, Carol <carol@away.example>"], "Subject: x\n\n").code(0).silent();
    world.run_once();
    assert_eq!(isp.mail().to, ["bob@away.example", "carol@away.example"]);
}

#[test]
fn the_environment_says_nothing_about_who_calls() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp);
    let mut command = world.command(env!("CARGO_BIN_EXE_sendmail"), &["-t"]);
    command.env("USER", "mallory").env("LOGNAME", "mallory").env("HOME", "/nonexistent");
    let file = world.file("input", INPUT, 0o600);
    assert!(command.stdin(std::fs::File::open(file).unwrap()).status().unwrap().success());
    world.run_once();
    assert_eq!(isp.mail().from, format!("{}@home.lan", support::world::login()));
}

#[test]
fn closed_descriptors_and_a_bad_umask_do_no_harm() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let file = world.file("input", INPUT, 0o600);
    let script = format!("umask 177; exec '{}' -t <'{}' >&- 2>&-", env!("CARGO_BIN_EXE_sendmail"), file.display());
    assert_eq!(world.command("/bin/sh", &["-c", &script]).status().unwrap().code(), Some(0));
    world.run_once();
    assert_eq!(isp.mail().body(), b"body\r\n");
}

#[test]
fn a_sender_that_can_never_be_sent_is_refused_while_the_caller_has_the_mail() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    for from in ["\"her x\"@isp.example", "\"a<b\"@isp.example"] {
        let refused = world.sendmail(&["-f", from, "bob@away.example"], "Subject: x\n\n").code(65).one_line();
        assert!(refused.stderr.contains("bad sender address") && refused.stderr.contains("cannot be sent safely"));
        let dialogue =
            format!("HELO x\r\nMAIL FROM:<{from}>\r\nRCPT TO:<bob@away.example>\r\nDATA\r\n\r\n.\r\nQUIT\r\n");
        let said = world.sendmail(&["-bs"], dialogue).code(0).stdout;
        assert!(said.lines().any(|line| line.starts_with('5') && line.contains("cannot be sent safely")), "{said}");
    }
    assert_eq!(world.queued(), Vec::<String>::new());
    // An address of this machine is another one when it is sent.
    world.sendmail(&["-f", "\"her x\"@home.lan", "bob@away.example"], "Subject: x\n\n").code(0);
    world.run_once();
    assert_eq!(isp.mail().from, "me+home@isp.example");
}

#[test]
fn a_bracket_too_many_makes_no_recipient_and_spoils_none() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let field = "bob@away.example (ok)), carol@away.example >, dave@away.example], erin@away.example)";
    world.sendmail(&["-f", "alice", "-t"], format!("To: {field}\nSubject: x\n\n")).code(0).silent();
    world.sendmail(&["-f", "alice", "bob@away.example >"], "Subject: y\n\n").code(0).silent();
    world.drain();
    let mails = isp.mails();
    let first = mails.iter().find(|mail| mail.field("Subject") == "x").unwrap();
    assert_eq!(first.to, ["bob", "carol", "dave", "erin"].map(|name| format!("{name}@away.example")));
    assert_eq!((first.field("To"), mails.len()), (field.to_owned(), 2), "and no bounce");
}

#[test]
fn a_full_stop_of_another_script_divides_a_domain() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.sendmail(&["-f", "alice", "bob@away\u{3002}example", "carol@away\u{ff0e}example"], "Subject: x\n\n").code(0);
    world.sendmail(&["-f", "alice", "root@home\u{ff61}lan"], "Subject: y\n\n").code(0);
    world.drain();
    let mut to: Vec<String> = isp.mails().into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, ["bob@away.example", "carol@away.example", "me+home@isp.example"]);
}

#[test]
fn an_id_of_two_bytes_that_is_no_option_of_postfix_is_told() {
    let world = World::at_home(&Provider::start());
    for id in ["\u{e9}", "\u{e9}\u{e9}"] {
        let said = world.sendmail(&["-V", id, "-f", "alice", "bob@away.example"], "Subject: x\n\n").code(0).stderr;
        assert!(said.contains("printable ASCII characters"), "{id}: {said}");
    }
    world.sendmail(&["-V", "-+", "-f", "alice", "bob@away.example"], "Subject: x\n\n").code(0).silent();
}

#[test]
fn the_demo_runs_the_main_job_and_everything_arrives() {
    let world = World::new();
    let demo = world.postrider(&["demo"]).code(0);
    let (before, after) = demo.stdout.split_once("3. The provider is back").unwrap();
    assert_eq!(before.matches("waits: Connection refused").count(), 2, "{before}");
    assert_eq!(after.matches("  has left\n").count(), 2, "{after}");
    for told in [
        "account work, smtp.work.example, TLSv1.3, login with PLAIN",
        "From  root (Cron Daemon)  hisaccount+home@isp.example (Cron Daemon)",
        "Everything arrived as expected",
    ] {
        assert!(after.contains(told), "{told} in:\n{after}");
    }
    assert!(demo.stdout.lines().all(|line| line.len() <= 80), "{}", demo.stdout);
    assert!(world.spool("queue").is_empty(), "the demo has a spool of its own");
}
