//! From nothing to the first mail by one command with nobody to ask: the package with its questions answered beforehand, Ansible, and
//! cloud-init, with the examples in contrib.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::container::Container;
use crate::package_life::{ADDRESS, Home, PASSWORD, extras, ready};
use crate::traces::{everything, nothing_is_left};

/// How long it may take, the boot of a machine included.
const SOON: Duration = Duration::from_mins(1);

/// A file of contrib.
fn contrib(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(path)).unwrap()
}

impl Home {
    /// Does what begins it all; root's first mail must be at the provider in time.
    fn reaches_its_first_mail(&self, act: impl FnOnce() -> String) -> String {
        let begun = Instant::now();
        let told = act();
        self.ok("printf 'Subject: the first\\n\\nhello\\n' | sendmail root");
        let mail = self.arrives("the first");
        let took = begun.elapsed();
        assert_eq!((mail.username(), mail.from.as_str(), &mail.to[..]), (ADDRESS, ADDRESS, &[ADDRESS.to_owned()][..]));
        println!("{} s to the first mail", took.as_secs());
        assert!(took < SOON, "{took:?}");
        told
    }

    /// Puts answers into debconf's database, as an installer does.
    fn preseeds(&self, answers: &[(&str, &str)]) {
        let lines = answers.iter().map(|(question, answer)| {
            let kind = if *question == "password" { "password" } else { "string" };
            format!("postrider postrider/{question} {kind} {answer}\n")
        });
        self.container.ok_with("debconf-set-selections", &lines.collect::<String>());
    }

    /// That debconf has forgotten the password, in its files as well.
    #[track_caller]
    fn debconf_has_no(&self, password: &str) {
        assert!(!self.ok("debconf-show postrider").contains(password));
        self.ok(&format!("! grep -r '{password}' /var/cache/debconf /var/log /tmp /var/tmp"));
        let stored = self.ok("cat /etc/postrider/secrets/debconf; stat -c '%a %U %G' /etc/postrider/secrets/debconf");
        assert_eq!(stored, format!("{password}\n640 root postrider\n"));
    }
}

#[test]
fn a_package_whose_questions_were_answered_beforehand_sends_at_once_and_forgets_the_password() {
    if !ready() {
        return;
    }
    let home = Home::new(Container::boot);
    let before = everything(&home);
    let relay = format!("127.0.0.1:{}", home.isp().port());
    home.preseeds(&[("relay", &relay), ("username", ADDRESS), ("password", PASSWORD), ("root_mail", ADDRESS)]);
    let told = home.reaches_its_first_mail(|| home.ok("apt-get -y install ./old.deb"));
    assert!(told.contains("\"postrider test\" tests that") && !told.contains("run \"postrider init\""), "{told}");
    home.debconf_has_no(PASSWORD);
    home.ok("postrider test");
    let as_packaged = || home.ok("dpkg --verify postrider");
    assert_eq!(as_packaged(), "", "config.toml is the administrator's");
    let file = "/etc/postrider/conf.d/debconf.toml";
    assert_eq!(home.ok(&format!("stat -c '%a %U %G' {file}")), "640 root postrider\n");

    // What the administrator writes there stays, over upgrades and questions about something else.
    home.ok(&format!("echo 'max_per_minute = 20 # mine' >>{file} && postrider config path"));
    let written = home.ok(&format!("cat {file}"));
    home.ok("apt-get -y install ./new.deb && dpkg-reconfigure -fnoninteractive postrider");
    assert_eq!(home.ok(&format!("cat {file}")), written);
    reconfigured_by_hand(&home, file);
    reconfigured_by_a_machine(&home, file);
    assert_eq!(as_packaged(), "");

    // A file that somebody has taken away does not come back.
    home.ok(&format!("rm {file} && apt-get -y install --reinstall ./new.deb && ! test -e {file}"));
    home.ok("apt-get -y purge postrider && apt-get check && ! debconf-show postrider | grep .");
    nothing_is_left(&home, &before);
}

/// The questions on a terminal, in an editor that shows what is written as the proposed answers: another password, and root's mail
/// elsewhere.
fn reconfigured_by_hand(home: &Home, file: &str) {
    home.isp().change_password("battery staple");
    let editor = "#!/bin/sh\ncat \"$1\" >>/srv/asked\nsed -i -e 's/^postrider.password=.*/postrider\\/password=\"battery staple\"/' \
                  -e 's/^postrider.root_mail=.*/postrider\\/root_mail=\"admin@away.example\"/' \"$1\"\n";
    home.container.ok_with("install -m 755 /dev/stdin /srv/editor", editor);
    home.ok("env -u DEBIAN_FRONTEND EDITOR=/srv/editor TERM=dumb script -qec 'dpkg-reconfigure -feditor postrider' /dev/null");
    let asked = home.ok("cat /srv/asked && rm /srv/asked /srv/editor");
    let proposed = |question: &str, answer: &str| format!("postrider/{question}=\"{answer}\"");
    for (question, answer) in [
        ("relay", format!("127.0.0.1:{}", home.isp().port()).as_str()),
        ("username", ADDRESS),
        ("password", ""),
        ("root_mail", ADDRESS),
    ] {
        assert!(asked.contains(&proposed(question, answer)), "{question}: {asked}");
    }
    home.debconf_has_no("battery staple");
    let written = home.ok(&format!("cat {file}"));
    assert!(written.contains("virtual = [{ \"root\" = \"admin@away.example\" }]"), "{written}");
    assert!(home.ok(&format!("cat {file}.dpkg-old")).contains("# mine"), "what was there is kept aside");
    home.ok("printf 'Subject: of root to its admin\\n\\n' | sendmail root");
    let mail = home.arrives("of root to its admin");
    assert_eq!((mail.from.as_str(), &mail.to[..]), (ADDRESS, &["admin@away.example".to_owned()][..]));
}

/// Another server, by answers that nobody types; it keeps its password.
fn reconfigured_by_a_machine(home: &Home, file: &str) {
    let relay = format!("localhost:{}", home.isp().port());
    home.preseeds(&[("relay", &relay), ("username", ADDRESS), ("root_mail", ADDRESS)]);
    home.ok("DEBIAN_FRONTEND=noninteractive dpkg-reconfigure postrider");
    let written = home.ok(&format!("cat {file}"));
    assert!(written.contains(&format!("relay = \"[localhost]:{}\"", home.isp().port())), "{written}");
    assert!(!written.contains("virtual"), "{written}");
    home.sends("bob", "through another server");
    home.arrives("through another server");
    // An answer that cannot be used changes nothing, and does not stop the package manager.
    home.preseeds(&[("relay", "mail isp:x"), ("username", ADDRESS), ("password", "hunter2")]);
    let told = home.ok("DEBIAN_FRONTEND=noninteractive dpkg-reconfigure postrider");
    assert!(told.contains("no account was set up from the answers") && told.contains("--relay"), "{told}");
    assert_eq!(home.ok(&format!("cat {file}")), written);
    home.debconf_has_no("battery staple");
}

#[test]
fn ansible_installs_the_package_and_an_account_and_changes_nothing_twice() {
    if !ready() {
        return;
    }
    let home = Home::new(Container::boot);
    home.container.copy(&extras().join("python"), "/srv");
    home.container.copy(&extras().join("ansible"), "/srv");
    home.ok("cd python && apt-get -y --no-install-recommends install ./*.deb");
    let playbook = format!(
        "PYTHONPATH=/srv/ansible python3 -m ansible playbook --inventory localhost, --connection local \
         --extra-vars 'postrider_package=/srv/old.deb postrider_relay=127.0.0.1:{}' clone/contrib/ansible/site.yml",
        home.isp().port()
    );
    let told = home.reaches_its_first_mail(|| home.ok(&playbook));
    assert!(!told.contains(PASSWORD), "{told}");
    for (owned, mode) in
        [("secrets/provider", "640 root postrider\n"), ("conf.d/provider.toml", "640 root postrider\n")]
    {
        assert_eq!(home.ok(&format!("stat -c '%a %U %G' /etc/postrider/{owned}")), mode, "{owned}");
    }
    let again = home.ok(&playbook);
    assert!(again.contains("changed=0"), "{again}");
    let elsewhere = playbook.replace("--extra-vars '", "--extra-vars 'postrider_root_mail=admin@away.example ");
    assert!(home.ok(&elsewhere).contains("changed=1"));
    home.ok("printf 'Subject: of root to its admin\\n\\n' | sendmail root");
    assert_eq!(home.arrives("of root to its admin").to, ["admin@away.example"]);
    // What does not fit is told, and by Ansible as well.
    home.ok("printf '[account.provider]\\nrelay = \"[a.example]\"\\n' >/etc/postrider/conf.d/theirs.toml");
    let failed = home.container.run(&playbook);
    let told = String::from_utf8_lossy(&failed.stdout);
    assert!(!failed.status.success() && told.contains("[account.provider] is also in"), "{told}");
}

#[test]
fn a_machine_that_cloud_init_sets_up_mails_after_its_first_boot() {
    if !ready() {
        return;
    }
    let mut home = Home::new(Container::boot);
    home.container.copy(&extras().join("cloud-init"), "/srv");
    home.container.copy(&extras().join("apt"), "/srv");
    home.ok("cd cloud-init && apt-get -y --no-install-recommends install ./*.deb");
    home.ok("cloud-init schema --config-file clone/contrib/cloud-init/user-data");
    // Nothing can be downloaded here, no network be set up, and no locale be made.
    home.ok(": >/etc/apt/sources.list && mkdir -p /var/lib/cloud/seed/nocloud");
    home.container.write(
        "/etc/cloud/cloud.cfg.d/99-here.cfg",
        "datasource_list: [NoCloud]\nnetwork: {config: disabled}\napt: {preserve_sources_list: true}\nlocale: false\n",
    );
    let key = fs::read_to_string(extras().join("apt/postrider.asc")).unwrap();
    let user_data = contrib("cloud-init/user-data")
        .replace("https://packages.example.org/postrider", "file:/srv/apt")
        .replace("[mail.isp.example]:587", &format!("[127.0.0.1]:{}", home.isp().port()));
    let is_of_key =
        |line: &&str| line.trim_start().starts_with("-----") || line.contains("put the key of the repository");
    let place = user_data.lines().position(|line| is_of_key(&line)).unwrap();
    let mut lines: Vec<String> = user_data.lines().filter(|line| !is_of_key(line)).map(str::to_owned).collect();
    lines.splice(place..place, key.lines().map(|line| format!("        {line}").trim_end().to_owned()));
    home.container.write("/var/lib/cloud/seed/nocloud/user-data", &(lines.join("\n") + "\n"));
    home.container.write("/var/lib/cloud/seed/nocloud/meta-data", "instance-id: homebox-1\nlocal-hostname: homebox\n");
    home.ok("cloud-init schema --config-file /var/lib/cloud/seed/nocloud/user-data");
    home.container.shut_down();

    let begun = Instant::now();
    home.container.boot();
    let status = home.container.run("cloud-init status --wait --long; cat /var/log/cloud-init-output.log");
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("status: done"), "{status}");
    let mail = home.arrives("homebox is up");
    println!("{} s from the boot to the first mail", begun.elapsed().as_secs());
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!((mail.username(), mail.from.as_str(), &mail.to[..]), (ADDRESS, ADDRESS, &[ADDRESS.to_owned()][..]));
    assert_eq!(home.ok("stat -c '%a %U %G' /etc/postrider/secrets/provider"), "640 root postrider\n");
    // The repository's signature was checked, and the package came from there.
    let policy = home.ok("apt-cache policy postrider");
    assert!(policy.contains("file:/srv/apt"), "{policy}");
}
