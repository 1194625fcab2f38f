//! What a machine has, so that what was installed on it can be seen to have gone without a trace.

use std::collections::BTreeSet;

use crate::package_life::Home;

/// Every file, user and unit of the machine.
pub fn everything(home: &Home) -> BTreeSet<String> {
    let told = home.ok(
        "find / -xdev -path /proc -prune -o -path /sys -prune -o -path /var/log -prune -o -path /var/cache -prune \
         -o -path /var/lib/dpkg -prune -o -path /var/lib/apt -prune -o -path /tmp -prune -o -path /var/tmp -prune -o -path /root -prune \
         -o -print; cut -d: -f1 /etc/passwd | sed s/^/user:/; cut -d: -f1 /etc/group | sed s/^/group:/; find /run -path '*postrider*'",
    );
    told.lines().map(str::to_owned).collect()
}

pub fn nothing_is_left(home: &Home, before: &BTreeSet<String>) {
    let after = everything(home);
    let left: Vec<&String> = after.difference(before).filter(|path| !is_the_systems(path)).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    let told = home.ok("test ! -d /run/systemd/system || systemctl --no-legend --all list-units 'postrider*'");
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
