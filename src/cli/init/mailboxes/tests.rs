//! Unit tests of `cli::init::mailboxes`.

use super::*;

#[test]
fn what_keeps_mail_here_is_proposed_and_nothing_else() {
    for (there, expected) in [
        (&[][..], None),
        (&["/usr/bin/mutt"], None),
        (&["/run/dovecot/lmtp"], Some("lmtp:/run/dovecot/lmtp")),
        (&["/var/spool/postfix/private/dovecot-lmtp"], Some("lmtp:/var/spool/postfix/private/dovecot-lmtp")),
        (&["/usr/bin/mail", postrider_mailbox::SOCKET], Some("mbox:/var/mail/%u")),
        (&[postrider_mailbox::SOCKET], None),
        (&["/usr/bin/mail", postrider_mailbox::SOCKET, "/run/dovecot/lmtp"], Some("lmtp:/run/dovecot/lmtp")),
    ] {
        assert_eq!(proposed(|path| there.contains(&path)).as_deref(), expected, "{there:?}");
    }
}
