//! Another beginning: a Debian with Exim, and mail in its queue.

use crate::container::Container;
use crate::package_life::{Home, ready};

/// Debian's usual mail program makes room, with nothing of its own lost, and apt is content.
#[test]
fn exim_is_replaced_and_what_waits_in_its_queue_is_mentioned() {
    if !ready() {
        return;
    }
    let home = Home::new(Container::start_without_systemd);
    home.ok("cd exim && apt-get -y --no-install-recommends install ./*.deb");
    // It must not send what is to wait.
    home.ok("/etc/init.d/exim4 stop");
    home.ok("printf 'Subject: of Exim\\n\\n' | runuser -u bob -- sendmail -odq -i friend@away.example");
    assert_eq!(home.ok("exim4 -bpc").trim(), "1");
    let told = home.ok("apt-get -y install ./old.deb && apt-get check");
    assert!(told.contains("Removing exim4-daemon-light"), "{told}");
    let mentioned = "1 message of Exim is left in /var/spool/exim4/input; postrider does not send it";
    assert!(told.contains(mentioned), "{told}");
    home.ok("grep -q POSTRIDER_CONFIG /usr/sbin/sendmail && ls /var/spool/exim4/input/*-D");
    assert!(!home.ok("apt-get -y install ./new.deb").contains("of Exim is left"), "once is enough");
}
