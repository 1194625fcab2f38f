//! Programs with which people write mail: bsd-mailx, mailutils, s-nail, mutt, nmh, Emacs, git send-email.

use super::{FRIEND, HE, SHE, Writer, ends_empty, is_from, ready};
use crate::arrived::Arrived;
use crate::config::configure;
use crate::machine::Machine;
use crate::need;
use crate::provider::Provider;

const LETTER: &str = "Dear friend,\n\n.\nFrom me.\n";
const HIDDEN: &str = "hidden@elsewhere.example";

/// The letter came to the friend and, unknown to the friend, to somebody else.
fn letter_arrives(provider: &Provider, machine: &Machine, writer: &Writer) -> Arrived {
    let mail = provider.wait_for_mail_to(FRIEND);
    is_from(&mail, writer);
    assert_eq!(mail.header("To"), FRIEND);
    let text = mail.raw.replace("=2E", ".").replace("=46", "F");
    assert!(text.contains("\n\nDear friend,\n\n.\nFrom me.\n"), "{}", mail.raw);
    assert!(!provider.wait_for_mail_to(HIDDEN).raw.contains("\nBcc"));
    ends_empty(machine, provider, writer.login);
    mail
}

#[test]
fn mail_written_with_bsd_mailx_leaves_under_the_name_and_account_of_its_writer() {
    let Some((provider, machine)) = ready(&["bsd-mailx"], "his") else { return };
    configure(&machine, &provider, "her", "background");
    for writer in [HE, SHE] {
        let friend = format!("friend.of.{}@elsewhere.example", writer.login);
        let input = "Dear friend,\n\n  two blanks, a tab\t, no end of line";
        machine.succeeds(writer.login, "bsd-mailx", &["-s", "Grüße", "-b", HIDDEN, &friend], input);

        let mail = provider.wait_for_mail_to(&friend);
        is_from(&mail, &writer);
        assert_eq!(mail.header("To"), friend);
        assert!(mail.body().starts_with(input), "{}", mail.raw);
        provider.wait_for_mail_to(HIDDEN);
        ends_empty(&machine, &provider, writer.login);
    }
}

#[test]
fn mail_written_with_s_nail_arrives() {
    let Some((provider, machine)) = ready(&["s-nail"], SHE.login) else { return };
    let arguments = ["LC_ALL=C.UTF-8", "s-nail", "-s", "Grüße", "-b", HIDDEN, FRIEND];
    machine.succeeds(SHE.login, "env", &arguments, LETTER);
    let mail = letter_arrives(&provider, &machine, &SHE);
    assert_eq!(mail.header("Subject"), "=?utf-8?B?R3LDvMOfZQ==?=");
}

#[test]
fn mail_with_an_attachment_written_with_mutt_arrives() {
    let Some((provider, machine)) = ready(&["mutt"], SHE.login) else { return };
    machine.write(SHE.login, "/home/her/.muttrc", "set envelope_from hostname=localdomain.local\n");
    machine.write(SHE.login, "/home/her/roses.txt", ".\nFrom the garden\n");
    let subject = "Grüße aus dem Garten und von allen Rosen, die in diesem Jahr so lange blühen wie nie";
    let arguments = ["LC_ALL=C.UTF-8", "mutt", "-s", subject, "-b", HIDDEN, "-a", "/home/her/roses.txt", "--", FRIEND];
    machine.succeeds(SHE.login, "env", &arguments, LETTER);
    let mail = letter_arrives(&provider, &machine, &SHE);
    assert!(mail.header("Subject").starts_with("=?iso-8859-1?Q?Gr=FC=DFe_"), "{}", mail.raw);
    assert!(mail.body().contains("\n.\nFrom the garden\n"), "{}", mail.raw);
}

#[test]
fn mail_written_with_nmh_arrives() {
    let Some((provider, machine)) = ready(&["/usr/bin/mh/send"], SHE.login) else { return };
    machine.write(SHE.login, "/home/her/.mh_profile", "Path: Mail\nsend: -watch\n");
    let draft = format!(
        "From: Her Name <her@localdomain.local>\nTo: {FRIEND}\nBcc: {HIDDEN}\nSubject: hello\n--------\n{LETTER}"
    );
    machine.write(SHE.login, "/home/her/Mail/draft", &draft);
    machine.succeeds(SHE.login, "/usr/bin/mh/send", &["/home/her/Mail/draft"], "");
    letter_arrives(&provider, &machine, &SHE);
}

#[test]
fn patches_sent_with_git_arrive_as_a_thread() {
    let Some((provider, machine)) = ready(&["/usr/bin/git", "/usr/lib/git-core/git-send-email"], SHE.login) else {
        return;
    };
    // As README and manual say.
    for page in ["README.md", "man/postrider.1"] {
        let text = std::fs::read_to_string(format!("{}/{page}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let line = text.lines().find_map(|line| line.find("git config --global").map(|at| line[at..].to_owned()));
        let line = format!("export HOME=/home/her; {}", line.expect("git's line is shown"));
        machine.succeeds(SHE.login, "/bin/sh", &["-ec", &line], "");
    }
    let repository = "export HOME=/home/her; cd; git init -q garden; cd garden; git config user.name 'Her Name'; \
        git config user.email her@localdomain.local; echo rose >plants; git add plants; git commit -q -m 'Plant a rose'; \
        printf '.\\nFrom seed\\n' >seeds; git add seeds; git commit -q -m 'Säe aus'; \
        git send-email --quiet --root --to friend@elsewhere.example --bcc hidden@elsewhere.example --confirm never";
    machine.succeeds(SHE.login, "/bin/sh", &["-ec", repository], "");

    provider.wait_until("both patches arrive, with a copy for their writer", || provider.arrived().len() == 6);
    let (first, second): (Vec<_>, Vec<_>) =
        provider.arrived().into_iter().partition(|mail| mail.header("Subject") == "[PATCH 1/2] Plant a rose");
    for mail in first.iter().chain(&second) {
        is_from(mail, &SHE);
        assert_eq!(mail.header("To"), FRIEND);
    }
    let [first, second] = [&first[0], &second[0]];
    assert_eq!(second.header("In-Reply-To"), first.header("Message-ID"));
    assert!(first.body().contains("\n+rose\n"), "{}", first.raw);
    assert!(second.body().contains("\n+.\n+From seed\n"), "{}", second.raw);
    ends_empty(&machine, &provider, SHE.login);
}

#[test]
fn mail_written_with_emacs_arrives() {
    if !need::by_hand("Emacs is big; recorded") {
        return;
    }
    let Some((provider, machine)) = ready(&["emacs"], SHE.login) else { return };
    let letter = format!(
        "(progn (require 'sendmail) (setq user-mail-address \"her@localdomain.local\" user-full-name \"Her Name\" \
         send-mail-function 'sendmail-send-it mail-interactive t) (mail-setup \"{FRIEND}\" \"Grüße\" nil nil nil nil nil) \
         (goto-char (point-min)) (insert \"Bcc: {HIDDEN}\\n\") (goto-char (point-max)) \
         (insert {LETTER:?}) (mail-send))"
    );
    machine.succeeds(SHE.login, "env", &["LC_ALL=C.UTF-8", "emacs", "-Q", "--batch", "--eval", &letter], "");
    letter_arrives(&provider, &machine, &SHE);
}

/// It conflicts with bsd-mailx: `POSTRIDER_MAILUTILS` names a folder into which mailutils and its libraries are unpacked.
#[test]
fn mail_written_with_mailutils_arrives() {
    if !need::by_hand("mailutils cannot be installed beside bsd-mailx; recorded") {
        return;
    }
    let folder = std::env::var("POSTRIDER_MAILUTILS").unwrap_or_default();
    let program = format!("{folder}/usr/bin/mail.mailutils");
    let Some((provider, machine)) = ready(&[&program], SHE.login) else { return };
    let libraries = format!("LD_LIBRARY_PATH={folder}/usr/lib/x86_64-linux-gnu");
    let program = format!("{folder}/usr/bin/mail.mailutils");
    let arguments =
        [&*libraries, "LC_ALL=C.UTF-8", &*program, "-s", "Roses", "-a", "Bcc: hidden@elsewhere.example", FRIEND];
    // It ends its own input at a lone dot.
    machine.succeeds(SHE.login, "env", &arguments, "Dear friend,\n\n..\nFrom me.\n");
    let mail = provider.wait_for_mail_to(FRIEND);
    is_from(&mail, &SHE);
    assert_eq!(mail.header("To"), "<friend@elsewhere.example>");
    assert_eq!(mail.body(), "Dear friend,\n\n..\nFrom me.\n");
    provider.wait_for_mail_to(HIDDEN);
    ends_empty(&machine, &provider, SHE.login);
}
