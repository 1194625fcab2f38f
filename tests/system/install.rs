//! contrib/install.sh for real, below DESTDIR, beside another mail program, twice, and away again.

use std::fs;
use std::path::Path;

use crate::machine::{MAILBOX_PROGRAM, Machine, PROGRAM, can_run, can_run_with};

fn is_there(machine: &Machine, path: &str) -> bool {
    fs::symlink_metadata(machine.path(path)).is_ok()
}

#[test]
fn what_is_installed_works_is_told_and_may_be_installed_again() {
    if !can_run() {
        return;
    }
    let machine = Machine::bare();
    let told = machine.install("").good().printed;
    for path in [
        PROGRAM,
        "/usr/sbin/sendmail",
        "/usr/lib/sendmail",
        "/usr/bin/mailq",
        "/usr/bin/postrider",
        "/etc/postrider/config.toml",
    ] {
        assert!(is_there(&machine, path), "{path}");
        assert!(told.contains(path), "{path} is told: {told}");
    }
    assert_eq!(machine.standing(PROGRAM), (0, machine.gid("postrider-drop"), 0o2755));
    assert_eq!(machine.standing(MAILBOX_PROGRAM), (0, 0, 0o755));
    assert_eq!(machine.standing("/var/spool/postrider/drop").2, 0o1770);
    assert_eq!(machine.standing("/var/lib/postrider").2, 0o700);
    assert!(is_there(&machine, "/usr/share/man/man8/sendmail.8"));
    assert!(is_there(&machine, "/usr/share/man/ja/man8/sendmail.8"));
    fs::write(machine.path("/etc/postrider/config.toml"), "# mine\n").unwrap();
    fs::write(machine.path("/var/spool/postrider/queue/waits"), "").unwrap();
    let again = machine.install("").good().printed;
    assert!(again.contains("/etc/postrider/config.toml is left unchanged"), "{again}");
    assert_eq!(fs::read_to_string(machine.path("/etc/postrider/config.toml")).unwrap(), "# mine\n");
    let stays = machine.install("--uninstall").good().printed;
    assert!(stays.contains("Kept: /etc/postrider, /var/spool/postrider"), "{stays}");
    for path in [
        PROGRAM,
        MAILBOX_PROGRAM,
        "/usr/lib/systemd/system/postrider-mailbox.socket",
        "/usr/lib/systemd/system/postrider-mailbox@.service",
        "/usr/sbin/sendmail",
        "/usr/lib/sendmail",
        "/usr/bin/mailq",
        "/usr/bin/postrider",
        "/usr/share/man/man8/sendmail.8",
        "/usr/share/man/ja/man8/sendmail.8",
    ] {
        assert!(!is_there(&machine, path), "{path} is left");
    }
    assert!(is_there(&machine, "/etc/postrider/config.toml") && is_there(&machine, "/var/spool/postrider/queue/waits"));
    machine.install("--uninstall --purge").good();
    for path in
        ["/etc/postrider", "/var/lib/postrider", "/var/spool/postrider", "/run/postrider", "/usr/libexec/postrider"]
    {
        assert!(!is_there(&machine, path), "{path} is left");
    }
    let people = ["passwd", "group"].map(|name| fs::read_to_string(machine.path("/etc").join(name)).unwrap()).concat();
    assert!(!people.contains("postrider"));
}

#[test]
fn another_mail_programs_names_are_taken_only_if_that_is_asked_for_and_are_given_back() {
    if !can_run() {
        return;
    }
    let machine = Machine::bare();
    let other = "printf '#!/bin/sh\\necho other\\n' >/usr/sbin/sendmail; chmod 755 /usr/sbin/sendmail; \
                 for name in /usr/lib/sendmail /usr/bin/mailq; do ln -s ../sbin/sendmail $name; done";
    machine.sh("root", other, b"").good();
    let refused = machine.install("");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.said.contains(
        "these files belong to another mail program:\n/usr/bin/mailq\n/usr/lib/sendmail\n/usr/sbin/sendmail\n"
    ));
    assert!(refused.said.contains("--move-aside"), "{refused:?}");
    assert!(
        !is_there(&machine, "/usr/bin/postrider") && !is_there(&machine, "/var/spool/postrider"),
        "nothing was done"
    );
    let told = machine.install("--move-aside").good().printed;
    assert!(told.contains("/usr/sbin/sendmail -> /usr/sbin/sendmail.aside"), "{told}");
    assert_eq!(machine.sh("root", "/usr/sbin/sendmail.aside", b"").good().printed, "other\n");
    assert!(!machine.sh("root", "postrider check", b"").printed.contains("error: "));
    machine.install("--uninstall").good();
    assert_eq!(machine.sh("his", "mailq", b"").good().printed, "other\n");
    assert!(!is_there(&machine, "/usr/sbin/sendmail.aside"));
}

#[test]
fn a_name_that_an_earlier_diversion_left_in_dpkgs_database_is_moved_aside_and_given_back() {
    if !can_run_with(&["dpkg-divert"]) {
        return;
    }
    let machine = Machine::bare();
    let other = "dpkg-divert --local --no-rename --divert /usr/sbin/sendmail.aside --add /usr/sbin/sendmail; \
                 printf '#!/bin/sh\necho other\n' >/usr/sbin/sendmail; chmod 755 /usr/sbin/sendmail";
    machine.sh("root", other, b"").good();
    machine.install("--move-aside").good();
    assert_eq!(machine.sh("root", "/usr/sbin/sendmail.aside", b"").good().printed, "other\n");
    machine.install("--uninstall").good();
    assert_eq!(machine.sh("root", "/usr/sbin/sendmail", b"").good().printed, "other\n");
    assert_eq!(machine.sh("root", "dpkg-divert --list '*sendmail*'", b"").printed, "");
}

/// Another mail program as a package, installed by dpkg.
const PACKAGE: &str = r"set -e
mkdir -p /run/other/DEBIAN /run/other/usr/sbin /run/other/usr/bin
printf 'Package: other-mta\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x.example>\nDescription: x\n' >/run/other/DEBIAN/control
printf '#!/bin/sh\necho other\n' >/run/other/usr/sbin/sendmail
chmod 755 /run/other/usr/sbin/sendmail
ln -s ../sbin/sendmail /run/other/usr/bin/mailq
dpkg-deb --build /run/other /run/other.deb
dpkg --force-all -i /run/other.deb
";

#[test]
fn a_package_that_is_removed_or_comes_back_takes_nothing_of_ours_with_it() {
    if !can_run_with(&["dpkg", "dpkg-deb", "dpkg-divert"]) {
        return;
    }
    let machine = Machine::bare();
    machine.sh("root", PACKAGE, b"").good();
    assert_eq!(machine.sh("his", "mailq", b"").good().printed, "other\n");
    machine.install("--move-aside").good();
    let is_ours =
        |machine: &Machine| machine.sh("root", "grep -l POSTRIDER_CONFIG /usr/sbin/sendmail", b"").code == Some(0);
    // An update, the removal, and the package once more.
    for command in
        ["dpkg --force-all -i /run/other.deb", "dpkg --force-all -P other-mta", "dpkg --force-all -i /run/other.deb"]
    {
        machine.sh("root", command, b"").good();
        assert!(is_ours(&machine) && is_there(&machine, "/usr/bin/mailq"), "after {command}");
        assert!(!machine.sh("root", "postrider check", b"").printed.contains("error: "));
    }
    machine.install("--uninstall").good();
    assert_eq!(machine.sh("his", "mailq", b"").good().printed, "other\n");
    assert_eq!(machine.sh("root", "dpkg-divert --list '*sendmail*'; dpkg-divert --list '*mailq*'", b"").printed, "");
    // The package is whole.
    machine.sh("root", "dpkg --verify other-mta && dpkg --force-all -P other-mta", b"").good();
    assert!(!is_there(&machine, "/usr/sbin/sendmail") && !is_there(&machine, "/usr/bin/mailq"));
}

#[test]
fn below_destdir_everything_is_put_and_what_cannot_be_owned_is_told() {
    if !can_run() {
        return;
    }
    let machine = Machine::bare();
    let told = machine.install_with("DESTDIR=/home/stage", "").good().printed;
    let staged = |path: &str| Path::new("/home/stage").join(path.trim_start_matches('/')).to_str().unwrap().to_owned();
    for path in
        [PROGRAM, "/usr/sbin/sendmail", "/usr/bin/mailq", "/etc/postrider/config.toml", "/var/spool/postrider/drop"]
    {
        assert!(is_there(&machine, &staged(path)), "{path}");
        assert!(!is_there(&machine, path), "{path} is outside");
    }
    // Set-group-id to root's group would be worse than none.
    assert_eq!(machine.standing(&staged(PROGRAM)), (0, 0, 0o755));
    let wanted = format!("chown root:postrider-drop {PROGRAM} && chmod 2755 {PROGRAM}");
    assert!(told.lines().any(|line| line.trim() == wanted), "{told}");
    // An ordinary user may stage as well.
    machine
        .sh("his", "DESTDIR=/home/his/stage sh /run/ours/source/contrib/install.sh --programs /run/ours/programs", b"")
        .good();
    assert_eq!(machine.standing(&format!("/home/his/stage{PROGRAM}")).2, 0o755);
    machine.install_with("DESTDIR=/home/stage", "--uninstall --purge").good();
    assert_eq!(machine.sh("root", "find /home/stage -type f -o -type l", b"").good().printed, "");
}

#[test]
fn programs_built_for_another_place_are_not_installed() {
    if !can_run() {
        return;
    }
    let machine = Machine::bare();
    let refused = machine.install_with("PREFIX=/usr/local", "");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.said.contains("POSTRIDER_DROP=/usr/local/libexec/postrider/postrider-drop cargo build --release"),
        "{refused:?}"
    );
    // Built for it, they stand below it, and the names that everybody calls lead there.
    let program = "sed -i 's,/usr/libexec/postrider/postrider-drop,/opt/libexec/postrider/postrider-drop,' /run/ours/programs/postrider";
    machine.sh("root", program, b"").good();
    machine.sh("root", "mkdir /run/opt; mount --bind /run/opt /opt", b"").good();
    machine.install_with("PREFIX=/opt", "").good();
    assert_eq!(machine.standing("/opt/libexec/postrider/postrider-drop").2, 0o2755);
    assert_eq!(fs::read_link(machine.path("/usr/sbin/sendmail")).unwrap(), Path::new("/opt/sbin/sendmail"));
    assert!(is_there(&machine, "/opt/bin/mailq"));
}
