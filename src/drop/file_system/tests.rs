//! Unit tests of `file_system`.

use super::is_known;

#[test]
fn only_file_systems_that_promise_it_are_known() {
    let mount = |system: &str| format!("42 27 7:0 / /spool rw,relatime - {system}");
    for known in ["xfs /dev/sda1 rw,attr2", "btrfs /dev/sda1 rw,ssd,subvol=/spool"] {
        assert!(is_known(&mount(known)), "{known}");
    }
    for unknown in [
        "xfs /dev/sda1 rw,nobarrier",
        "btrfs /dev/sda1 rw,nobarrier",
        "ext4 /dev/sda1 rw,barrier=0",
        "ext3 /dev/sda1 rw",
        "ext2 /dev/sda1 rw",
        "f2fs /dev/sda1 rw",
        "overlay overlay rw",
        "tmpfs tmpfs rw",
        "nfs4 host:/ rw",
        // No such device.
        "ext4 /dev/sda1 rw",
        "",
    ] {
        assert!(!is_known(&mount(unknown).replace("7:0", "999999:0")), "{unknown}");
    }
    assert!(!is_known("") && !is_known("42 27 7:0 / /spool rw"));
}
