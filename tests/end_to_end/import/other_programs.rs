//! Configurations of other programs, as their Debian packages bring them and filled in as their manuals say: `import` makes a config
//! of each that `check` finds good, and its mail arrives with the login, sender and recipients that the other program would have used.

use std::os::unix::fs::PermissionsExt;

use support::provider::{Mail, Provider, Setup};
use support::world::{Ran, World};

/// The package's file, with lines of it replaced.
#[track_caller]
fn filled(text: &str, lines: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (old, new) in lines {
        assert_eq!(text.matches(&format!("{old}\n")).count(), 1, "the package's file has the line {old:?} once");
        text = text.replace(&format!("{old}\n"), &format!("{new}\n"));
    }
    text
}

/// What became of an import.
struct Imported {
    world: World,
    said: Ran,
    /// As written by `import`.
    text: String,
}

/// Imports these files of a program's; what only a test needs is where the spool is.
#[track_caller]
fn imported(world: World, program: &str, source: &str) -> Imported {
    let (source, output) = (world.path(source), world.path("moved"));
    let (source, output) = (source.to_str().unwrap(), output.to_str().unwrap());
    let said = world.postrider(&["import", program, "--source", source, "--output", output]).code(0);
    let text = std::fs::read_to_string(world.path("moved/config.toml")).unwrap();
    let mode = |name: &str| std::fs::metadata(world.path(name)).map(|file| file.permissions().mode() & 0o777);
    assert_eq!((mode("moved/config.toml").unwrap(), mode("moved").unwrap()), (0o600, 0o700));
    for secret in std::fs::read_dir(world.path("moved/secrets")).into_iter().flatten() {
        let path = secret.unwrap().path();
        assert_eq!(mode(path.to_str().unwrap()).unwrap(), 0o600, "{}", path.display());
        let password = std::fs::read_to_string(path).unwrap();
        assert!(!text.contains(password.trim_end()), "no password in the config:\n{text}");
    }
    world.postrider(&["import", program, "--source", source, "--output", output]).code(77).says("was left unchanged");
    assert_eq!(std::fs::read_to_string(world.path("moved/config.toml")).unwrap(), text);
    world.file(
        "moved/config.toml",
        &format!("spool = \"../spool\"\nlog = \"stderr\"\ndelivery = \"queue\"\n{text}"),
        0o600,
    );
    Imported { world, said, text }
}

impl Imported {
    fn run(&self, program: &str, args: &[&str], input: &str) -> Ran {
        let mut command = self.world.command(program, args);
        command.env("POSTRIDER_CONFIG", self.world.path("moved/config.toml"));
        support::world::run(command, input.as_bytes())
    }

    /// The same where the source trusts the authorities of the system: this one is among them here.
    fn trusting(self, authority: &str) -> Self {
        let ca = self.world.file("ca.pem", authority, 0o644);
        let config = std::fs::read_to_string(self.world.path("moved/config.toml")).unwrap();
        let trusting = config.replace("\ntls = ", &format!("\ntls_ca = \"{}\"\ntls = ", ca.display()));
        assert_ne!(config, trusting);
        self.world.file("moved/config.toml", &trusting, 0o600);
        self
    }

    /// `check` has nothing to say against it.
    #[track_caller]
    fn good(self) -> Self {
        let ran = self.run(env!("CARGO_BIN_EXE_postrider"), &["check"], "");
        assert_eq!((ran.status, ran.stdout.lines().count()), (Some(0), 1), "{}\n{}", ran.stdout, self.text);
        self
    }

    /// Sends a mail and delivers it.
    #[track_caller]
    fn sends(&self, args: &[&str], input: &str) {
        self.run(env!("CARGO_BIN_EXE_sendmail"), args, input).code(0).silent();
        self.run(env!("CARGO_BIN_EXE_postrider"), &["run", "--once"], "").code(0);
    }
}

/// Of those who get mail on every machine, and of who runs this test.
fn aliases(root: &str) -> String {
    let own = Some(support::world::login()).filter(|login| login != "root");
    let own = own.map(|login| format!("{login}: root\n")).unwrap_or_default();
    format!("{own}postmaster: root\nroot: {root}\n")
}

/// A provider with this login.
fn isp(username: &str) -> Setup {
    Provider::setup().login(username, "pass word:1|2#3")
}

fn envelope(mail: &Mail) -> (&str, Vec<&str>, &str) {
    (mail.from.as_str(), mail.to.iter().map(String::as_str).collect(), mail.username())
}

#[test]
fn msmtp_of_a_user_moves_over() {
    let (free, company) = (isp("joe.smith").start(), isp("company12345").start());
    let world = World::new();
    for (name, text, mode) in [
        ("free.pem", free.authority(), 0o644),
        ("company.pem", company.authority(), 0o644),
        ("password", "pass word:1|2#3\n", 0o600),
    ] {
        world.file(name, text, mode);
    }
    let path = |name: &str| world.path(name).display().to_string();
    let (free_port, company_port) = (format!("port {}", free.port()), format!("port {}", company.port()));
    let text = filled(
        include_str!("configs/msmtprc-user"),
        &[
            (
                "host smtp.freemail.example",
                &format!("host 127.0.0.1\n{free_port}\ntls_trust_file {}", path("free.pem")),
            ),
            (
                "host mail.company.example",
                &format!("host 127.0.0.1\n{company_port}\ntls_trust_file {}", path("company.pem")),
            ),
            (
                "passwordeval gpg2 --no-tty -q -d ~/.msmtp-password.gpg",
                &format!("passwordeval cat {}", path("password")),
            ),
            ("user company12345", "user company12345\npassword \"pass word:1|2#3\""),
        ],
    );
    world.file(".msmtprc", &text, 0o600);
    let moved = imported(world, "msmtp", ".msmtprc").good();
    moved.sends(&["-i", "bob@away.example"], "Subject: by nobody in particular\n\n");
    moved.sends(&["-i", "-f", "joey@freemail.example", "bob@away.example"], "Subject: by the other address\n\n");
    moved.sends(&["-i", "-f", "smithjoe@company.example", "bob@away.example"], "From: smithjoe@company.example\n\n");
    let mut senders: Vec<String> = free.mails().iter().map(|mail| mail.from.clone()).collect();
    senders.sort();
    assert_eq!(senders, ["joe_smith@freemail.example", "joey@freemail.example"]);
    assert_eq!(envelope(&company.mail()), ("smithjoe@company.example", vec!["bob@away.example"], "company12345"));
    // The third one's sender stays what the program said.
    moved.sends(&["-i", "-f", "me@third.example", "carl@away.example"], "From: me@third.example\n\n");
    let third = free.mail_to("carl@away.example");
    assert_eq!((third.from.as_str(), third.field("From")), ("me@third.example", "me@third.example".to_owned()));
}

#[test]
fn msmtp_of_the_system_moves_over() {
    let ours = isp("house").named("mail.oursite.example").implicit_tls().start();
    let world = World::new();
    world.file("ca.pem", ours.authority(), 0o644);
    let login = "auth login\nuser house\npassword \"pass word:1|2#3\"";
    let trust = format!(
        "host 127.0.0.1\ntls_host_override mail.oursite.example\n{login}\ntls_trust_file {}",
        world.path("ca.pem").display()
    );
    let text = filled(
        include_str!("configs/msmtprc-system"),
        &[("host mail.oursite.example", &trust), ("port 465", &format!("port {}", ours.port()))],
    );
    world.file("msmtprc", &text, 0o644);
    let moved = imported(world, "msmtp", "msmtprc").good();
    moved.said.clone().says("allow_from_override");
    moved.sends(&["-i", "alice@oursite.example"], "Subject: to a colleague\n\n");
    let mail = ours.mail();
    let sender = format!("{}@oursite.example", support::world::login());
    assert_eq!(envelope(&mail), (sender.as_str(), vec!["alice@oursite.example"], "house"));
    assert!(mail.field("From").contains(&sender));
}

#[test]
fn nullmailer_moves_over() {
    let isp = isp("me@isp.example").start();
    // nullmailer-send(8) shows its options without dashes; with dashes they are older.
    for dashes in ["", "--"] {
        let world = World::new();
        std::fs::create_dir(world.path("nullmailer")).unwrap();
        world.file("ca.pem", isp.authority(), 0o644);
        let authority = format!("x509cafile={}", world.path("ca.pem").display());
        let port = format!("port={}", isp.port());
        let options = [port.as_str(), "starttls", "user=me@isp.example", "pass='pass word:1|2#3'", authority.as_str()];
        let options = options.map(|option| format!(" {dashes}{option}")).concat();
        for (name, text) in [
            ("remotes", format!("127.0.0.1 smtp{options}\n").as_str()),
            ("me", "homebox.home.lan\n"),
            ("defaulthost", "isp.example\n"),
            ("defaultdomain", ""),
            ("adminaddr", "me@isp.example,other@away.example\n"),
            ("pausetime", "30\n"),
            ("queuelifetime", "604800\n"),
        ] {
            world.file(&format!("nullmailer/{name}"), text, 0o600);
        }
        let moved = imported(world, "nullmailer", "nullmailer").good();
        assert!(moved.text.contains("lifetime = \"604800s\""), "{}", moved.text);
        moved.sends(&["-i", "friend@isp.example", "root@localhost"], "Subject: hello\n\n");
    }
    let mails = isp.mails();
    assert_eq!(mails.len(), 2);
    for mail in mails {
        let sender = format!("{}@isp.example", support::world::login());
        let to = vec!["friend@isp.example", "me@isp.example", "other@away.example"];
        assert_eq!(envelope(&mail), (sender.as_str(), to, "me@isp.example"));
    }
}

#[test]
fn ssmtp_moves_over() {
    let isp = isp("me").start();
    let world = World::new();
    std::fs::create_dir(world.path("ssmtp")).unwrap();
    world.file("ca.pem", isp.authority(), 0o644);
    let hub = format!(
        "mailhub=127.0.0.1:{}\nUseSTARTTLS=YES\nTLS_CA_File={}\nAuthUser=me\nAuthPass=pass=word\nAuthMethod=LOGIN",
        isp.port(),
        world.path("ca.pem").display()
    );
    isp.change_password("pass=word");
    let conf = filled(
        include_str!("configs/ssmtp.conf"),
        &[
            ("root=postmaster", "root=me@isp.example"),
            ("mailhub=mail", &hub),
            ("#rewriteDomain=", "rewriteDomain=isp.example"),
            ("#FromLineOverride=YES", "FromLineOverride=YES"),
        ],
    );
    world.file("ssmtp/ssmtp.conf", &conf, 0o640);
    let reverse = format!("{}daemon:robot@isp.example\n", include_str!("configs/revaliases"));
    world.file("ssmtp/revaliases", &reverse, 0o644);
    let moved = imported(world, "ssmtp", "ssmtp").good();
    moved.sends(&["-i", "-f", "daemon", "root", "friend@isp.example"], "Subject: by a daemon\n\n");
    moved.sends(&["-i", "-f", "alice", "bob"], "Subject: between users\n\n");
    let first = isp.mail_to("friend@isp.example");
    assert_eq!(envelope(&first), ("robot@isp.example", vec!["me@isp.example", "friend@isp.example"], "me"));
    assert_eq!(first.login.as_ref().map(|login| login.mechanism.as_str()), Some("LOGIN"));
    let second = isp.mail_to("bob@isp.example");
    assert_eq!(envelope(&second), ("alice@isp.example", vec!["bob@isp.example"], "me"));
}

#[test]
fn dma_moves_over() {
    let isp = isp("me@isp.example").start();
    let world = World::new();
    std::fs::create_dir(world.path("dma")).unwrap();
    let path = |name: &str| world.path(name).display().to_string();
    world.file("aliases", &aliases("me@isp.example"), 0o644);
    let conf = filled(
        include_str!("configs/dma.conf"),
        &[
            ("#SMARTHOST mail.example.com", "SMARTHOST 127.0.0.1"),
            ("#PORT 25", &format!("PORT {}", isp.port())),
            ("#ALIASES /etc/aliases", &format!("ALIASES {}", path("aliases"))),
            ("#AUTHPATH /etc/dma/auth.conf", "AUTHPATH /etc/dma/auth.conf"),
            ("#SECURETRANSFER", "SECURETRANSFER"),
            ("#STARTTLS", "STARTTLS"),
            (
                "#FINGERPRINT 1234567890ABCDEF1234567890ABCDEF1234567890ABCDEF1234567890ABCDEF",
                &format!("FINGERPRINT {}", isp.fingerprint()),
            ),
            ("MAILNAME /etc/mailname", "MAILNAME homebox.home.lan\nMASQUERADE isp.example"),
        ],
    );
    world.file("dma/dma.conf", &conf, 0o640);
    let auth = format!("{}me@isp.example|127.0.0.1:pass word:1|2#3\n", include_str!("configs/auth.conf"));
    world.file("dma/auth.conf", &auth, 0o640);
    let moved = imported(world, "dma", "dma").good();
    moved.sends(&["-i", "-f", "alice", "root", "friend@isp.example"], "Subject: hello\n\n");
    let to = vec!["me@isp.example", "friend@isp.example"];
    assert_eq!(envelope(&isp.mail()), ("alice@isp.example", to, "me@isp.example"));
}

#[test]
fn a_simple_postfix_moves_over() {
    let isp = isp("me").start();
    let world = World::new();
    std::fs::create_dir(world.path("postfix")).unwrap();
    world.file("ca.pem", isp.authority(), 0o644);
    let relay = isp.relay();
    let settings = format!(
        "myhostname = homebox.home.lan\nmyorigin = $myhostname\ninet_interfaces = loopback-only\nmydestination =\n\
         relayhost = {relay}\nsmtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd\n\
         smtp_sasl_security_options = noanonymous\nsmtp_tls_security_level = encrypt\nsmtp_tls_CAfile = {}\n\
         smtp_generic_maps = hash:/etc/postfix/generic\n",
        world.path("ca.pem").display()
    );
    for (name, text) in [
        ("main.cf", settings.as_str()),
        ("sasl_passwd", &format!("{relay} me:pass word:1|2#3\n")),
        ("generic", "@homebox.home.lan me@isp.example\n"),
    ] {
        world.file(&format!("postfix/{name}"), text, 0o600);
    }
    let moved = imported(world, "postfix", "postfix").good();
    moved.sends(&["-i", "-f", "root", "friend@isp.example"], "From: root\nSubject: hello\n\n");
    let mail = isp.mail();
    assert_eq!(envelope(&mail), ("me@isp.example", vec!["friend@isp.example"], "me"));
    assert_eq!(mail.field("From"), "me@isp.example");
}

#[test]
fn mail_of_cron_to_root_follows_the_default_alias_of_msmtp() {
    let isp = isp("me@isp.example").start();
    let world = World::new();
    world.file("ca.pem", isp.authority(), 0o644);
    world.file("aliases", "admin: boss@away.example # at work\nroot: admin\ndefault: me@isp.example\n", 0o644);
    let text = format!(
        "account default\nhost 127.0.0.1\nport {}\ntls on\ntls_trust_file {}\nauth on\nuser me@isp.example\n\
         password pass word:1|2#3\nfrom %U@isp.example\naliases {}\n",
        isp.port(),
        world.path("ca.pem").display(),
        world.path("aliases").display()
    );
    world.file("msmtprc", &text, 0o600);
    let moved = imported(world, "msmtp", "msmtprc").good();
    // As cron calls it.
    moved.sends(
        &["-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"],
        "To: root, backup\nSubject: Cron\n\n",
    );
    let to = vec!["boss@away.example", "me@isp.example"];
    assert_eq!(envelope(&isp.mail()), ("root@isp.example", to, "me@isp.example"));
}

#[test]
fn the_ehlo_name_of_msmtp_does_not_make_the_providers_domain_ours() {
    let isp = isp("me@isp.example").start();
    let world = World::new();
    world.file("ca.pem", isp.authority(), 0o644);
    let text = format!(
        "account default\nhost 127.0.0.1\nport {}\ndomain isp.example\ntls on\ntls_trust_file {}\nauth on\n\
         user me@isp.example\npassword pass word:1|2#3\nfrom me@isp.example\n",
        isp.port(),
        world.path("ca.pem").display()
    );
    world.file("msmtprc", &text, 0o600);
    let moved = imported(world, "msmtp", "msmtprc").good();
    moved.sends(&["-i", "friend@isp.example"], "To: friend@isp.example\nSubject: hello\n\n");
    let mail = isp.mail();
    assert_eq!(envelope(&mail), ("me@isp.example", vec!["friend@isp.example"], "me@isp.example"));
    assert_eq!((mail.field("To"), mail.ehlo.as_str()), ("friend@isp.example".to_owned(), "isp.example"));
}

#[test]
fn the_hostname_of_ssmtp_completes_bare_names_and_does_not_hold_the_providers_domain() {
    let isp = isp("me").start();
    let world = World::new();
    std::fs::create_dir(world.path("ssmtp")).unwrap();
    world.file("ca.pem", isp.authority(), 0o644);
    isp.change_password("pass=word");
    let text = format!(
        "root=me@isp.example\nmailhub=127.0.0.1:{}\nhostname=isp.example\nUseSTARTTLS=YES\nTLS_CA_File={}\n\
         AuthUser=me\nAuthPass=pass=word\nFromLineOverride=YES\n",
        isp.port(),
        world.path("ca.pem").display()
    );
    world.file("ssmtp/ssmtp.conf", &text, 0o640);
    let moved = imported(world, "ssmtp", "ssmtp").good();
    moved.sends(&["-i", "-f", "alice", "friend@isp.example", "root", "bob"], "Subject: hello\n\n");
    let to = vec!["friend@isp.example", "me@isp.example", "bob@isp.example"];
    assert_eq!(envelope(&isp.mail()), ("alice@isp.example", to, "me"));
}

#[test]
fn opensmtpd_moves_over() {
    let isp = isp("me@isp.example").start();
    let world = World::new();
    world.file("aliases", &aliases("me@isp.example"), 0o644);
    world.file("secrets", "mine me@isp.example:pass word:1|2#3\n", 0o640);
    let path = |name: &str| world.path(name).display().to_string();
    let conf = format!(
        "table aliases file:{}\ntable secrets file:{}\nlisten on lo\n\naction \"local\" mbox alias <aliases>\n\
         action \"relay\" relay host smtp+tls://mine@127.0.0.1:{} auth <secrets> mail-from \"@isp.example\"\n\n\
         match for local action \"local\"\nmatch from local for any action \"relay\"\n",
        path("aliases"),
        path("secrets"),
        isp.port()
    );
    world.file("smtpd.conf", &conf, 0o644);
    let moved = imported(world, "opensmtpd", "smtpd.conf").trusting(isp.authority()).good();
    moved.sends(&["-i", "-f", "alice", "root", "friend@isp.example"], "Subject: hello\n\n");
    let to = vec!["me@isp.example", "friend@isp.example"];
    assert_eq!(envelope(&isp.mail()), ("alice@isp.example", to, "me@isp.example"));
}

#[test]
fn sendmail_moves_over() {
    // On this machine, the password needs no TLS.
    let isp = isp("me@isp.example").plaintext().start();
    let world = World::new();
    std::fs::create_dir(world.path("mail")).unwrap();
    let mc = format!(
        "divert(-1)\n# mine\ndivert(0)dnl\ninclude(`/usr/share/sendmail/cf/m4/cf.m4')dnl\nOSTYPE(`debian')dnl\n\
         DAEMON_OPTIONS(`Family=inet, Name=MTA-v4, Port=smtp, Addr=127.0.0.1')dnl\ndefine(`SMART_HOST', `esmtp:[localhost]')dnl\n\
         define(`confDOMAIN_NAME', `homebox.home.lan')dnl\ndefine(`ESMTP_MAILER_ARGS', `TCP $h {}')dnl\n\
         FEATURE(`authinfo', `hash -o /etc/mail/authinfo.db')dnl\nFEATURE(`genericstable', `hash -o /etc/mail/genericstable.db')dnl\n\
         GENERICS_DOMAIN(`homebox.home.lan')dnl\nMASQUERADE_AS(`isp.example')dnl\nFEATURE(`masquerade_envelope')dnl\n\
         MAILER(`smtp')dnl\n",
        isp.port()
    );
    for (name, text) in [
        ("sendmail.mc", mc.as_str()),
        ("authinfo", "AuthInfo:localhost \"U:root\" \"I:me@isp.example\" \"P:pass word:1|2#3\" \"M:PLAIN\"\n"),
        ("genericstable", "root me@isp.example\n"),
        ("aliases", &aliases("boss@away.example")),
    ] {
        world.file(&format!("mail/{name}"), text, 0o600);
    }
    let moved = imported(world, "sendmail", "mail").good();
    moved.sends(&["-i", "-f", "root", "postmaster", "friend@isp.example"], "Subject: hello\n\n");
    moved.sends(&["-i", "-f", "alice", "bob@away.example"], "From: alice@homebox.home.lan\n\n");
    let first = isp.mail_to("friend@isp.example");
    assert_eq!(envelope(&first), ("me@isp.example", vec!["boss@away.example", "friend@isp.example"], "me@isp.example"));
    let second = isp.mail_to("bob@away.example");
    assert_eq!(envelope(&second), ("alice@isp.example", vec!["bob@away.example"], "me@isp.example"));
    assert_eq!(second.field("From"), "alice@isp.example");
}
