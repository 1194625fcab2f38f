//! Unit tests of `sys::user`.
#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn the_full_name_is_the_first_comma_part_with_the_login_for_an_ampersand() {
    for (gecos, login, name) in [
        ("His Name,Room 1,123", "his", "His Name"),
        ("", "his", ""),
        (",,,", "his", ""),
        ("& Daemon", "mail", "Mail Daemon"),
        ("&", "ölga", "Ölga"),
        ("  Spaced  ,x", "a", "Spaced"),
        ("&", "", ""),
    ] {
        assert_eq!(full_name(gecos, login), name, "{gecos:?}");
    }
}

#[test]
fn the_caller_is_the_effective_uid() {
    let caller = Caller::current();
    assert_eq!(caller.uid, Uid::effective().as_raw());
    assert!(!caller.login.is_empty());
    if caller.uid == 0 {
        assert_eq!(caller.login, "root");
    }
}

#[test]
fn the_file_says_the_same_as_the_name_service() {
    let file = fs::read(PASSWD).unwrap();
    for uid in [0, 1, Uid::effective().as_raw()] {
        let Some(user) = name_service::user_of(uid) else { continue };
        let gecos = user.gecos.to_string_lossy().into_owned();
        assert_eq!(Caller::in_file(uid, &file), Some(Caller::from_entry(uid, user.name, &gecos, user.dir)));
    }
}

#[test]
fn a_line_of_the_file_that_is_none_is_passed_over() {
    let file =
        b"# a comment\n#his:x:7:7::/:\n+you:x:7:7::/:\n-me:x:7:7::/:\n+::::::\nbroken:x:7\nno:x:seven:7::/:\n:x:7:7::/:\nher:x:7:7:Her Name,,:/home/her:/bin/sh\n";
    let her = Caller::in_file(7, file).unwrap();
    assert_eq!((her.login.as_str(), her.full_name.as_str()), ("her", "Her Name"));
    assert_eq!(her.home, Some(PathBuf::from("/home/her")));
    assert_eq!(Caller::in_file(8, file), None);
    assert_eq!(Caller::in_file(7, b"his:x:7:7:Rob:relative:").unwrap().home, None);
}

#[test]
fn a_uid_without_an_entry_has_a_login_all_the_same() {
    let caller = Caller::without_entry(1234);
    assert_eq!((caller.login.as_str(), caller.home), ("uid1234", None));
}

#[test]
fn at_secure_is_found_in_the_vector() {
    let vector = |pairs: &[(usize, usize)]| -> Vec<u8> {
        pairs.iter().flat_map(|(k, v)| [k.to_ne_bytes(), v.to_ne_bytes()].concat()).collect()
    };
    assert!(secure_in(&vector(&[(6, 4096), (23, 1), (0, 0)])));
    assert!(!secure_in(&vector(&[(6, 4096), (23, 0), (0, 0)])));
    assert!(!secure_in(&vector(&[(1, 23), (23, 0)])));
    assert!(secure_in(b""));
    assert!(secure_in(b"\x17"));
    assert!(environment_is_trusted());
}

#[test]
fn people_are_those_who_log_in() {
    let lines = [
        ("alice:x:1000:1000:Alice:/home/alice:/bin/bash", Some("alice")),
        ("bob:x:20001:20001::/home/bob:", Some("bob")),
        ("root:x:0:0:root:/root:/bin/bash", None),
        ("nobody:x:65534:65534::/:/bin/sh", None),
        ("git:x:1001:1001::/srv/git:/usr/sbin/nologin", None),
        ("#alice", None),
    ];
    for (line, expected) in lines {
        assert_eq!(person(line).as_deref(), expected, "{line}");
    }
}
