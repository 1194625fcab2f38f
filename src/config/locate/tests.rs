//! Unit tests of `config::locate`.
#![allow(clippy::unwrap_used)]
use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn caller(uid: u32, home: &Path) -> Caller {
    Caller { uid, login: "me".to_owned(), full_name: String::new(), home: Some(home.to_owned()) }
}

fn me(home: &Path) -> Caller {
    caller(rustix::process::geteuid().as_raw(), home)
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    // One that its owner may not write to may be there.
    let _ = fs::remove_file(path);
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

const GOOD: &str = "[account.isp]\nrelay = \"[smtp.example.com]\"\nusername = \"me\"\npassword = \"hunter2\"\n";

#[test]
fn named_comes_before_the_variable_before_ones_own_before_the_systems() {
    let home = Path::new("/home/me");
    let path = |text: &str| Some(PathBuf::from(text));
    assert_eq!(candidates(&caller(1000, home), path("/a"), path("/b")), [Candidate::Named("/a".into())]);
    assert_eq!(candidates(&caller(1000, home), None, path("/b")), [Candidate::Named("/b".into())]);
    assert_eq!(
        candidates(&caller(1000, home), None, None),
        [Candidate::Usual("/home/me/.config/postrider/config.toml".into()), Candidate::Usual(SYSTEM_CONFIG.into())]
    );
}

#[test]
fn root_never_takes_one_found_under_a_home() {
    assert_eq!(candidates(&caller(0, Path::new("/root")), None, None), [Candidate::Usual(SYSTEM_CONFIG.into())]);
}

#[test]
fn only_the_users_and_roots_files_are_trusted_and_roots_only_roots() {
    let path = Path::new("/x/config.toml");
    let verdict = |uid, owner, mode| trust(uid, path, ConfigStat { regular: true, owner, mode }).is_ok();
    for (uid, owner, mode, good) in [
        (1000, 1000, 0o600, true),
        (1000, 1000, 0o644, true),
        (1000, 0, 0o644, true),
        (1000, 1001, 0o600, false),
        (1000, 1000, 0o664, false),
        (1000, 1000, 0o602, false),
        (1000, 0, 0o666, false),
        (0, 0, 0o644, true),
        (0, 1000, 0o600, false),
        (0, 0, 0o620, false),
    ] {
        assert_eq!(verdict(uid, owner, mode), good, "uid {uid}, owner {owner}, mode {mode:o}");
    }
    let machines = Path::new("/etc/postrider/conf.d/10.toml");
    let by_runner =
        trust(990, machines, ConfigStat { regular: true, owner: 990, mode: 0o640 }).unwrap_err().to_string();
    assert!(by_runner.contains("as root, run \"chown root /etc/postrider/conf.d/10.toml\""), "{by_runner}");
    assert!(trust(0, path, ConfigStat { regular: false, owner: 0, mode: 0o600 }).is_err());
}

#[test]
fn refusals_name_the_command_that_mends_them() {
    let path = Path::new("/x/config.toml");
    let said = |uid, owner, mode| {
        trust(uid, path, ConfigStat { regular: true, owner, mode }).err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert!(said(1000, 1000, 0o664).contains("its group can write to it; run \"chmod go-w /x/config.toml\""));
    assert!(said(1000, 1001, 0o600).contains("chown 1000 /x/config.toml"));
    assert!(said(0, 1001, 0o600).contains("chown root /x/config.toml"));
}

#[test]
fn the_first_usual_place_with_a_file_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("own/config.toml"), dir.path().join("system/config.toml"));
    let candidates = [Candidate::Usual(first.clone()), Candidate::Usual(second.clone())];
    let taken = || load_first(&me(dir.path()), &candidates);
    assert!(matches!(taken(), Err(ConfigError::Missing(places)) if places == [first.clone(), second.clone()]));
    write(&second, GOOD, 0o600);
    assert_eq!(taken().unwrap().path, second);
    write(&first, GOOD, 0o600);
    assert_eq!(taken().unwrap().path, first);
    // One's own, if it cannot be used, is an error and not a reason to take another's.
    write(&first, GOOD, 0o620);
    assert!(matches!(taken(), Err(ConfigError::NotTrusted { path, .. }) if path == first));
}

#[test]
fn a_named_file_that_is_absent_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none.toml");
    let error = load_first(&me(dir.path()), &[Candidate::Named(missing.clone())]).unwrap_err();
    assert!(matches!(&error, ConfigError::Unreadable { path, .. } if *path == missing), "{error}");
}

#[test]
fn a_literal_password_wants_a_file_that_only_its_owner_reads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    for (mode, good) in [(0o600, true), (0o400, true), (0o644, false), (0o640, false), (0o604, false)] {
        write(&path, GOOD, mode);
        let read = load_first(&me(dir.path()), &[Candidate::Named(path.clone())]);
        assert_eq!(read.is_ok(), good, "{mode:o}");
        if let Err(error) = read {
            let said = error.to_string();
            assert!(said.contains(":4:12: ") && said.contains("chmod 600") && !said.contains("hunter2"), "{said}");
        }
    }
}

#[test]
fn folders_fifos_and_other_encodings_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let named = |path: &Path| load_first(&me(dir.path()), &[Candidate::Named(path.to_owned())]);
    assert!(matches!(named(dir.path()), Err(ConfigError::NotTrusted { .. })));
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(matches!(named(&fifo), Err(ConfigError::NotTrusted { .. })));
    let latin = dir.path().join("latin");
    fs::write(&latin, b"# a\nhostname = \"b\xe9\"\n").unwrap();
    let said = named(&latin).unwrap_err().to_string();
    assert!(said.ends_with(":2:14: invalid UTF-8: save the file as UTF-8"), "{said}");
}

#[test]
fn the_spool_follows_the_config() {
    let home = Some(Path::new("/home/me"));
    assert_eq!(default_spool(Path::new(SYSTEM_CONFIG), home), Some(PathBuf::from(places::SYSTEM_SPOOL)));
    assert_eq!(default_spool(Path::new("/x/c.toml"), home), Some("/home/me/.local/state/postrider".into()));
    assert_eq!(default_spool(Path::new("/x/c.toml"), None), None);
}

#[test]
fn files_of_conf_d_are_read_in_byte_order_and_checked_like_the_main_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    let load = || load_first(&me(dir.path()), &[Candidate::Named(path.clone())]).map_err(|error| error.to_string());
    let account = |name: &str| format!("[account.{name}]\nrelay = \"{name}.example.com\"\n");
    write(&path, GOOD, 0o600);
    let other = |name: &str| dir.path().join("conf.d").join(name);
    for (file, name) in
        [("b.toml", "b"), ("B.toml", "upper"), ("10.toml", "ten"), (".c.toml", "hidden"), ("d.tom", "d")]
    {
        write(&other(file), &account(name), 0o644);
    }
    let config = load().unwrap();
    let names: Vec<_> = config.accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["isp", "ten", "upper", "b"]);
    assert_eq!(config.others, ["10.toml", "B.toml", "b.toml"].map(other));

    write(&other("b.toml"), &account("b"), 0o664);
    assert!(load().unwrap_err().contains("conf.d/b.toml cannot be used: its group can write to it"));
    write(&other("b.toml"), "\u{0}", 0o600);
    assert!(load().unwrap_err().contains("conf.d/b.toml:1:1: not TOML"));
    write(&other("b.toml"), &account("b"), 0o600);
    fs::set_permissions(dir.path().join("conf.d"), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(load().unwrap_err().contains("conf.d cannot be used: its group and everybody can write to it"));
}

#[test]
fn a_file_of_conf_d_that_was_taken_away_is_no_fault_and_a_link_to_nowhere_is() {
    let dir = tempfile::tempdir().unwrap();
    assert!(open_listed(&dir.path().join("gone.toml")).unwrap().is_none());
    let link = dir.path().join("link.toml");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    assert!(open_listed(&link).unwrap_err().to_string().starts_with(&format!("cannot read {}", link.display())));
}

#[test]
fn a_link_to_nowhere_in_the_place_of_a_config_or_of_conf_d_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    let load = || load_first(&me(dir.path()), &[Candidate::Usual(path.clone())]).map_err(|error| error.to_string());
    assert!(load().unwrap_err().starts_with(&format!("cannot read {}", path.display())));
    write(&path, GOOD, 0o600);
    load().unwrap();
    for spoil in [
        |path: &Path| fs::write(path, "").unwrap(),
        |path: &Path| {
            std::os::unix::fs::symlink("nowhere", path).unwrap();
        },
    ] {
        let folder = dir.path().join("conf.d");
        spoil(&folder);
        assert!(load().unwrap_err().starts_with(&format!("cannot read {}", folder.display())));
        fs::remove_file(folder).unwrap();
    }
}
