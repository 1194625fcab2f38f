//! Unit tests of `cli::check::mailboxes`.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn a_forward_file_with_something_in_it_is_found() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(forward(home.path()), None);
    let path = home.path().join(".forward");
    std::fs::write(&path, "").unwrap();
    assert_eq!(forward(home.path()), None, "an empty one sends nothing on");
    std::fs::write(&path, "me@isp.example\n").unwrap();
    assert_eq!(forward(home.path()), Some(path));
}

#[test]
fn a_line_that_the_program_of_mailboxes_reads_otherwise_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let account = "[account.isp]\nrelay = \"mail.isp.example\"\n";
    for (text, is_named) in [
        ("mailbox = \"maildir:~/Maildir\"\n", false),
        ("  mailbox=\"maildir:~/Maildir\" # here\n", false),
        ("mailbox = 'maildir:~/Maildir'\n", true),
        ("\"mailbox\" = \"maildir:~/Maildir\"\n", true),
    ] {
        std::fs::write(&path, format!("{text}{account}")).unwrap();
        let config = crate::config::read::read(&path, &format!("{text}{account}")).unwrap();
        let Some(LmtpServer::Own(setting)) = config.local.as_ref().and_then(|local| local.lmtp.clone()) else {
            unreachable!("{text}")
        };
        let mut findings = Findings::default();
        line(&config, &setting, &mut findings);
        assert_eq!(findings.has_errors(), is_named, "{text}");
    }
}
