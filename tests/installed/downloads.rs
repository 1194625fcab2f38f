//! What contrib/release makes beside the package: the tarball, used as its README says; and the package in the place of that of an
//! earlier release.

use crate::container::Container;
use crate::container::wait_for;
use crate::package_life::{ADDRESS, Home, extras, ready};
use support::provider::{Verb, on};

/// Mail that waits while the new version comes.
const FULL: usize = 300;

#[test]
fn the_programs_of_the_tarball_are_installed_and_send() {
    if !ready() {
        return;
    }
    let home = Home::new(Container::start_without_systemd);
    home.container.copy(&extras().join("programs.tar.gz"), "/srv");
    home.ok("tar -xzf programs.tar.gz && mv postrider-*-linux-* unpacked && rm programs.tar.gz");
    home.ok("cd unpacked && contrib/install.sh && cp contrib/init.d/postrider /etc/init.d/");
    home.container.ok_with("postrider init", &home.answers());
    home.ok("/etc/init.d/postrider start");
    home.sends("bob", "of the tarball");
    let mail = home.arrives("of the tarball");
    assert_eq!((mail.username(), mail.from.as_str()), (ADDRESS, ADDRESS));
    // bob is known by the password file, and the server by its name.
    assert!(mail.text().contains("(postrider, from userid "), "{}", mail.text());
    home.ok(&format!("postrider test --server localhost:{}", home.isp().port()));
    home.ok("postrider check && unpacked/contrib/install.sh --uninstall --purge");
}

#[test]
fn an_upgrade_from_an_earlier_release_keeps_a_full_queue_and_what_conf_d_has() {
    if !ready() {
        return;
    }
    let home = Home::new(Container::boot);
    home.ok("apt-get -y install ./previous.deb && apt-get check");
    home.container.ok_with("install -m 640 -g postrider /dev/stdin /etc/postrider/secrets/site", "correct horse\n");
    let site = format!(
        "# Ours.\ngeneric = [{{ \"@homebox.home.lan\" = \"{ADDRESS}\" }}]\n\n[account.site]\nrelay = \"[127.0.0.1]:{}\"\n\
         username = \"{ADDRESS}\"\npassword = {{ file = \"secrets/site\" }}\nmax_connections = 4\n",
        home.isp().port()
    );
    home.container.ok_with("install -m 640 -g postrider /dev/stdin /etc/postrider/conf.d/site.toml", &site);
    home.container.ok_with("cat >>/etc/postrider/config.toml", "\n# Ours as well.\npostmaster = \"root\"\n");
    home.isp().add(on(Verb::Mail).reply("451 4.3.0 not just now"));
    home.ok(&format!(
        "for i in $(seq {FULL}); do printf \"Subject: full $i\\n\\n\" | runuser -u bob -- sendmail friend@away.example; done"
    ));
    wait_for("the queue to be full", || (home.waiting() == FULL).then_some(()));
    let kept = "cat /etc/postrider/config.toml /etc/postrider/conf.d/site.toml; \
                stat -c '%n %a %U %G' /etc/postrider/* /etc/postrider/*/*";
    let (config, queued) = (home.ok(kept), home.ok("postrider queue list --json | sort"));
    home.ok("systemctl stop postrider.service postrider.socket");
    home.sends("alice", "of alice before it");
    home.ok("apt-get -y install ./old.deb && apt-get check && systemctl is-active postrider.socket postrider.service");
    assert_eq!(home.ok(kept), config);
    wait_for("the one in the drop folder", || (home.waiting() == FULL + 1).then_some(()));
    assert_eq!(queued.lines().count(), FULL);
    home.behave();
    home.arrives("of alice before it");
    wait_for("the queue to be empty", || (home.waiting() == 0).then_some(()));
    for number in 1..=FULL {
        home.arrives(&format!("full {number}"));
    }
    home.ok("postrider check");
}
