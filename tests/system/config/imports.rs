//! Root imports what a user has: nothing that he may not read comes with it, wherever his files point.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use crate::machine::{HER, HIS, Machine, can_run};

/// Files of root's that he may not read, with what nobody must see.
const SECRETS: [&str; 2] = ["/etc/postrider.secret", "/etc/private/secret"];

fn place(machine: &Machine, path: &str, text: &str, owner: u32, mode: u32) {
    let path = machine.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    chown(&path, Some(owner), Some(owner)).unwrap();
    if path.parent().unwrap().ends_with("private") {
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
    }
}

fn link(machine: &Machine, to: &str, from: &str) {
    let from = machine.path(from);
    let _ = fs::remove_file(&from);
    symlink(to, &from).unwrap();
    std::os::unix::fs::lchown(&from, Some(HIS), Some(HIS)).unwrap();
}

/// Runs the import as root, into a new folder.
fn import(machine: &Machine, program: &str, source: &str) -> (Option<i32>, String) {
    let script = format!("rm -rf /run/moved; postrider import {program} --source {source} --output /run/moved");
    let ended = machine.sh("root", &script, b"");
    (ended.code, format!("{}{}", ended.printed, ended.said))
}

/// Everything that was written.
fn written(machine: &Machine) -> String {
    fn texts(folder: &Path, into: &mut String) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().unwrap().is_dir() {
                texts(&entry.path(), into);
            } else {
                into.push_str(&fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    let mut all = String::new();
    texts(&machine.path("/run/moved"), &mut all);
    all
}

const RC: &str = "account default\nhost smtp.isp.example\nport 587\ntls on\nauth on\nuser me\npassword his own\n\
    from me@isp.example\n";

#[test]
fn root_imports_a_users_file_with_that_users_rights() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    for secret in SECRETS {
        place(&machine, secret, "root: stolen@away.example # stolen\npassword stolen\n", 0, 0o600);
    }
    place(&machine, "/home/his/.msmtprc", &format!("{RC}aliases ~/.aliases\n"), HIS, 0o600);
    // As he has it, and what `~` means is his home.
    place(&machine, "/home/his/.aliases", "root: me@isp.example # mine\n", HIS, 0o600);
    let (code, said) = import(&machine, "msmtp", "/home/his/.msmtprc");
    assert_eq!(code, Some(0), "{said}");
    assert!(written(&machine).contains("his own") && written(&machine).contains("root: me@isp.example"), "{said}");
    // His aliases lead to a file of root's, or to hers.
    place(&machine, "/home/her/aliases", "root: stolen@away.example # stolen\n", HER, 0o600);
    for secret in SECRETS.into_iter().chain(["/home/her/aliases"]) {
        link(&machine, secret, "/home/his/.aliases");
        let (_, said) = import(&machine, "msmtp", "/home/his/.msmtprc");
        assert!(said.contains("aliases /home/his/.aliases: cannot be read"), "{secret}: {said}");
        place(&machine, "/home/his/.msmtprc", &format!("{RC}aliases {secret}\n"), HIS, 0o600);
        let (_, named) = import(&machine, "msmtp", "/home/his/.msmtprc");
        let all = written(&machine) + &said + &named;
        assert!(!all.contains("stolen"), "{secret}: {all}");
        place(&machine, "/home/his/.msmtprc", &format!("{RC}aliases ~/.aliases\n"), HIS, 0o600);
    }
    // The configuration itself is such a link, or a folder of his is.
    for secret in SECRETS {
        link(&machine, secret, "/home/his/.msmtprc");
        let (code, said) = import(&machine, "msmtp", "/home/his/.msmtprc");
        assert_eq!(code, Some(66), "{said}");
        assert!(!said.contains("stolen"), "{said}");
    }
    fs::create_dir(machine.path("/home/his/open")).unwrap();
    chown(machine.path("/home/his/open"), Some(HIS), Some(HIS)).unwrap();
    place(&machine, "/etc/private/postfix/main.cf", "relayhost = [stolen.example]:587\n", 0, 0o600);
    fs::set_permissions(machine.path("/etc/private/postfix"), fs::Permissions::from_mode(0o700)).unwrap();
    link(&machine, "/etc/private/postfix", "/home/his/open/postfix");
    let (code, said) = import(&machine, "postfix", "/home/his/open/postfix");
    assert!(code == Some(66) && !said.contains("stolen"), "{said}");
    // What waits to be read and never comes is no file.
    machine.sh("his", "rm -f ~his/.msmtprc; mkfifo /home/his/.msmtprc", b"").good();
    let (code, said) = import(&machine, "msmtp", "/home/his/.msmtprc");
    assert!(code == Some(66) && said.contains("not a regular file"), "{said}");
}

#[test]
fn root_reads_with_roots_rights_what_is_roots() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    place(&machine, "/etc/msmtprc", &format!("{RC}aliases /etc/local.aliases\n"), 0, 0o600);
    place(&machine, "/etc/local.aliases", "root: me@isp.example # mine\n", 0, 0o600);
    let (code, said) = import(&machine, "msmtp", "/etc/msmtprc");
    assert!(code == Some(0) && written(&machine).contains("his own"), "{said}");
    assert!(written(&machine).contains("root: me@isp.example"), "{said}");
    // A file of his that root's configuration names is read as his.
    place(&machine, "/etc/private/secret", "root: stolen@away.example # stolen\n", 0, 0o600);
    place(&machine, "/etc/msmtprc", &format!("{RC}aliases /home/his/aliases\n"), 0, 0o600);
    link(&machine, "/etc/private/secret", "/home/his/aliases");
    let (_, said) = import(&machine, "msmtp", "/etc/msmtprc");
    assert!(!written(&machine).contains("stolen") && said.contains("cannot be read"), "{said}");
    // The accounts of programs own what root keeps for them.
    place(&machine, "/etc/nullmailer/remotes", "smtp.isp.example smtp --user=me --pass=mine --starttls\n", 8, 0o600);
    place(&machine, "/etc/nullmailer/adminaddr", "me@isp.example\n", 0, 0o600);
    let (code, said) = import(&machine, "nullmailer", "/etc/nullmailer");
    assert!(code == Some(0) && written(&machine).contains("me@isp.example"), "{said}");
}
