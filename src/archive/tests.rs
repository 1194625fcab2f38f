//! Whole archives, torn ones, and names that lead elsewhere.

use std::io::{Seek as _, SeekFrom};

use super::*;

fn archive() -> File {
    let mut writer = ArchiveWriter::new(tempfile::tempfile().unwrap(), 0);
    writer.add("config/config.toml", 5, &b"12345"[..]).unwrap();
    writer.add(&format!("spool/{}", "x".repeat(300)), 1000, &[7; 2000][..]).unwrap();
    let mut file = writer.finish().unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

/// One with this entry and a checksum that fits.
fn with(header: impl FnOnce(&mut tar::Header), name: &[u8]) -> File {
    let mut writer = ArchiveWriter::new(tempfile::tempfile().unwrap(), 0);
    let mut entry = tar::Header::new_gnu();
    entry.set_entry_type(tar::EntryType::Regular);
    entry.set_mode(0o600);
    entry.set_size(0);
    entry.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name);
    header(&mut entry);
    entry.set_cksum();
    writer.tar.append(&entry, io::empty()).unwrap();
    let mut file = writer.finish().unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

#[test]
fn what_is_written_is_read() {
    let archive = Archive::open(archive()).unwrap();
    assert_eq!(archive.below("config").collect::<Vec<_>>(), ["config.toml"]);
    assert_eq!(archive.read("config/config.toml", 5).unwrap().unwrap(), b"12345");
    assert!(archive.read("config/config.toml", 4).is_err());
    assert_eq!(archive.size_below("spool"), 1000);
}

#[test]
fn a_torn_or_changed_one_is_refused_wherever_it_is_torn() {
    let whole = archive();
    let length = whole.metadata().unwrap().len();
    let copy = |length: u64| {
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        whole.read_exact_at(&mut bytes, 0).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    };
    assert!(Archive::open(copy(length)).is_ok());
    for length in (0..length).step_by(97) {
        assert!(Archive::open(copy(length)).is_err(), "torn at {length}");
    }
    for at in (0..length - END).step_by(61) {
        let changed = copy(length);
        let mut octet = [0];
        changed.read_exact_at(&mut octet, at).unwrap();
        changed.write_all_at(&[octet[0] ^ 1], at).unwrap();
        // What fills the block behind the sum is nobody's.
        if at < length - END - BLOCK + 64 {
            assert!(Archive::open(changed).is_err(), "changed at {at}");
        }
    }
}

#[test]
fn names_that_lead_elsewhere_links_and_devices_are_refused() {
    for name in ["/etc/passwd", "../x", "config/../../x", "config/.hidden", "config//x", "a\nb", "", "./x"] {
        let refused = Archive::open(with(|_| (), name.as_bytes()));
        assert!(refused.is_err(), "{name:?}");
    }
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Directory,
        tar::EntryType::Fifo,
        tar::EntryType::Char,
    ] {
        let linked = |header: &mut tar::Header| {
            header.set_entry_type(kind);
            header.as_gnu_mut().unwrap().linkname[..11].copy_from_slice(b"/etc/passwd");
        };
        assert!(matches!(Archive::open(with(linked, b"config/x")), Err(ArchiveError::Foreign(_))), "{kind:?}");
    }
    assert!(Archive::open(with(|_| (), b"config/x")).is_ok());
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error() {
    let mut writer = ArchiveWriter::new(tempfile::tempfile().unwrap(), 0);
    assert!(writer.add("x", 5, &b"123"[..]).is_err());
}
