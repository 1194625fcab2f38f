//! Unit tests of `config::secret::file`.
#![allow(clippy::unwrap_used)]
use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn only_a_file_that_nobody_else_reads_is_used() {
    for (regular, owner, mode, objected) in [
        (true, 1000, 0o100_600, None),
        (true, 1000, 0o100_400, None),
        (true, 0, 0o100_600, None),
        (true, 1000, 0o100_640, Some(Objection::Open)),
        (true, 1000, 0o100_604, Some(Objection::Open)),
        (true, 1000, 0o100_620, Some(Objection::Open)),
        (true, 1001, 0o100_600, Some(Objection::Owner(1001, 1000))),
        (false, 1000, 0o10_600, Some(Objection::NotRegular)),
    ] {
        let file = SecretStat { regular, owner, is_runners: false, mode };
        assert_eq!(objection(file, 1000), objected, "{owner} {mode:o}");
    }
    for (mode, objected) in
        [(0o640, None), (0o660, Some(Objection::OpenToOthers)), (0o644, Some(Objection::OpenToOthers))]
    {
        let file = SecretStat { regular: true, owner: 0, is_runners: true, mode };
        assert_eq!(objection(file, 1000), objected, "{mode:o} with the runner's group");
    }
}

#[test]
fn a_file_is_read_at_the_moment_of_use() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("isp");
    let said = |path: &Path| fetch(path).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said(&path).contains("chmod 600"), "{}", said(&path));
    fs::write(&path, "hunter2\nuser: me\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let message = said(&path);
    assert!(message.contains("chmod 600") && !message.contains("hunter2"), "{message}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(fetch(&path).unwrap().expose(), "hunter2");
    assert!(said(dir.path()).contains("not a regular file"));
}
