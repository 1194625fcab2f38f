//! Lines of mountinfo.

use super::*;

#[test]
fn the_type_is_read_from_the_line_of_the_mount() {
    let mounts = "36 35 98:0 / / rw,noatime shared:1 - overlay overlay rw,lowerdir=/a\n\
                  361 36 0:5 / /var/spool rw - fuse.fuse-overlayfs x rw\n";
    assert_eq!(named(mounts, 36), Some("overlay"));
    assert_eq!(named(mounts, 361), Some("fuse.fuse-overlayfs"));
    assert_eq!(named(mounts, 3), None);
    assert!(file_system(Path::new("/proc/self")).is_ok_and(|kind| kind == "proc"));
}
