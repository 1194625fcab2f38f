//! Which folders need a drop-in.

use super::*;

#[test]
fn a_folder_outside_of_the_units_needs_a_drop_in_that_names_it() {
    let collector = Path::new("/var/lib/prometheus/node-exporter");
    assert!(!is_allowed(collector, ""));
    assert!(is_allowed(Path::new("/var/spool/postrider"), ""));
    assert!(!is_allowed(collector, "[Service]\nReadWritePaths=/var/lib/other\n"));
    for line in ["/var/lib/prometheus/node-exporter", "-/var/lib/prometheus", "/a /var/lib/prometheus/node-exporter"] {
        assert!(is_allowed(collector, &format!("[Service]\n ReadWritePaths={line}\n")), "{line}");
    }
    let advice = advice(collector);
    assert!(advice.contains("ReadWritePaths=/var/lib/prometheus/node-exporter\\n' >/etc/systemd/system/"), "{advice}");
}
