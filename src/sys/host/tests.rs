//! Unit tests of `sys::host`.

use super::*;

#[test]
fn the_full_name_comes_from_the_node_or_the_hosts_file() {
    let hosts =
        "127.0.0.1 localhost localhost.localdomain tiny\n# 127.0.1.1 box.wrong box\n127.0.1.1 Box.home.lan box # me\n";
    for (node, name) in [
        ("box.example", "box.example"),
        ("box", "Box.home.lan"),
        ("tiny", "tiny"),
        ("other", "other"),
        ("", "localhost"),
    ] {
        assert_eq!(full_name(node, hosts), name);
    }
    assert!(!this_machine().is_empty());
}
