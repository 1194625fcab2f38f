//! Unit tests of `setting`.

use super::*;

#[test]
fn a_setting_is_a_format_and_a_path() {
    let path = |value: &str| {
        let setting = Setting::parse(value).unwrap();
        (setting.format, setting.path("her", Path::new("/home/her")).display().to_string())
    };
    assert_eq!(path("maildir:~/Maildir"), (Format::Maildir, "/home/her/Maildir".to_owned()));
    assert_eq!(path("maildir:/srv/%u/box"), (Format::Maildir, "/srv/her/box".to_owned()));
    assert_eq!(path("mbox:/var/mail/%u"), (Format::Mbox, "/var/mail/her".to_owned()));
    assert_eq!(path("mbox:~/mail/inbox"), (Format::Mbox, "/home/her/mail/inbox".to_owned()));
    for value in [
        "",
        "none",
        "lmtp:/run/x",
        "Maildir:~/x",
        "maildir:",
        "maildir:~",
        "maildir:~/",
        "maildir:x",
        "maildir:~her/x",
        "mbox:/",
        "mbox:/var//x",
        "mbox:/var/../x",
        "mbox:/var/./x",
        "mbox:/var/mail/",
        "mbox:/var/mail/%h",
        "mbox:/a/%u%",
    ] {
        assert!(Setting::parse(value).is_err(), "{value}");
    }
}

#[test]
fn the_folder_of_an_mbox_is_common_where_no_part_of_it_is_the_users() {
    let folder = |value: &str| Setting::parse(value).unwrap().common_folder().map(|path| path.display().to_string());
    assert_eq!(folder("mbox:/var/mail/%u"), Some("/var/mail".to_owned()));
    for value in ["mbox:~/mbox", "mbox:/home/%u/mbox", "maildir:/var/mail/%u"] {
        assert_eq!(folder(value), None, "{value}");
    }
    assert_eq!(Setting::of_root().common_folder(), Some(Path::new("/var/mail")));
    assert_eq!(Setting::of_root().path("toor", Path::new("/root")), Path::new("/var/mail/root"));
}

#[test]
fn the_key_is_found_above_the_first_section() {
    for config in [
        "mailbox = \"mbox:/x\"",
        "# mailbox = \"no\"\na = 1\n  mailbox=\"mbox:/x\"  # here\n[account.isp]\nmailbox = 7\n",
        "mailboxes = 7\nmailbox_x = 1\nmailbox\t=\t\"mbox:/x\"\r\n",
    ] {
        assert_eq!(scan(config), Ok(Some("mbox:/x")), "{config}");
    }
    for config in ["", "a = 1\n", "[account.isp]\nmailbox = \"x\"\n", "[[a]]\nmailbox = \"x\"\n", "mailbox.x = 1\n"] {
        assert_eq!(scan(config), Ok(None), "{config}");
    }
}

#[test]
fn what_is_not_one_plain_string_is_refused() {
    for config in [
        "mailbox = 'x'",
        "mailbox = \"\"\"x\"\"\"",
        "mailbox = \"x\" 7",
        "mailbox = \"x",
        "mailbox = \"x\\u0041\"",
        "mailbox = x",
        "mailbox =",
        "mailbox = [\"x\"]",
        "mailbox = \"x\"\nmailbox = \"x\"",
        "a = \"\"\"\nmailbox = \"x\"\n\"\"\"",
        "a = '''\nmailbox = \"x\"\n'''",
    ] {
        assert!(scan(config).is_err(), "{config}");
    }
}
