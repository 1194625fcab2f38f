//! Mail from programs in PHP, Perl, Python and Ruby, made by what these languages offer for it.

use super::{FRIEND, HE, SHE, ends_empty, is_from, left_as, ready};

#[test]
fn php_mail_arrives_from_its_writer_and_from_the_sender_it_names() {
    let Some((provider, machine)) = ready(&["php"], HE.login) else { return };
    let plain = r#"exit(mail("friend@elsewhere.example", "Plain", "one\n.\ntwo\r\nthree") ? 0 : 1);"#;
    machine.succeeds(HE.login, "php", &["-r", plain], "");
    let mail = provider.wait_for_mail_to(FRIEND);
    is_from(&mail, &HE);
    assert_eq!(mail.header("To"), FRIEND);
    assert_eq!(mail.body(), "one\n.\ntwo\nthree\n");

    let named = r#"$fields = ["From" => "The Shop <shop@localdomain.local>", "Reply-To" => "her@localdomain.local", "Bcc" => "hidden@elsewhere.example"];
        exit(mail("other@elsewhere.example", "Named", "text", $fields, "-f shop@localdomain.local") ? 0 : 1);"#;
    machine.succeeds(HE.login, "php", &["-r", named], "");
    let mail = provider.wait_for_mail_to("other@elsewhere.example");
    left_as(&mail, HE.account, "hisaccount+local@hisisp.example");
    assert_eq!(mail.header("From"), "The Shop <hisaccount+local@hisisp.example>");
    assert_eq!(mail.header("Reply-To"), SHE.address);
    provider.wait_for_mail_to("hidden@elsewhere.example");
    ends_empty(&machine, &provider, HE.login);
}

#[test]
fn mail_of_perls_mime_lite_arrives_with_its_attachment() {
    let Some((provider, machine)) = ready(&["perl", "/usr/share/perl5/MIME/Lite.pm"], SHE.login) else { return };
    let program = r#"use MIME::Lite;
        my $mail = MIME::Lite->new(From => 'Her Name <her@localdomain.local>', To => 'friend@elsewhere.example',
            Bcc => 'hidden@elsewhere.example', Subject => 'Roses', Type => 'multipart/mixed');
        $mail->attach(Type => 'TEXT', Data => "They bloom\n.\nFrom spring\n");
        $mail->attach(Type => 'image/gif', Data => join('', map { chr } 0..255), Filename => 'rose.gif', Encoding => 'base64');
        $mail->send() or die 'it was not sent';"#;
    machine.succeeds(SHE.login, "perl", &["-e", program], "");
    let mail = provider.wait_for_mail_to(FRIEND);
    is_from(&mail, &SHE);
    assert!(mail.body().contains("\nThey bloom\n.\nFrom spring\n"), "{}", mail.raw);
    assert!(mail.body().contains("\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v"), "{}", mail.raw);
    provider.wait_for_mail_to("hidden@elsewhere.example");
    ends_empty(&machine, &provider, SHE.login);
}

#[test]
fn mail_of_perls_email_sender_goes_to_whom_it_says_and_nobody_else() {
    let Some((provider, machine)) = ready(&["perl", "/usr/share/perl5/Email/Sender.pm"], SHE.login) else { return };
    let program = r#"use Email::Sender::Simple qw(sendmail); use Email::Simple; use Email::Sender::Transport::Sendmail;
        my $mail = Email::Simple->create(body => "They bloom\n.\nFrom spring\n", header => [
            From => 'Her Name <her@localdomain.local>', To => 'undisclosed-recipients:;', Bcc => 'hidden@elsewhere.example', Subject => 'Roses']);
        sendmail($mail, { from => 'her@localdomain.local', to => ['friend@elsewhere.example'],
            transport => Email::Sender::Transport::Sendmail->new });"#;
    machine.succeeds(SHE.login, "perl", &["-e", program], "");
    let mail = provider.wait_for_mail_to(FRIEND);
    is_from(&mail, &SHE);
    assert_eq!(mail.header("To"), "undisclosed-recipients:;");
    assert_eq!(mail.body(), "They bloom\n.\nFrom spring\n");
    ends_empty(&machine, &provider, SHE.login);
    assert_eq!(provider.arrived().len(), 1);
}

#[test]
fn mail_that_python_pipes_into_sendmail_arrives() {
    let Some((provider, machine)) = ready(&["python3"], SHE.login) else { return };
    let program = r#"
import subprocess
from email.message import EmailMessage
mail = EmailMessage()
mail["From"] = "Her Name <her@localdomain.local>"
mail["To"] = "Der Gärtner <friend@elsewhere.example>"
mail["Bcc"] = "hidden@elsewhere.example"
mail["Subject"] = "Grüße aus dem Garten und von allen Rosen, die in diesem Jahr so lange blühen wie nie"
mail.set_content("Sie blühen\n.\nFrom spring\n")
subprocess.run(["/usr/sbin/sendmail", "-t", "-oi"], input=mail.as_bytes(), check=True)
"#;
    machine.succeeds(SHE.login, "python3", &["-c", program], "");
    let mail = provider.wait_for_mail_to(FRIEND);
    is_from(&mail, &SHE);
    assert_eq!(mail.header("To"), "Der =?utf-8?q?G=C3=A4rtner?= <friend@elsewhere.example>");
    assert_eq!(mail.body(), "Sie blühen\n.\nFrom spring\n");
    provider.wait_for_mail_to("hidden@elsewhere.example");
    ends_empty(&machine, &provider, SHE.login);
}

#[test]
fn mail_of_rubys_mail_arrives() {
    let Some((provider, machine)) =
        ready(&["ruby", "/usr/share/rubygems-integration/all/specifications/mail-2.7.1.gemspec"], SHE.login)
    else {
        return;
    };
    let program = r#"require "mail"
        mail = Mail.new(from: "Her Name <her@localdomain.local>", to: "friend@elsewhere.example", bcc: "hidden@elsewhere.example",
            subject: "Grüße", body: "Sie blühen\n.\nFrom spring\n", charset: "UTF-8")
        mail.delivery_method :sendmail
        mail.deliver!"#;
    machine.succeeds(SHE.login, "env", &["LC_ALL=C.UTF-8", "ruby", "-e", program], "");
    let mail = provider.wait_for_mail_to(FRIEND);
    is_from(&mail, &SHE);
    assert_eq!(mail.header("Subject"), "=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=");
    provider.wait_for_mail_to("hidden@elsewhere.example");
    ends_empty(&machine, &provider, SHE.login);
}
