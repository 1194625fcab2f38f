//! Every file of contrib that a machine loads, loaded or parsed by the program that it is for: units, users, folders, profile, init
//! script, hooks, cron line, completions, example configs, maintainer scripts. (The package test boots a machine with most of them.)

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::config::{config_path, configure};
use crate::machine::Machine;
use crate::need;
use crate::provider::Provider;

fn contrib(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(name)
}

/// Runs a program that must succeed; gives what it printed on both streams.
#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {}\n{told}", output.status);
    told
}

#[test]
fn the_units_are_valid_and_the_service_is_exposed_by_less_than_two() {
    if !need::met(&["systemd-analyze"]) {
        return;
    }
    for unit in ["postrider.service", "postrider-mailbox@.service"] {
        let mut analyze = Command::new("systemd-analyze");
        let told = succeeds(analyze.args(["security", "--offline=yes"]).arg(contrib("systemd").join(unit)));
        let exposure =
            told.split("Overall exposure level for ").nth(1).and_then(|rest| rest.split(": ").nth(1)).unwrap();
        let exposure: f64 = exposure.split_whitespace().next().unwrap().parse().unwrap();
        assert!(exposure < 2.0, "{told}");
    }

    // With the program where this machine has it, since systemd looks for it.
    let folder = tempfile::tempdir().unwrap();
    let system = [
        "postrider.service",
        "postrider.socket",
        "postrider-drop.path",
        "postrider-submission.socket",
        "postrider-localhost.socket",
        "postrider-alarm.service",
        "postrider-alarm.timer",
        "postrider-mailbox.socket",
        "postrider-mailbox@.service",
        "postrider-report.service",
        "postrider-report.timer",
    ];
    for units in [&system[..], &["user/postrider.service"]] {
        let place = |unit: &&str| {
            let text = fs::read_to_string(contrib("systemd").join(unit)).unwrap();
            let placed = folder.path().join(unit.rsplit('/').next().unwrap());
            let programs = ["/usr/bin/postrider", "/usr/libexec/postrider/postrider-mailbox"];
            let text = programs.iter().fold(text, |text, name| text.replace(name, env!("CARGO_BIN_EXE_postrider")));
            fs::write(&placed, text).unwrap();
            placed
        };
        let placed: Vec<PathBuf> = units.iter().map(place).collect();
        let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(placed).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        // Of units of this machine it may have to say something.
        assert!(!told.contains("postrider"), "{units:?}: {told}");
    }
}

#[test]
fn users_and_folders_are_made_as_the_design_has_them() {
    if !need::met(&["systemd-sysusers", "systemd-tmpfiles"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = format!("--root={}", folder.path().display());
    fs::create_dir(folder.path().join("etc")).unwrap();
    succeeds(Command::new("systemd-sysusers").arg(&root).arg(contrib("sysusers.d/postrider.conf")));
    succeeds(Command::new("systemd-tmpfiles").arg(&root).arg("--create").arg(contrib("tmpfiles.d/postrider.conf")));

    let read = |name: &str| fs::read_to_string(folder.path().join("etc").join(name)).unwrap();
    let number = |name: &str, of: &str| {
        let text = read(name);
        let line = text.lines().find(|line| line.starts_with(&format!("{of}:"))).unwrap_or_else(|| panic!("{text}"));
        line.split(':').nth(2).unwrap().parse::<u32>().unwrap()
    };
    let (user, group) = (number("passwd", "postrider"), number("group", "postrider"));
    let drop = number("group", "postrider-drop");
    assert!(read("group").lines().any(|line| line.starts_with("postrider-drop:") && line.ends_with(":postrider")));
    let expected = [
        ("spool/postrider", 0o711, group),
        ("spool/postrider/drop", 0o1770, drop),
        ("spool/postrider/queue", 0o700, group),
        ("spool/postrider/failed", 0o700, group),
        ("spool/postrider/history", 0o700, group),
        ("lib/postrider", 0o700, group),
    ];
    for (name, mode, gid) in expected {
        let metadata = fs::metadata(folder.path().join("var").join(name)).unwrap();
        let owner =
            |of: &fs::Metadata| (std::os::unix::fs::MetadataExt::uid(of), std::os::unix::fs::MetadataExt::gid(of));
        assert_eq!((metadata.permissions().mode() & 0o7777, owner(&metadata)), (mode, (user, gid)), "{name}");
    }
}

#[test]
fn the_apparmor_profile_is_one() {
    if need::met(&["apparmor_parser"]) {
        succeeds(Command::new("apparmor_parser").args(["-Q", "-K"]).arg(contrib("apparmor/postrider")));
    }
}

#[test]
fn scripts_and_completions_are_what_their_shells_can_read() {
    if !need::met(&["bash", "zsh", "fish"]) {
        return;
    }
    let parse = |shell: &str, option: &str, name: &str| succeeds(Command::new(shell).arg(option).arg(contrib(name)));
    parse("bash", "-n", "completions/postrider.bash");
    parse("zsh", "-n", "completions/_postrider");
    parse("fish", "--no-execute", "completions/postrider.fish");
    for script in ["config", "postinst", "prerm", "postrm"] {
        parse("sh", "-n", &format!("debian/{script}"));
    }
    // What bash makes of a word that was begun.
    let script = format!(
        ". {}; COMP_WORDS=(postrider queue rel); COMP_CWORD=2; _postrider postrider rel queue; echo \"${{COMPREPLY[@]}}\"",
        contrib("completions/postrider.bash").display()
    );
    assert_eq!(succeeds(Command::new("bash").args(["-c", &script])).trim(), "release");
}

#[test]
fn a_machine_without_a_service_manager_sends_by_the_cron_line_and_when_the_network_comes_up() {
    if !need::met(&["cron"]) {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    configure(&machine, &provider, "his", "queue");
    // His own config instead of the machine's; and not in five minutes.
    let line = fs::read_to_string(contrib("cron.d/postrider")).unwrap();
    assert!(line.contains("\n*/5 * * * * postrider postrider run --until-empty\n"), "{line}");
    let line = line.replace("*/5 * * * * postrider", "@reboot his").replace("PATH=", "PATH=/usr/local/bin:");
    machine.succeeds("his", "sendmail", &["-i", "friend@elsewhere.example"], "Subject: by cron\n\n");
    machine.write("root", "/etc/cron.d/postrider", &line);
    machine.succeeds("root", "cron", &[], "");
    provider.wait_for_mail_to("friend@elsewhere.example");

    for (hook, environment) in [("if-up", "IFACE=eth0"), ("networkmanager", "CONNECTIVITY_STATE=FULL")] {
        let to = format!("{hook}@elsewhere.example");
        machine.succeeds("his", "sendmail", &["-i", &to], "Subject: by a hook\n\n");
        let hook = contrib(&format!("hooks/{hook}"));
        machine.succeeds("his", "env", &[environment, "sh", hook.to_str().unwrap(), "eth0", "up"], "");
        provider.wait_for_mail_to(&to);
    }
}

#[test]
fn the_init_script_starts_reloads_and_stops_the_runner() {
    if !need::met(&["start-stop-daemon"]) || !Path::new("/lib/lsb/init-functions").exists() {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    configure(&machine, &provider, "his", "queue");
    // He is the runner's user here, with his own config.
    let script = fs::read_to_string(contrib("init.d/postrider")).unwrap();
    let script = script
        .replace("/usr/bin/postrider", "/usr/local/bin/postrider")
        .replace("postrider:postrider", "his:his")
        .replace("--user postrider", "--user his")
        .replace("-o postrider -g postrider", "-o his -g his");
    machine.write("root", "/etc/init.d/postrider", &script);
    let act = |action: &str| machine.run("root", "sh", &["/etc/init.d/postrider", action], "");
    assert_eq!(act("status").status.code(), Some(3), "it is not running");
    for action in ["start", "start", "status", "reload"] {
        let output = act(action);
        assert!(output.status.success(), "{action}: {output:?}");
    }
    machine.succeeds("his", "sendmail", &["-i", "friend@elsewhere.example"], "Subject: by a daemon\n\n");
    provider.wait_for_mail_to("friend@elsewhere.example");
    for action in ["restart", "stop", "stop"] {
        let output = act(action);
        assert!(output.status.success(), "{action}: {output:?}");
    }
    assert_eq!(act("status").status.code(), Some(3), "it is not running any more");
}

#[test]
fn the_packaged_config_is_valid_and_says_that_an_account_is_missing() {
    if !need::met(&[]) {
        return;
    }
    let machine = Machine::new();
    machine.write("root", &config_path("root"), &fs::read_to_string(contrib("debian/config.toml")).unwrap());
    machine.succeeds("root", "postrider", &["config", "path"], "");
    let told = machine.run("root", "postrider", &["check"], "");
    let said = String::from_utf8_lossy(&told.stdout);
    assert!(!said.contains("error: /etc/postrider/config.toml"), "{said}");
    assert!(said.contains("/etc/postrider/config.toml has no [account.NAME]"), "{said}");
}

#[test]
fn another_mail_program_in_the_way_is_told_with_the_command_that_moves_it() {
    if !need::met(&[]) {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    configure(&machine, &provider, "root", "queue");
    let check = || {
        let told = machine.run("root", "postrider", &["check"], "").stdout;
        String::from_utf8(told).unwrap()
    };
    let words =
        "/usr/sbin/sendmail belongs to another mail program, which gets the mail of cron and all other programs";
    assert!(!check().contains(words), "{}", check());
    machine.succeeds("root", "mount", &["--bind", "/bin/true", "/usr/sbin/sendmail"], "");
    assert!(check().contains(words), "{}", check());
    assert!(check().contains("dpkg-divert --rename --add /usr/sbin/sendmail"), "{}", check());
    let manual = fs::read_to_string(contrib("../man/postrider-trouble.7")).unwrap();
    assert!(manual.replace('\n', " ").contains(words), "postrider-trouble(7) must show {words:?}");
}
