//! Unit tests of `sys::unnamed_file`.

use std::io::{Read, Seek, Write};

use super::*;

#[test]
fn a_file_without_a_name_is_on_disk_or_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    for folders in [&[Path::new("/nowhere"), dir.path()][..], &[Path::new("/nowhere")]] {
        let mut file = create_in(folders).unwrap();
        file.write_all(b"text").unwrap();
        file.rewind().unwrap();
        let mut read = String::new();
        file.read_to_string(&mut read).unwrap();
        assert_eq!(read, "text");
    }
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);
}
