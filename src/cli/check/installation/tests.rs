//! Unit tests of `cli::check::installation`.
#![allow(clippy::unwrap_used)]

use super::*;

fn right() -> People {
    People {
        runner: Some((900, 900)),
        runner_group: Some((900, vec![])),
        drop_group: Some((901, vec![RUNNER.into()])),
        logins: vec![("root".into(), 0), (RUNNER.into(), 900)],
    }
}

#[test]
fn every_fault_of_users_and_groups_has_its_command() {
    assert!(right().faults().is_empty(), "{:?}", right().faults());
    let alice = || vec!["alice".to_owned()];
    for (people, command) in [
        (People { drop_group: None, ..right() }, "groupadd --system postrider-drop"),
        (People { runner_group: None, ..right() }, "groupadd --system postrider\""),
        (People { runner: None, ..right() }, "useradd --system --gid postrider --home-dir /var/spool/postrider"),
        (People { runner: Some((0, 900)), ..right() }, "another uid"),
        (People { runner: Some((900, 100)), ..right() }, "usermod -g postrider postrider"),
        (People { drop_group: Some((901, vec![])), ..right() }, "usermod -a -G postrider-drop postrider"),
        (People { runner_group: Some((900, alice())), ..right() }, "gpasswd -d alice postrider"),
        (People { logins: vec![("bob".into(), 901)], ..right() }, "usermod -g nogroup bob"),
    ] {
        let faults = people.faults();
        assert!(faults.len() == 1 && faults[0].contains(command), "{command}: {faults:?}");
    }
}

#[test]
fn a_place_is_there_is_what_it_should_be_and_whose() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("drop");
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let place = Place { path: path.clone(), kind: Kind::Folder, owner: RUNNER, group: DROP_GROUP, mode: 0o1770 };
    let said = |uid| place.fault(fs::symlink_metadata(&path).ok().as_ref(), uid, gid).unwrap_or_default();
    let shown = path.display();
    let make = format!("install -d -m 1770 -o postrider -g postrider-drop {shown}\"");
    assert!(said(uid).ends_with(&format!("is missing; run \"{make}")));
    std::os::unix::fs::symlink("/", &path).unwrap();
    assert!(said(uid).ends_with(&format!("is not a directory; run \"mv {shown} {shown}.aside && {make}")));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    rustix::fs::chmod(&path, 0o777.into()).unwrap();
    assert!(said(uid).ends_with(&format!("has mode 0777, not 1770; run \"chmod 1770 {shown}\"")));
    let own = format!("run \"chown postrider:postrider-drop {shown} && chmod 1770 {shown}\"");
    assert!(said(uid + 1).ends_with(&own), "{}", said(uid + 1));
    rustix::fs::chmod(&path, 0o1770.into()).unwrap();
    assert_eq!(said(uid), "");
}

#[test]
fn few_mapped_uids_are_told() {
    assert_eq!(unmapped("         0          0 4294967295\n"), None);
    assert_eq!(unmapped("0 1000 1\n1 100000 65536\n"), None);
    assert_eq!(unmapped(""), None);
    assert!(unmapped("0 1000 1\n1 100000 1000\n").unwrap().contains("maps only 1001 uids"));
}
