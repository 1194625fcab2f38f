//! One machine's life, from the first `apt install` to `apt purge`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::container::{Container, TREE, wait_for};
use crate::provider::{Mail, Provider, Verb, on};

/// The folder with `old.deb`, `new.deb` and logwatch's package.
const PACKAGES: &str = "POSTRIDER_PACKAGES";

/// What `postrider init` is answered; the port is the provider's.
const ADDRESS: &str = "me@isp.example";
const PASSWORD: &str = "correct horse";

const README: &str = include_str!("../../README.md");

struct Home {
    container: Container,
    isp: Option<Provider>,
}

impl Drop for Home {
    fn drop(&mut self) {
        // It knocks at its own door.
        let isp = self.isp.take();
        self.container.in_network(move || drop(isp));
    }
}

impl Home {
    fn isp(&self) -> &Provider {
        self.isp.as_ref().expect("it is there until the end")
    }

    #[track_caller]
    fn ok(&self, script: &str) -> String {
        self.container.ok(script)
    }

    /// The mail with this subject, once it has arrived; exactly one.
    #[track_caller]
    fn arrives(&self, subject: &str) -> Mail {
        let found = |isp: &Provider| {
            let mails: Vec<Mail> = isp.mails().into_iter().filter(|mail| mail.field("Subject") == subject).collect();
            assert!(mails.len() < 2, "{subject} arrived twice");
            mails.into_iter().next()
        };
        let mut tries = 0;
        wait_for(subject, || {
            tries += 1;
            let mail = found(self.isp());
            if mail.is_none() && tries % 100 == 0 {
                eprintln!(
                    "{subject} is late:\n{}\n{}",
                    self.container.journal(),
                    self.ok("mailq; postrider status || :")
                );
            }
            mail
        })
    }

    /// A mail of somebody's, with nothing but a subject.
    #[track_caller]
    fn sends(&self, login: &str, subject: &str) {
        let script = format!(
            "printf 'Subject: {subject}\\n\\nhello\\n' | runuser -u {login} -- sendmail -i friend@away.example"
        );
        let told = self.ok(&script);
        assert_eq!(told, "", "success is silent");
    }

    /// The provider takes no mail until it behaves again.
    fn refuse(&self) {
        self.isp().add(on(Verb::Mail).reply("451 4.3.0 not just now"));
    }

    #[track_caller]
    fn waiting(&self) -> usize {
        self.ok("postrider queue list --json").lines().count()
    }
}

#[test]
fn a_bare_debian_learns_to_mail_and_forgets_it_without_a_trace() {
    if std::env::var_os(TREE).is_none() {
        eprintln!("left out: it wants a Debian and packages; tests/installed/run makes them");
        return;
    }
    let mut container = Container::new();
    for package in fs::read_dir(packages()).unwrap().map(Result::unwrap) {
        fs::copy(package.path(), container.path("/srv").join(package.file_name())).unwrap();
    }
    container.boot();
    let isp = container.in_network(|| {
        Provider::setup().login(ADDRESS, PASSWORD).login("alice@work.example", "battery staple").start()
    });
    let mut home = Home { container, isp: Some(isp) };
    people(&home);
    let before = everything(&home);

    first_hour(&home);
    installed_as_designed(&home);
    a_user_has_a_config_of_her_own(&mut home);
    an_upgrade_keeps_config_and_queue(&home);
    purged_without_a_trace(&home, &before);
    assert_eq!(home.isp().violations(), Vec::<String>::new());
}

fn packages() -> PathBuf {
    PathBuf::from(std::env::var_os(PACKAGES).expect("the packages come with the tree"))
}

/// People, and a machine that trusts the test's authority.
fn people(home: &Home) {
    home.ok("useradd --create-home --shell /bin/sh alice && useradd --create-home --shell /bin/sh bob");
    home.container.write("/usr/local/share/ca-certificates/isp.crt", home.isp().authority());
    home.ok("update-ca-certificates");
}

/// The commands of the README, one by one, as they stand there.
fn first_hour(home: &Home) {
    let section =
        README.split("\n## From a bare Debian to cron's first mail\n").nth(1).expect("the README has the section");
    let block = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("it has commands");
    let commands: Vec<&str> = block.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(commands.len() <= 5, "{commands:?}");
    let answers = format!("{ADDRESS}\n127.0.0.1:{}\n\n{PASSWORD}\n", home.isp().port());
    for command in commands {
        let command = command.replace("./postrider_*.deb", "./old.deb").replace("apt ", "apt-get -y ");
        let input = if command.ends_with("postrider init") { answers.as_str() } else { "" };
        let told = home.container.ok_with(&command, input);
        println!("# {command}\n{told}");
        if command.contains("old.deb") {
            before_it_is_filled_in(home);
        }
    }
    // Cron looks once a minute.
    let mail = wait_for("cron's mail", || {
        home.isp().mails().into_iter().find(|mail| mail.field("Subject").starts_with("Cron <root@homebox>"))
    });
    let to = [ADDRESS.to_owned()];
    assert_eq!((mail.from.as_str(), mail.to.as_slice(), mail.username()), (ADDRESS, &to[..], ADDRESS));
    home.ok("rm /etc/cron.d/hello && apt-get -y --no-install-recommends install ./logwatch.deb && apt-get check");
}

/// The packaged config is valid and sends nothing.
fn before_it_is_filled_in(home: &Home) {
    home.ok("systemctl is-active postrider.socket postrider.service");
    home.ok("systemctl is-enabled postrider.socket postrider.service");
    let check = home.container.run("postrider check");
    assert_eq!(check.status.code(), Some(1), "{}", String::from_utf8_lossy(&check.stdout));
    assert_eq!(home.isp().connections(), 0);
}

fn installed_as_designed(home: &Home) {
    let modes = home.ok(
        "cd /var/spool/postrider && stat -c '%n %a %U %G' . drop queue failed history /usr/libexec/postrider/postrider-drop \
         /etc/postrider/secrets /etc/postrider/config.toml",
    );
    let expected = ". 711 postrider postrider\ndrop 1770 postrider postrider-drop\nqueue 700 postrider postrider\n\
                    failed 700 postrider postrider\nhistory 700 postrider postrider\n\
                    /usr/libexec/postrider/postrider-drop 2755 root postrider-drop\n/etc/postrider/secrets 750 root postrider\n\
                    /etc/postrider/config.toml 640 root postrider\n";
    assert_eq!(modes, expected);
    for name in ["/usr/sbin/sendmail", "/usr/lib/sendmail", "/usr/bin/mailq", "/usr/bin/newaliases"] {
        home.ok(&format!("test -x {name}"));
    }
    let process = home.ok("ps -o user= -p $(systemctl show --value --property MainPID postrider.service)");
    assert_eq!(process.trim(), "postrider");
    home.ok("mailq && newaliases && postrider status");
    home.ok("! runuser -u bob -- cat /etc/postrider/config.toml 2>/dev/null");
    let check = home.container.run("postrider check");
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stdout));
}

/// alice has her own config, and the unit that `init` left, which runs once she may stay: cron's and her own mail leave by it, also what was
/// handed in before a reboot. The log is in the journal, where logwatch reads it.
fn a_user_has_a_config_of_her_own(home: &mut Home) {
    let answers = format!("{ADDRESS}\n127.0.0.1:{}\n\n{PASSWORD}\n", home.isp().port());
    let told = home.container.ok_with("runuser -u alice -- postrider init", &answers);
    assert!(told.contains("wrote /home/alice/.config/systemd/user/postrider.service"), "{told}");
    home.sends("alice", "of alice");
    assert_eq!(home.arrives("of alice").from, ADDRESS);

    // Cron runs @reboot jobs once; a restart of it is no reboot.
    home.ok("echo '@reboot echo of her cron' | runuser -u alice -- crontab -");
    home.ok("rm -f /run/crond.reboot && systemctl restart cron");
    wait_for("cron's mail", || {
        home.isp().mails().into_iter().find(|mail| mail.text().trim_end().ends_with("of her cron"))
    });
    home.ok("runuser -u alice -- crontab -r");

    home.refuse();
    home.sends("alice", "before the reboot");
    home.sends("root", "of root before the reboot");
    assert_eq!(home.ok("stat -c %U /var/spool/postrider/queue/*").split_whitespace().collect::<BTreeSet<_>>().len(), 1);
    home.container.shut_down();
    home.container.boot();
    home.ok("loginctl enable-linger alice");
    let manager = "runuser -u alice -- env XDG_RUNTIME_DIR=/run/user/$(id -u alice) systemctl --user";
    wait_for("her service manager", || {
        home.container.run(&format!("{manager} is-system-running")).status.success().then_some(())
    });
    home.isp().behave();
    home.ok(&format!("{manager} enable --now postrider.service && {manager} is-active postrider.service"));
    home.ok("runuser -u alice -- postrider flush");
    assert_eq!(home.arrives("before the reboot").username(), ADDRESS);
    home.ok("postrider flush");
    home.arrives("of root before the reboot");

    let report = home.ok("logwatch --service postfix --range all --detail high --output stdout");
    assert!(report.contains("Sent via SMTP") && report.contains("Accepted"), "{report}");
    assert!(!report.contains("nmatched"), "{report}");
    home.ok("loginctl disable-linger alice && runuser -u alice -- rm -r /home/alice/.config /home/alice/.local");
}

fn an_upgrade_keeps_config_and_queue(home: &Home) {
    home.refuse();
    home.sends("root", "queued before the upgrade");
    wait_for("it to be tried", || home.ok("mailq").contains("451").then_some(()));
    let config =
        "cat /etc/postrider/config.toml; stat -c '%a %U %G' /etc/postrider/config.toml /etc/postrider/secrets/*";
    let (before, old) = (home.ok(config), home.ok("dpkg-query -W postrider"));
    home.ok("apt-get -y install ./new.deb && apt-get check && systemctl is-active postrider.service");
    assert_ne!(old, home.ok("dpkg-query -W postrider"));
    assert_eq!(before, home.ok(config));
    assert_eq!(home.waiting(), 1);
    home.isp().behave();
    home.ok("postrider flush");
    home.arrives("queued before the upgrade");
}

/// Every file, user and unit of the machine.
fn everything(home: &Home) -> BTreeSet<String> {
    let told = home.ok(
        "find / -xdev -path /proc -prune -o -path /sys -prune -o -path /var/log -prune -o -path /var/cache -prune \
         -o -path /var/lib/dpkg -prune -o -path /var/lib/apt -prune -o -path /tmp -prune -o -path /var/tmp -prune -o -path /root -prune \
         -o -print; cut -d: -f1 /etc/passwd | sed s/^/user:/; cut -d: -f1 /etc/group | sed s/^/group:/; find /run -path '*postrider*'",
    );
    told.lines().map(str::to_owned).collect()
}

fn purged_without_a_trace(home: &Home, before: &BTreeSet<String>) {
    home.ok("apt-get -y purge postrider logwatch && apt-get check");
    let after = everything(home);
    let left: Vec<&String> = after.difference(before).filter(|path| !is_the_systems(path)).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    let told = home.ok("systemctl --no-legend --all list-units 'postrider*'");
    assert!(!told.contains("loaded active"), "{told}");
}

/// What the system writes of itself while it runs.
fn is_the_systems(path: &str) -> bool {
    let own = [
        "/var/lib/systemd",
        "/var/lib/pam",
        "/etc/passwd-",
        "/etc/group-",
        "/etc/shadow-",
        "/etc/gshadow-",
        "/var/spool/cron",
        "/var/mail",
    ];
    own.iter().any(|own| path.starts_with(own))
}
