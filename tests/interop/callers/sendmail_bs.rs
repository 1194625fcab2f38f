//! Programs that speak SMTP with sendmail on a pipe (-bs): nmh where it is told to, Alpine, Symfony's mailer.

use crate::need;

use super::{FRIEND, HE, SHE, ends_empty, is_from, ready};

const HIDDEN: &str = "hidden@elsewhere.example";

#[test]
fn mail_of_an_nmh_that_speaks_smtp_arrives() {
    let Some((provider, machine)) = ready(&["/usr/bin/mh/send"], SHE.login) else { return };
    machine.write(SHE.login, "/home/her/.mh_profile", "Path: Mail\n");
    // For everybody's eyes, as the package installs it.
    machine.succeeds("root", "sh", &["-c", "echo 'mts: sendmail/smtp' >/etc/nmh/mts.conf"], "");
    let draft = "From: Her Name <her@localdomain.local>\nTo: friend@elsewhere.example\nDcc: hidden@elsewhere.example\n\
        Subject: hello\n--------\nDear friend,\n\n.\n..\nFrom me.\n";
    machine.write(SHE.login, "/home/her/Mail/draft", draft);
    machine.succeeds(SHE.login, "/usr/bin/mh/send", &["/home/her/Mail/draft"], "");

    let mail = provider.wait_for_mail_to(FRIEND);
    is_from(&mail, &SHE);
    assert_eq!(mail.header("To"), FRIEND);
    assert_eq!(mail.body(), "Dear friend,\n\n.\n..\nFrom me.\n");
    provider.wait_for_mail_to(HIDDEN);
    ends_empty(&machine, &provider, SHE.login);
    assert_eq!(provider.arrived().len(), 2, "each has it once");
}

#[test]
fn mail_written_with_alpine_arrives() {
    if !need::by_hand("Alpine is big and wants a terminal; recorded") {
        return;
    }
    let Some((provider, machine)) = ready(&["alpine", "script"], SHE.login) else { return };
    let settings = "personal-name=Her Name\nuser-domain=localdomain.local\ninbox-path=/home/her/inbox\ndefault-fcc=\"\"\nlast-version-used=6.26\n";
    machine.write(SHE.login, "/home/her/.pinerc", settings);
    machine.write(SHE.login, "/home/her/inbox", "");
    // Down to the body, the letter, ^X and yes; each when the screen for it should be there.
    let typing = format!(
        "export TERM=xterm; (sleep 3; printf '\\016\\016\\016\\016'; sleep 1; printf 'Dear friend,\\r\\r.\\r..\\rFrom me.'; sleep 1; \
         printf '\\030'; sleep 1; printf y; sleep 3) | \
         timeout 20 script -qec 'stty rows 24 cols 80; alpine -p /home/her/.pinerc {FRIEND}' /dev/null"
    );
    let screen = machine.run(SHE.login, "sh", &["-c", &typing], "");

    let shown = String::from_utf8_lossy(&screen.stdout).into_owned();
    assert_eq!(provider.arrived().len(), 1, "{shown}");
    let mail = provider.wait_for_mail_to(FRIEND);
    is_from(&mail, &SHE);
    assert_eq!(mail.header("To"), FRIEND);
    assert_eq!(mail.body(), "Dear friend,\n\n.\n..\nFrom me.\n");
    ends_empty(&machine, &provider, SHE.login);
}

#[test]
fn mail_of_symfonys_mailer_arrives() {
    if !need::by_hand("Symfony is big; recorded") {
        return;
    }
    let Some((provider, machine)) = ready(&["php", "/usr/share/php/Symfony/Component/Mailer/autoload.php"], HE.login)
    else {
        return;
    };
    let program = r#"require "/usr/share/php/Symfony/Component/Mailer/autoload.php";
        $transport = Symfony\Component\Mailer\Transport::fromDsn("sendmail://default");
        foreach (["one", "two"] as $text) {
            $mail = (new Symfony\Component\Mime\Email())->from("His Name <his@localdomain.local>")->to("$text@elsewhere.example")
                ->bcc("hidden@elsewhere.example")->subject("Grüße")->text("$text\n.\n..\nFrom me.");
            (new Symfony\Component\Mailer\Mailer($transport))->send($mail);
        }"#;
    machine.succeeds(HE.login, "php", &["-r", program], "");
    for text in ["one", "two"] {
        let mail = provider.wait_for_mail_to(&format!("{text}@elsewhere.example"));
        is_from(&mail, &HE);
        assert_eq!(mail.body(), format!("{text}\n.\n..\nFrom me.\n"));
    }
    provider.wait_for_mail_to(HIDDEN);
    ends_empty(&machine, &provider, HE.login);
}
