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
fn the_demo_runs_the_main_job_and_everything_arrives() {
    let world = World::new();
    let demo = world.postrider(&["demo"]).code(0);
    let (before, after) = demo.stdout.split_once("3. The provider is back").unwrap();
    assert_eq!(before.matches("waits: connection refused").count(), 2, "{before}");
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
