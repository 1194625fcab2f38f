//! What real callers handed to sendmail, recorded by `tests/interop/record` and handed over again: envelope and content
//! arrive as they should on any machine, whether these programs are installed or not. A recording's first line has the
//! arguments as JSON, the rest is the input.

use std::path::Path;

use support::provider::{Mail, Provider};
use support::world::{Ran, World};

/// Their addresses outside, everybody else's, and whom she writes to.
const HER: &str = "her@isp.example";
const HIS: &str = "his@isp.example";
const HOUSE: &str = "house@isp.example";
const FRIEND: &str = "friend@elsewhere.example";
const HIDDEN: &str = "hidden@elsewhere.example";

/// Fields whose addresses change on their way; what becomes of them is said by each test.
const REWRITTEN: [&str; 7] = ["From", "To", "Cc", "Bcc", "Reply-To", "Sender", "Message-ID"];

/// Hands over a recording; gives its arguments, its input and all mail that came of it.
#[track_caller]
fn handed_over(name: &str) -> (Vec<String>, String, Ran, Vec<Mail>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/submit/recorded").join(name);
    let recording = std::fs::read_to_string(path).unwrap();
    let (arguments, input) = recording.split_once('\n').unwrap();
    let arguments: Vec<String> = serde_json::from_str(arguments).unwrap();

    let isp = Provider::start();
    let rows = [
        ("her@localdomain.local", HER),
        ("his@localdomain.local", HIS),
        ("her@homebox.localdomain.local", HER),
        ("@localdomain.local", HOUSE),
        ("@homebox", HOUSE),
    ];
    let world = World::new().set("origin", "localdomain.local").account("isp", &isp).generic(&rows);
    let given: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ran = world.sendmail(&given, input).code(0).read_all();
    world.run_once();
    (arguments, input.to_owned(), ran, isp.mails())
}

/// Hands over a recording. Its text and all fields that are not rewritten must arrive as they are, in their order.
#[track_caller]
fn replayed(name: &str) -> Mail {
    let (arguments, input, ran, mut mails) = handed_over(name);
    ran.silent();
    assert_eq!(mails.len(), 1, "one mail, for all recipients at once");
    let mail = mails.remove(0);

    // PHP mixes the line ends.
    let input = input.replace("\r\n", "\n");
    let (header, body) = input.split_once("\n\n").unwrap();
    let mut rest = mail.header();
    for field in fields(header) {
        if REWRITTEN.iter().all(|name| !field.to_ascii_lowercase().starts_with(&name.to_ascii_lowercase())) {
            let at = rest.find(&field).unwrap_or_else(|| panic!("{field:?}, in its place, in {}", mail.text()));
            rest.drain(..at);
        }
    }
    assert_eq!(String::from_utf8_lossy(mail.body()), on_the_wire(body, dots_are_text(&arguments)));
    assert_eq!(mail.fields("Date").len(), 1, "{}", mail.text());
    assert_eq!(mail.fields("Message-ID").len(), 1, "{}", mail.text());
    assert!(mail.fields("Bcc").is_empty(), "{}", mail.text());
    mail
}

/// The fields of a recording's header as they go over the wire.
fn fields(header: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in header.lines() {
        match fields.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => last.extend([line, "\r\n"]),
            _ => fields.push(format!("{line}\r\n")),
        }
    }
    fields
}

/// Whether an option says that a lone dot does not end the input.
fn dots_are_text(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| ["-i", "-oi"].contains(&argument.as_str()))
}

/// A recording's text as it goes over the wire.
fn on_the_wire(body: &str, dots_are_text: bool) -> String {
    let lines: Vec<&str> = body.lines().take_while(|line| dots_are_text || *line != ".").collect();
    lines.join("\r\n") + "\r\n"
}

/// Hands over a recording of one side of SMTP on a pipe.
#[track_caller]
fn spoken(name: &str) -> Vec<Mail> {
    let (.., ran, mails) = handed_over(name);
    assert!(ran.stdout.starts_with("220 ") && ran.stdout.lines().last().unwrap().starts_with("221 "), "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
    mails
}

/// The envelope is this.
#[track_caller]
fn goes(mail: &Mail, from: &str, to: &[&str]) {
    assert_eq!((mail.from.as_str(), mail.to.iter().map(String::as_str).collect()), (from, to.to_vec()));
}

/// A field that was missing names its author.
#[track_caller]
fn says_from(mail: &Mail, address: &str) {
    let from = mail.field("From");
    assert!(from == address || from.ends_with(&format!(" <{address}>")), "{from}");
}

#[test]
fn cron_mails_what_a_job_of_root_printed() {
    let mail = replayed("cron-of-root");
    goes(&mail, HOUSE, &[HOUSE]);
    assert_eq!(mail.field("From"), format!("{HOUSE} (Cron Daemon)"));
    assert_eq!(mail.field("To"), HOUSE);
}

#[test]
fn cron_mails_what_a_job_of_a_user_printed() {
    let mail = replayed("cron-of-a-user");
    goes(&mail, HOUSE, &[FRIEND]);
    assert_eq!(mail.field("From"), format!("{HOUSE} (Cron Daemon)"));
}

#[test]
fn anacron_mails_up_to_a_lone_dot_since_it_has_no_i() {
    let mail = replayed("anacron");
    goes(&mail, HOUSE, &[FRIEND]);
    assert_eq!(mail.field("From"), format!("Anacron <{HOUSE}>"));
}

#[test]
fn at_mails_what_a_job_printed() {
    let mail = replayed("at");
    goes(&mail, HOUSE, &[HER]);
    says_from(&mail, HOUSE);
    assert_eq!(mail.field("To"), HER);
}

#[test]
fn logwatch_mails_its_report() {
    let mail = replayed("logwatch");
    goes(&mail, HOUSE, &[HOUSE]);
    assert_eq!(mail.field("From"), HOUSE);
    assert_eq!(mail.field("To"), HOUSE);
}

#[test]
fn sudo_mails_what_was_done() {
    let mail = replayed("sudo");
    goes(&mail, HOUSE, &[HOUSE]);
    assert_eq!(mail.field("From"), HER);
    assert_eq!(mail.field("To"), HOUSE);
}

#[test]
fn mdadm_warns_of_an_array() {
    let mail = replayed("mdadm");
    goes(&mail, HOUSE, &[HOUSE]);
    assert_eq!(mail.field("From"), format!("mdadm monitoring <{HOUSE}>"));
    assert_eq!(mail.field("To"), HOUSE);
}

#[test]
fn smartd_warns_of_a_disk() {
    let mail = replayed("smartd");
    goes(&mail, HOUSE, &[FRIEND, HOUSE]);
    says_from(&mail, HOUSE);
    assert_eq!(mail.field("To"), format!("{FRIEND}, {HOUSE}"));
}

#[test]
fn unattended_upgrades_report_what_they_did() {
    let mail = replayed("unattended-upgrades");
    goes(&mail, HOUSE, &[HOUSE]);
    assert_eq!(mail.field("From"), HOUSE);
    assert_eq!(mail.field("To"), HOUSE);
}

#[test]
fn fail2ban_tells_whom_it_banned() {
    let mail = replayed("fail2ban");
    goes(&mail, HOUSE, &[HOUSE]);
    assert_eq!(mail.field("From"), format!("Fail2Ban <{HOUSE}>"));
    assert_eq!(mail.field("To"), HOUSE);
}

#[test]
fn bsd_mailx_sends_a_letter_with_a_raw_subject() {
    let mail = replayed("bsd-mailx");
    goes(&mail, HOUSE, &["friend.of.his@elsewhere.example", HIDDEN]);
    says_from(&mail, HOUSE);
}

#[test]
fn mailutils_sends_a_letter_under_the_full_name_of_the_host() {
    let mail = replayed("mailutils");
    goes(&mail, HER, &[HIDDEN, FRIEND]);
    says_from(&mail, HER);
    assert_eq!(mail.field("To"), format!("<{FRIEND}>"));
}

#[test]
fn s_nail_sends_a_letter() {
    let mail = replayed("s-nail");
    goes(&mail, HOUSE, &[FRIEND, HIDDEN]);
    says_from(&mail, HOUSE);
}

#[test]
fn mutt_sends_a_letter_with_an_attachment() {
    let mail = replayed("mutt");
    goes(&mail, HER, &[FRIEND, HIDDEN]);
    assert_eq!(mail.field("From"), format!("Her Name <{HER}>"));
    assert!(mail.field("Message-ID").ends_with("@localdomain.local>"), "an identifier is no address");
}

#[test]
fn nmh_sends_a_letter_and_the_blind_copy_in_another() {
    let mail = replayed("nmh");
    goes(&mail, HOUSE, &[FRIEND]);
    assert_eq!(mail.field("From"), format!("Her Name <{HER}>"));
    let copy = replayed("nmh-blind-copy");
    goes(&copy, HOUSE, &[HIDDEN]);
    assert!(copy.fields("To").is_empty());
    assert!(copy.text().contains("\r\nFrom: Her Name <her@localdomain.local>\r\n"), "text is not rewritten");
}

#[test]
fn emacs_sends_a_letter() {
    let mail = replayed("emacs");
    goes(&mail, HOUSE, &[HIDDEN, FRIEND]);
    assert_eq!(mail.field("From"), format!("Her Name <{HER}>"));
}

#[test]
fn git_sends_patches_with_a_copy_for_their_author() {
    let [first, second] = ["git-send-email-first", "git-send-email-second"].map(replayed);
    for mail in [&first, &second] {
        goes(mail, HOUSE, &[FRIEND, HER, HIDDEN]);
        assert_eq!(mail.field("From"), format!("Her Name <{HER}>"));
        assert_eq!(mail.field("Cc"), format!("Her Name <{HER}>"));
    }
    assert_eq!(second.field("In-Reply-To"), first.field("Message-Id"));
}

#[test]
fn php_sends_what_mail_is_given() {
    let mail = replayed("php");
    goes(&mail, HOUSE, &[FRIEND]);
    says_from(&mail, HOUSE);
}

#[test]
fn php_sends_for_the_sender_it_names() {
    let mail = replayed("php-with-sender");
    goes(&mail, HOUSE, &["other@elsewhere.example", HIDDEN]);
    assert_eq!(mail.field("From"), format!("The Shop <{HOUSE}>"));
    assert_eq!(mail.field("Reply-To"), HER);
}

#[test]
fn mime_lite_sends_an_attachment() {
    let mail = replayed("perl-mime-lite");
    goes(&mail, HER, &[FRIEND, HIDDEN]);
    assert_eq!(mail.field("From"), format!("Her Name <{HER}>"));
}

#[test]
fn email_sender_leaves_out_whom_the_envelope_leaves_out() {
    let mail = replayed("perl-email-sender");
    goes(&mail, HER, &[FRIEND]);
    assert_eq!(mail.field("To"), "undisclosed-recipients:;");
}

#[test]
fn python_sends_a_letter_in_utf_8() {
    let mail = replayed("python");
    goes(&mail, HOUSE, &[FRIEND, HIDDEN]);
    assert_eq!(mail.field("To"), format!("Der =?utf-8?q?G=C3=A4rtner?= <{FRIEND}>"));
}

#[test]
fn rubys_mail_sends_a_letter() {
    let mail = replayed("ruby-mail");
    goes(&mail, HER, &[FRIEND, HIDDEN]);
    assert_eq!(mail.field("From"), format!("Her Name <{HER}>"));
}

#[test]
fn alpine_speaks_smtp_on_a_pipe() {
    let mails = spoken("alpine");
    assert_eq!(mails.len(), 1);
    goes(&mails[0], HER, &[FRIEND]);
    assert_eq!(mails[0].field("From"), format!("Her Name <{HER}>"));
    assert_eq!(mails[0].body(), b"Dear friend,\r\n\r\n.\r\n..\r\nFrom me.\r\n");
}

#[test]
fn nmh_speaks_smtp_on_a_pipe() {
    let mails = spoken("nmh-smtp");
    assert_eq!(mails.len(), 1);
    goes(&mails[0], HER, &[FRIEND, HIDDEN]);
    assert_eq!(mails[0].body(), b"Dear friend,\r\n\r\n.\r\n..\r\nFrom me.\r\n");
}

#[test]
fn symfonys_mailer_speaks_smtp_on_a_pipe_for_one_mail_after_another() {
    let mut mails = spoken("symfony-mailer");
    mails.sort_by(|one, other| one.to.cmp(&other.to));
    assert_eq!(mails.len(), 2);
    for (mail, text) in mails.iter().zip(["one", "two"]) {
        goes(mail, HIS, &[&format!("{text}@elsewhere.example"), HIDDEN]);
        assert_eq!(mail.body(), format!("{text}\r\n.\r\n..\r\nFrom me.\r\n").as_bytes());
        assert_eq!(mail.field("From"), format!("His Name <{HIS}>"));
    }
}
