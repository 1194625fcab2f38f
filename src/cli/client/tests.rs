//! Clients from the command line: made passwords and stored keys.

use std::collections::BTreeSet;

use super::*;

#[test]
fn a_made_password_is_long_and_of_letters_that_nobody_mistakes() {
    let made: BTreeSet<String> = (0..50).map(|_| made().unwrap().expose().to_owned()).collect();
    assert_eq!(made.len(), 50);
    assert!(made.iter().all(|one| one.len() == LENGTH && one.bytes().all(|letter| LETTERS.contains(&letter))));
    assert!(!LETTERS.iter().any(|letter| b"0o1il".contains(letter)));
}

#[test]
fn stored_keys_are_of_the_password_for_each_mechanism() {
    let Setting::Texts(keys) = keys(&Secret::new("pen=cil,".to_owned())).unwrap() else { panic!("a list") };
    let keys: Vec<StoredKeys> = keys.iter().map(|text| StoredKeys::parse(text).unwrap()).collect();
    assert_eq!(keys.iter().map(|keys| keys.hash).collect::<Vec<_>>(), [ScramHash::Sha256, ScramHash::Sha1]);
    assert!(keys.iter().all(|keys| keys.is_of("pen=cil,") && !keys.is_of("pencil") && keys.salt.len() == 16));
    assert_ne!(keys[0].salt, keys[1].salt);
}

#[test]
fn what_helps_where_a_file_cannot_be_written_fits_who_asks() {
    let denied = io::Error::from(io::ErrorKind::PermissionDenied);
    let (machines, own) = (Path::new("/etc/postrider/conf.d/client-a.toml"), Path::new("/home/me/x/client-a.toml"));
    if rustix::process::geteuid().is_root() {
        assert!(
            hint(&denied, machines).contains("lsattr -d /etc/postrider/conf.d") && !hint(&denied, own).contains("sudo")
        );
    } else {
        assert!(hint(&denied, machines).contains("use sudo"));
        assert!(hint(&denied, own).contains("give this user write access to /home/me/x"));
    }
    assert!(hint(&io::ErrorKind::ReadOnlyFilesystem.into(), own).contains("mounted read-only"));
    assert_eq!(hint(&io::ErrorKind::StorageFull.into(), own), "");
}
