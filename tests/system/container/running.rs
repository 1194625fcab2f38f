//! `postrider run --container`: the first process of a container, who it runs as, how it ends, and what it refuses to start with.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::time::Duration;

use super::started::{Container, SECRET, SECRETS, Setup, mount_secret};
use crate::machine::{HIS, Machine, can_run};
use crate::machine_runner::{CONFIG, MAIL, Runner, configure};
use support::provider::{Gate, Provider, Verb, after_dot, on};
use support::wait::wait_for;

fn wait_for_empty_queue(container: &Container) {
    wait_for("an empty queue", || container.exec("root", "mailq", b"").printed == "Mail queue is empty\n");
}

/// Asserts that it ends by itself, with one line that says all of this.
#[track_caller]
fn refused(setup: Setup, words: &[&str]) {
    let ended = setup.run();
    assert_eq!((ended.code, ended.said.lines().count()), (Some(78), 1), "{ended:?}");
    assert!(words.iter().all(|word| ended.said.contains(word)), "{words:?}: {ended:?}");
}

#[test]
fn the_environment_and_a_mounted_secret_are_enough_for_mail_of_every_user_of_the_container() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = Machine::new();
    let container = Setup::for_provider(&machine, &isp).start();
    for login in ["root", "his"] {
        container.exec(login, "sendmail -i friend@away.example", MAIL).good();
    }
    wait_for("both mails", || isp.received() == 2);
    wait_for_empty_queue(&container);
    assert!(isp.mails().iter().all(|mail| mail.text().contains("@isp.example>")), "{:?}", isp.transcript());
    for login in ["root", "his", "postrider"] {
        let status = container.exec(login, "postrider status", b"").good().printed;
        assert!(status.starts_with("POSTRIDER OK"), "{login}: {status}");
    }
    let users = container.exec("root", "ps -o user= -C postrider", b"").printed;
    assert!(users.split_whitespace().all(|user| user.starts_with("postrid")), "never root: {users}");
    // The log goes to where Docker reads it.
    assert!(container.log().contains("status=sent"), "{}", container.log());
    let shown = container.exec("root", "postrider config show", b"").good().printed;
    assert!(shown.contains("[account.container]") && shown.contains("# the environment"), "{shown}");
    let shown = container.exec("root", "postrider config show --json", b"").good().printed;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert!(shown["keys"]["account"]["container"]["relay"].is_array(), "{shown}");
    let check = container.exec("root", "postrider check", b"").printed;
    assert!(!check.contains("error: "), "{check}");
}

#[test]
fn orphans_are_waited_for_and_the_exit_code_of_the_runner_is_that_of_the_container() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = Machine::new();
    let container = Setup::for_provider(&machine, &isp).start();
    // The parent ends before its child, which the first process gets.
    container.exec("his", "for i in 1 2 3 4 5; do (exec sleep 0.$i & ); done", b"").good();
    wait_for("all orphans to be gone", || {
        let seen = container.exec("root", "ps -e -o comm=,stat=", b"").printed;
        !seen.lines().any(|line| line.starts_with("sleep") || line.contains(" Z"))
    });
    let (ended, lasted, _) = container.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(lasted < Duration::from_secs(5), "nothing was to be done: {lasted:?}");
}

#[test]
fn a_message_in_hand_is_finished_before_the_container_ends() {
    if !can_run() {
        return;
    }
    let gate = Gate::closed();
    let isp = Provider::setup().rule(after_dot().behind(&gate).reply("250 2.0.0 taken")).start();
    let machine = Machine::new();
    let container = Setup::for_provider(&machine, &isp).start();
    container.exec("root", "sendmail friend@away.example", MAIL).good();
    wait_for("the content to be there", || isp.dots() == 1);
    let log = machine.path("/run/container.log");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_for("the end to be asked for", || fs::read_to_string(&log).unwrap().contains("stopping (messages"));
            gate.open();
        });
        let (ended, lasted, volume) = container.stop();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(lasted < Duration::from_secs(8), "{lasted:?}");
        assert!(ended.said.contains("status=sent"), "{ended:?}");
        let again = Setup::for_provider(&machine, &isp).volume(volume.unwrap()).start();
        wait_for_empty_queue(&again);
    });
    assert_eq!(isp.received(), 1);
}

#[test]
fn a_server_that_never_answers_does_not_keep_a_container_for_more_than_ten_seconds() {
    if !can_run() {
        return;
    }
    let isp = Provider::setup().rule(after_dot().silence()).start();
    let machine = Machine::new();
    let container = Setup::for_provider(&machine, &isp).start();
    container.exec("root", "sendmail friend@away.example", MAIL).good();
    wait_for("the content to be there", || isp.dots() == 1);
    let (ended, lasted, volume) = container.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(lasted < Duration::from_secs(10), "{lasted:?}");
    // Whether the server kept it is not known, so it is not sent again at once.
    let again = Setup::for_provider(&machine, &isp).volume(volume.unwrap()).start();
    let queue = again.exec("root", "postrider queue list", b"").good().printed;
    assert!(queue.contains("it may have been delivered"), "{queue}");
    assert_eq!(isp.dots(), 1);
}

#[test]
fn what_would_lose_mail_or_show_a_password_is_refused_in_one_line() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = Machine::new();
    let new = || Setup::for_provider(&machine, &isp);
    refused(new().variable("PASSWORD", "in the clear"), &["POSTRIDER_PASSWORD: ", "docker inspect", "_PASSWORD_FILE"]);
    refused(new().variable("REALY", "x"), &["POSTRIDER_REALY: ", "did you mean POSTRIDER_RELAY?"]);
    refused(new().variable("MAX_CONNECTIONS", "many"), &["POSTRIDER_MAX_CONNECTIONS: "]);
    refused(new().variable("QUEUE_LIFETIME", "5"), &["POSTRIDER_QUEUE_LIFETIME: ", "unit"]);
    // The machine has its spool on a tmpfs.
    refused(new().without_volume(), &["is on tmpfs", "--volume", "POSTRIDER_EPHEMERAL=1"]);
    let overlay = "mkdir -p /run/o/u /run/o/w; mount -t overlay -o lowerdir=/var/spool/postrider,upperdir=/run/o/u,workdir=/run/o/w overlay \
                   /var/spool/postrider";
    machine.sh("root", overlay, b"").good();
    refused(new().without_volume(), &["is on overlay", "--volume"]);
    refused(Setup::new(&machine), &["no account is configured", "POSTRIDER_RELAY"]);
    let named = ["postrider", "--config", "/etc/other.toml", "run", "--container"].map(str::to_owned).to_vec();
    let ended = new().program(named).run();
    assert!(ended.code == Some(64) && ended.said.contains("mount the file there"), "{ended:?}");
    let ended = new().without_volume().variable("EPHEMERAL", "1").start().stop().0;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_key_that_a_file_has_as_well_is_an_error_that_names_both_and_other_sections_of_files_hold() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = Machine::new();
    let folder = machine.path("/etc/postrider/conf.d");
    fs::write(folder.join("10.toml"), "hostname = \"other.home.lan\"\n").unwrap();
    let both = ["POSTRIDER_HOSTNAME: ", "/etc/postrider/conf.d/10.toml:1"];
    refused(Setup::for_provider(&machine, &isp), &both);
    fs::write(folder.join("10.toml"), "[account.work]\nrelay = \"[127.0.0.1]:1\"\nsenders = [\"@work.example\"]\n")
        .unwrap();
    chown(folder.join("10.toml"), Some(HIS), Some(HIS)).unwrap();
    let container = Setup::for_provider(&machine, &isp).variable("DEFAULT_ACCOUNT", "container").start();
    container.exec("root", "sendmail friend@away.example", MAIL).good();
    container.exec("root", "sendmail -f me@work.example friend@away.example", MAIL).good();
    wait_for("the mail of one account", || isp.received() == 1);
    wait_for("the mail of the other to wait", || container.exec("root", "mailq", b"").printed.contains("127.0.0.1"));
}

#[test]
fn secrets_of_orchestrators_are_taken_in_containers_and_nowhere_else() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = Machine::new();
    let (_, password) = isp.credential();
    let container = Setup::for_provider(&machine, &isp).start();
    container.exec("root", "postrider password test container", b"").good();
    // Kubernetes changes one by another folder and a new link.
    isp.change_password("another");
    container.exec("root", "sendmail friend@away.example", MAIL).good();
    wait_for("the login to be rejected", || container.log().contains("535"));
    let script = format!(
        "set -e; cd {SECRETS}/isp; mkdir ..new; echo another >..new/password; chmod 444 ..new/password; chown -R 1234 ..new; \
         ln -s ..new ..data.tmp; mv -T ..data.tmp ..data"
    );
    machine.sh("root", &script, b"").good();
    wait_for("the mail to leave by the new password", || isp.received() == 1);
    // What anybody could change is no secret there either.
    machine.sh("root", &format!("chmod 666 {SECRETS}/isp/..new/password"), b"").good();
    let said = container.exec("root", "postrider password test container", b"").said;
    assert!(said.contains("can write to it"), "{said}");
    drop(container);
    mount_secret(&machine, password);
    isp.change_password(password);
    configure(&machine, &isp, "");
    let config = fs::read_to_string(machine.path(CONFIG)).unwrap().replace("isp.password", SECRET);
    fs::write(machine.path(CONFIG), config).unwrap();
    let _runner = Runner::start_by(&machine, "env");
    let said = machine.sh("root", "postrider password test isp", b"").said;
    assert!(said.contains("belongs to uid 1234"), "{said}");
}

#[test]
fn one_that_is_started_as_a_user_runs_as_that_user() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = Machine::new();
    for (path, mode) in [("/etc/postrider/config.toml", 0o644), ("/etc/postrider/conf.d", 0o755)] {
        fs::set_permissions(machine.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let refused = Setup::for_provider(&machine, &isp).user("his", HIS).run();
    assert!(refused.said.contains("mount a tmpfs there that belongs to uid 20001"), "{refused:?}");
    chown(machine.path("/run/postrider"), Some(HIS), Some(HIS)).unwrap();
    let container = Setup::for_provider(&machine, &isp).user("his", HIS).start();
    container.exec("her", "sendmail friend@away.example", MAIL).good();
    wait_for("the mail", || isp.received() == 1);
    container.exec("his", "postrider status", b"").good();
    let users = container.exec("root", "ps -o user= -C postrider", b"").printed;
    assert!(users.split_whitespace().all(|user| user == "his"), "{users}");
}

#[test]
fn other_containers_submit_to_a_listener_of_the_environment() {
    if !can_run() {
        return;
    }
    let isp = Provider::setup().rule(on(Verb::Quit).reply("221 bye")).start();
    let machine = Machine::new();
    let container = Setup::for_provider(&machine, &isp)
        .variable("LISTEN", "127.0.0.1:0")
        .variable("LISTEN_TLS", "none")
        .variable("LISTEN_TRUST", "container")
        .variable("CLIENT_NETWORKS", "127.0.0.0/8")
        .variable("CLIENT_OWNER", "root")
        .variable("CLIENT_ACCOUNT", "container")
        .variable("CLIENT_SENDERS", "@homebox.home.lan")
        .start();
    let mut smtp = BufReader::new(TcpStream::connect(("127.0.0.1", container.port())).unwrap());
    let dialogue = [
        "EHLO app",
        "MAIL FROM:<app@homebox.home.lan>",
        "RCPT TO:<friend@away.example>",
        "DATA",
        "Subject: x\r\n\r\nx\r\n.",
        "QUIT",
    ];
    let mut replies = String::new();
    for line in [""].into_iter().chain(dialogue) {
        if !line.is_empty() {
            smtp.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        }
        while smtp.read_line(&mut replies).unwrap() > 0 && replies.lines().last().unwrap().as_bytes()[3] == b'-' {}
    }
    assert!(replies.contains("\n354 ") && replies.contains("\n221 "), "{replies}");
    wait_for("the mail of the other container", || isp.received() == 1);
    wait_for_empty_queue(&container);
}
