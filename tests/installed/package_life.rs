//! One machine's life, from the first `apt install` to `apt purge`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::container::{Container, TREE, wait_for};
use crate::traces::{everything, nothing_is_left};
use support::provider::{Certificate, Mail, Provider, Verb, on};

/// The folder with `old.deb`, `new.deb` and logwatch's package.
const PACKAGES: &str = "POSTRIDER_PACKAGES";

/// What `postrider init` is answered; the port is the provider's.
pub const ADDRESS: &str = "me@isp.example";
pub const PASSWORD: &str = "correct horse";

/// alice's own login there.
const HERS: &str = "alice@work.example";

const README: &str = include_str!("../../README.md");

pub struct Home {
    pub container: Container,
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
    /// A machine with the packages at hand, and a provider in its network.
    pub fn new(start: fn(&mut Container)) -> Self {
        let mut container = Container::new();
        container.copy(&packages().join("."), "/srv");
        clone(&container);
        start(&mut container);
        let isp = container.in_network(|| {
            let names = ["localhost", "127.0.0.1", "isp.home.lan"].map(str::to_owned).into();
            let setup = Provider::setup().certificate(Certificate::For(names));
            setup.login(ADDRESS, PASSWORD).login(HERS, "battery staple").start()
        });
        let home = Self { container, isp: Some(isp) };
        people(&home);
        home
    }

    /// What `init` is answered.
    pub fn answers(&self) -> String {
        format!("{ADDRESS}\n127.0.0.1:{}\n\n{PASSWORD}\n", self.isp().port())
    }

    pub fn isp(&self) -> &Provider {
        self.isp.as_ref().expect("it is there until the end")
    }

    #[track_caller]
    pub fn ok(&self, script: &str) -> String {
        self.container.ok(script)
    }

    /// The mail with this subject, once it has arrived; exactly one.
    #[track_caller]
    pub fn arrives(&self, subject: &str) -> Mail {
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
    pub fn sends(&self, login: &str, subject: &str) {
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

    pub fn behave(&self) {
        self.isp().behave();
        self.ok("postrider flush");
    }

    /// Two mails wait, and a third is still in drop/, since the service is stopped.
    fn leaves_mail_everywhere(&self, before: &str) {
        self.refuse();
        self.sends("alice", &format!("of alice before {before}"));
        self.sends("root", &format!("of root before {before}"));
        wait_for("both to be tried", || (self.ok("mailq").matches("451").count() == 2).then_some(()));
        self.ok("systemctl stop postrider.socket postrider.service");
        self.sends("bob", &format!("of bob before {before}"));
        assert_eq!(self.ok("ls /var/spool/postrider/drop").lines().count(), 1);
    }

    #[track_caller]
    fn all_arrive(&self, before: &str) {
        for (login, username) in [("alice", HERS), ("root", ADDRESS), ("bob", ADDRESS)] {
            assert_eq!(self.arrives(&format!("of {login} before {before}")).username(), username, "{login}");
        }
    }

    #[track_caller]
    pub fn waiting(&self) -> usize {
        self.ok("postrider queue list --json").lines().count()
    }
}

#[test]
fn a_bare_debian_learns_to_mail_and_forgets_it_without_a_trace() {
    if !ready() {
        return;
    }
    let mut home = Home::new(Container::boot);
    let before = everything(&home);

    first_hour(&home);
    installed_as_designed(&home);
    everybody_mails_through_their_own_account(&home);
    units_without_rights_mail_as_who_they_are(&home);
    mail_starts_a_service_that_is_stopped(&home);
    a_user_has_a_config_of_her_own(&home);
    a_broken_config_loses_nothing(&home);
    a_reboot_loses_nothing(&mut home);
    an_upgrade_loses_nothing(&home);
    logwatch_reads_the_journal(&home);
    home.ok("apt-get -y purge postrider logwatch && apt-get check");
    nothing_is_left(&home, &before);
    installed_without_a_package(&home);
    nothing_is_left(&home, &before);
    assert_eq!(home.isp().violations(), Vec::<String>::new());
}

/// Whether there is what a machine is made of.
pub fn ready() -> bool {
    let is_there = std::env::var_os(TREE).is_some();
    if !is_there {
        eprintln!("left out: it wants a Debian and packages; tests/installed/run makes them");
    }
    is_there
}

/// What other machines have beside the packages: Ansible, cloud-init, an apt repository and a tarball.
pub fn extras() -> PathBuf {
    packages().with_file_name("extras")
}

fn packages() -> PathBuf {
    PathBuf::from(std::env::var_os(PACKAGES).expect("the packages come with the tree"))
}

/// People, and a machine that trusts the test's authority.
fn people(home: &Home) {
    for login in ["alice", "bob", "carol"] {
        home.ok(&format!("useradd --create-home --shell /bin/sh {login}"));
    }
    home.container.write("/usr/local/share/ca-certificates/isp.crt", home.isp().authority());
    home.ok("update-ca-certificates");
}

/// A clone of the project as it is once it has been built.
fn clone(container: &Container) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir_all(container.path("/srv/clone/target/release")).unwrap();
    for folder in ["contrib", "man"] {
        container.copy(&project.join(folder), "/srv/clone");
    }
    for program in ["postrider", "sendmail", "postrider-drop", "postrider-mailbox"] {
        container.copy(&project.join("target/release").join(program), "/srv/clone/target/release");
    }
}

/// The commands of a section of the README, but for those that build.
fn commands(section: &str) -> Vec<&'static str> {
    let section = README.split(&format!("\n## {section}\n")).nth(1).expect("the README has the section");
    let block = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("it has commands");
    block.lines().filter(|line| !line.starts_with("cargo build")).collect()
}

/// The commands of the README, one by one, as they stand there.
fn first_hour(home: &Home) {
    let commands = commands("From a bare Debian to cron's first mail");
    assert!(commands.len() <= 5, "{commands:?}");
    for command in commands {
        let command = command.replace("./postrider_*.deb", "./old.deb").replace("apt ", "apt-get -y ");
        let answers = home.answers();
        let input = if command.ends_with("postrider init") { answers.as_str() } else { "" };
        let told = home.container.ok_with(&command, input);
        println!("# {command}\n{told}");
        if command.contains("old.deb") {
            assert!(told.contains("next, as root, run \"postrider init\""), "{told}");
            before_it_is_filled_in(home);
        }
    }
    // Nobody had to tell the runner of what `init` wrote.
    assert_eq!(home.arrives("before it was filled in").username(), ADDRESS);
    // Cron looks once a minute.
    let mail = wait_for("cron's mail", || {
        home.isp().mails().into_iter().find(|mail| mail.field("Subject").starts_with("Cron <root@homebox>"))
    });
    let to = [ADDRESS.to_owned()];
    assert_eq!((mail.from.as_str(), mail.to.as_slice(), mail.username()), (ADDRESS, &to[..], ADDRESS));
    home.ok("rm /etc/cron.d/hello && apt-get -y --no-install-recommends install ./logwatch.deb && apt-get check");
}

/// The packaged config is valid and sends nothing; mail waits for an account.
fn before_it_is_filled_in(home: &Home) {
    home.ok("systemctl is-active postrider.socket postrider.service");
    home.ok("systemctl is-enabled postrider.socket postrider.service");
    let check = home.container.run("postrider check");
    assert_eq!(check.status.code(), Some(1), "{}", String::from_utf8_lossy(&check.stdout));
    home.sends("bob", "before it was filled in");
    let status = home.container.run("postrider status");
    assert_ne!(status.status.code(), Some(0), "somebody is needed: {}", String::from_utf8_lossy(&status.stdout));
    assert_eq!((home.waiting(), home.isp().connections()), (1, 0));
}

fn installed_as_designed(home: &Home) {
    let modes = home.ok(
        "cd /var/spool/postrider && stat -c '%n %a %U %G' . drop queue failed history /usr/libexec/postrider/postrider-drop \
         /usr/libexec/postrider/postrider-mailbox /etc/postrider/secrets /etc/postrider/config.toml /var/lib/postrider",
    );
    let expected = ". 711 postrider postrider\ndrop 1770 postrider postrider-drop\nqueue 700 postrider postrider\n\
                    failed 700 postrider postrider\nhistory 700 postrider postrider\n\
                    /usr/libexec/postrider/postrider-drop 2755 root postrider-drop\n\
                    /usr/libexec/postrider/postrider-mailbox 755 root root\n/etc/postrider/secrets 750 root postrider\n\
                    /etc/postrider/config.toml 640 root postrider\n/var/lib/postrider 700 postrider postrider\n";
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

/// alice has an account of her own in the machine's config, which is for her alone; cron's mail of root and of her, and what she sends,
/// leave by the accounts of those whose it is, under their names.
fn everybody_mails_through_their_own_account(home: &Home) {
    let account = format!(
        "\n[account.work]\nrelay = \"[127.0.0.1]:{}\"\nusername = \"{HERS}\"\npassword = {{ file = \"secrets/work\" }}\n\
         senders = [\"alice@homebox.home.lan\"]\nfrom = \"{HERS}\"\nusers = [\"alice\"]\n",
        home.isp().port()
    );
    home.container.ok_with("install -m 640 -g postrider /dev/stdin /etc/postrider/secrets/work", "battery staple\n");
    home.container.ok_with("cat >>/etc/postrider/config.toml", &account);
    home.ok("sed -i '1i default_account = \"isp\"' /etc/postrider/config.toml && postrider check");
    // Cron runs @reboot jobs once; a restart of it is no reboot.
    home.ok("echo '@reboot echo of root' | crontab - && echo '@reboot echo of alice' | runuser -u alice -- crontab -");
    home.ok("rm -f /run/crond.reboot && systemctl restart cron");
    for (login, uid, username, to) in [("root", "0", ADDRESS, ADDRESS), ("alice", "1000", HERS, ADDRESS)] {
        let mail = wait_for(&format!("cron's mail of {login}"), || {
            let of = |mail: &Mail| mail.text().trim_end().ends_with(&format!("\nof {login}"));
            home.isp().mails().into_iter().find(of)
        });
        assert_eq!((mail.username(), mail.from.as_str(), &mail.to[..]), (username, username, &[to.to_owned()][..]));
        assert_eq!(mail.field("Subject"), format!("Cron <{login}@homebox> echo of {login}"));
        assert!(mail.text().contains(&format!("(postrider, from userid {uid})")), "{}", mail.text());
    }
    home.ok("crontab -r && runuser -u alice -- crontab -r");
    home.ok("echo hello | runuser -u alice -- mail -s 'of mailutils' friend@away.example");
    assert_eq!(home.arrives("of mailutils").username(), HERS);
    // bob cannot have her account by her address.
    let told = home.container.run(
        "printf 'Subject: not his\\n\\n' | runuser -u bob -- sendmail -f alice@homebox.home.lan friend@away.example",
    );
    assert_eq!(told.status.code(), Some(77), "{told:?}");
}

/// No set-id bit has an effect in these, and nothing can be written; one has a uid that nobody else has.
fn units_without_rights_mail_as_who_they_are(home: &Home) {
    for (name, user, username) in
        [("of-bob", "User=bob", ADDRESS), ("of-alice", "User=alice", HERS), ("of-nobody", "DynamicUser=yes", ADDRESS)]
    {
        unit(home, name, user);
        home.ok(&format!("systemctl start {name}.service"));
        assert_eq!(home.arrives(name).username(), username, "{name}");
    }
}

/// A service of this user's that writes a mail and has no right that it does not need for that.
fn unit(home: &Home, name: &str, user: &str) {
    let unit = format!(
        "[Service]\nType=oneshot\n{user}\nNoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\n\
         PrivateDevices=yes\nRestrictSUIDSGID=yes\nCapabilityBoundingSet=\n\
         ExecStart=/bin/sh -c \"printf 'To: friend@away.example\\nSubject: {name}\\n\\n' | /usr/sbin/sendmail -t\"\n"
    );
    home.container.ok_with(&format!("cat >/run/systemd/system/{name}.service && systemctl daemon-reload"), &unit);
}

/// The socket is the service manager's, so mail comes in while there is no runner, and starts one.
fn mail_starts_a_service_that_is_stopped(home: &Home) {
    let before = home.ok("stat -c %i /run/postrider/submit");
    home.ok("systemctl stop postrider.service && ! systemctl --quiet is-active postrider.service");
    unit(home, "of-bob-to-nobody", "User=bob");
    home.ok("systemctl start of-bob-to-nobody.service");
    home.arrives("of-bob-to-nobody");
    home.ok("systemctl is-active postrider.socket postrider.service");
    // A runner that had made a socket of its own would have replaced it.
    assert_eq!(before, home.ok("stat -c %i /run/postrider/submit"));
    assert_eq!(home.ok("ls /var/spool/postrider/drop"), "");
    // With neither, mail waits where the drop program stores it.
    home.ok("systemctl stop postrider.socket postrider.service");
    home.sends("bob", "of bob to the drop");
    home.ok("systemctl start postrider.socket postrider.service");
    home.arrives("of bob to the drop");
}

/// carol has her own config instead of the machine's, and the unit that `init` left, which runs once she may stay.
fn a_user_has_a_config_of_her_own(home: &Home) {
    let mut told = String::new();
    for command in commands("For yourself alone") {
        told += &home.container.ok_with(&format!("runuser -l carol -c 'cd /srv/clone && {command}'"), &home.answers());
    }
    assert!(told.contains("wrote /home/carol/.config/systemd/user/postrider.service"), "{told}");
    home.ok("systemctl stop postrider.socket postrider.service");
    home.sends("carol", "of carol");
    assert_eq!(home.arrives("of carol").from, ADDRESS);
    home.ok("systemctl start postrider.socket postrider.service && loginctl enable-linger carol");
    let manager = "runuser -u carol -- env XDG_RUNTIME_DIR=/run/user/$(id -u carol) systemctl --user";
    wait_for("her service manager", || {
        home.container.run(&format!("{manager} is-system-running")).status.success().then_some(())
    });
    home.ok(&format!("{manager} enable --now postrider.service && {manager} is-active postrider.service"));
    home.sends("carol", "of the runner of carol");
    home.arrives("of the runner of carol");
    home.ok("loginctl disable-linger carol && runuser -u carol -- rm -r /home/carol/.config /home/carol/.local");
}

fn a_broken_config_loses_nothing(home: &Home) {
    home.ok("cp -p /etc/postrider/config.toml /root/good.toml && echo 'what = [is this' >>/etc/postrider/config.toml");
    home.ok("systemctl restart postrider.service && systemctl is-active postrider.service");
    home.sends("bob", "with a broken config");
    unit(home, "of-alice-with-a-broken-config", "User=alice");
    home.ok("systemctl start of-alice-with-a-broken-config.service");
    let status = home.container.run("postrider status");
    assert_eq!(status.status.code(), Some(2), "status shouts: {}", String::from_utf8_lossy(&status.stdout));
    // A runner that ends meanwhile has them all the same.
    home.ok("systemctl restart postrider.service");
    home.ok("cat /root/good.toml >/etc/postrider/config.toml && rm /root/good.toml");
    home.arrives("with a broken config");
    assert_eq!(home.arrives("of-alice-with-a-broken-config").username(), HERS);
}

fn a_reboot_loses_nothing(home: &mut Home) {
    home.leaves_mail_everywhere("the reboot");
    home.container.shut_down();
    home.container.boot();
    home.ok("systemctl is-active postrider.socket postrider.service");
    home.behave();
    home.all_arrive("the reboot");
}

fn an_upgrade_loses_nothing(home: &Home) {
    home.leaves_mail_everywhere("the upgrade");
    let config =
        "cat /etc/postrider/config.toml; stat -c '%a %U %G' /etc/postrider/config.toml /etc/postrider/secrets/*";
    let (before, old) = (home.ok(config), home.ok("dpkg-query -W postrider"));
    home.ok("apt-get -y install ./new.deb && apt-get check && systemctl is-active postrider.socket postrider.service");
    assert_ne!(old, home.ok("dpkg-query -W postrider"));
    assert_eq!(before, home.ok(config));
    wait_for("the drop to be picked up", || (home.waiting() == 3).then_some(()));
    home.behave();
    home.all_arrive("the upgrade");
    // One that finds a broken config is one all the same.
    home.ok("cp -p /etc/postrider/config.toml /root/good.toml && echo 'what = [is this' >>/etc/postrider/config.toml");
    home.ok("apt-get -y install --reinstall ./new.deb && systemctl is-active postrider.socket postrider.service");
    home.sends("bob", "after the second upgrade");
    home.ok("cat /root/good.toml >/etc/postrider/config.toml && rm /root/good.toml");
    home.arrives("after the second upgrade");
}

fn logwatch_reads_the_journal(home: &Home) {
    let report = home.ok("logwatch --service postfix --range all --detail high --output stdout");
    assert!(report.contains("Sent via SMTP") && report.contains("Accepted"), "{report}");
    assert!(!report.contains("nmatched"), "{report}");
}

/// By contrib/install.sh, as the README says for systems without a package, and away again.
fn installed_without_a_package(home: &Home) {
    for command in commands("On any other system") {
        let command = command.trim_start_matches("sudo ");
        home.container.ok_with(&format!("cd /srv/clone && {command}"), &home.answers());
    }
    let check = home.container.run("postrider check");
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stdout));
    home.sends("bob", "without a package");
    home.arrives("without a package");
    unit(home, "of-bob-without-a-package", "User=bob");
    home.ok("systemctl start of-bob-without-a-package.service");
    home.arrives("of-bob-without-a-package");
    home.ok("cd /srv/clone && contrib/install.sh --uninstall --purge");
}
