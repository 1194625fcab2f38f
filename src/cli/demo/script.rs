//! What the demo plays: a machine with a fictitious name, two accounts, and the mail
//! of three programs, word for word as such programs write it; and what must
//! become of each.

use crate::mail::address::{Address, AddressError};

/// The machine's fictitious domain.
pub(super) const ORIGIN: &str = "home.lan";
/// The machine's fictitious name.
pub(super) const HOSTNAME: &str = "homebox.home.lan";

/// A provider and the account on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// `[account.NAME]`.
    pub(super) account: &'static str,
    /// The provider's host name.
    pub(super) host: &'static str,
    /// The domain of its customers.
    pub(super) domain: &'static str,
    /// The login there.
    pub(super) username: &'static str,
    /// Local senders that belong to it by name.
    pub(super) senders: &'static [&'static str],
    /// What its customer's mail is sent as.
    pub(super) sent_as: &'static str,
}

/// The household's account: whoever has none of their own.
pub(super) const ISP: Part = Part {
    account: "isp",
    host: "mail.isp.example",
    domain: "isp.example",
    username: "hisaccount",
    senders: &["hisaccount@isp.example"],
    sent_as: "hisaccount+home@isp.example",
};

/// Her own account, with another provider.
pub(super) const WORK: Part = Part {
    account: "work",
    host: "smtp.work.example",
    domain: "work.example",
    username: "heraccount",
    senders: &["her@home.lan", "heraccount@work.example"],
    sent_as: "heraccount@work.example",
};

/// Who hands a mail in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// Whoever runs the demo: no `-f`.
    Caller,
    /// Named with `-f`.
    Named(&'static str),
}

/// One program's mail.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mail {
    /// What it is, for the table.
    pub(super) what: &'static str,
    /// sendmail's arguments.
    pub(super) arguments: &'static [&'static str],
    /// Who sends it.
    pub(super) sender: Sender,
    /// Who the header's From names, locally.
    pub(super) author: &'static str,
    /// The recipients as they are given.
    pub(super) given: &'static [&'static str],
    /// The recipients after rewriting.
    pub(super) recipients: &'static [&'static str],
    /// The header, lines ended by LF.
    pub(super) header: &'static str,
    /// What the Subject says.
    pub(super) subject: &'static str,
    /// The body, lines ended by LF.
    pub(super) body: &'static str,
}

impl Mail {
    /// The envelope sender as it is on this machine.
    pub(super) fn local_sender(&self, login: &str) -> Result<Address, AddressError> {
        match self.sender {
            Sender::Caller => Address::new(login, ORIGIN),
            Sender::Named(address) => Address::parse(address),
        }
    }

    /// What the program writes to sendmail's standard input.
    pub(super) fn text(&self) -> String {
        format!("{}Subject: {}\n\n{}", self.header, self.subject, self.body)
    }
}

/// The account that serves a local sender, by the demo's configuration.
pub(super) fn part_of(local: &str) -> Part {
    if WORK.senders.contains(&local) { WORK } else { ISP }
}

/// The three, in the order in which they are handed in.
pub(super) const MAILS: [Mail; 3] = [CRON, LOGWATCH, PERSONAL];

const CRON: Mail = Mail {
    what: "cron job",
    arguments: &["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"],
    sender: Sender::Caller,
    author: "root@home.lan",
    given: &["root"],
    recipients: &[ISP.sent_as],
    header: "From: root (Cron Daemon)\n\
             To: root\n\
             MIME-Version: 1.0\n\
             Content-Type: text/plain; charset=UTF-8\n\
             Content-Transfer-Encoding: 8bit\n\
             X-Cron-Env: <SHELL=/bin/sh>\n\
             X-Cron-Env: <LOGNAME=root>\n",
    subject: "Cron <root@homebox> /usr/local/bin/backup",
    // A lone dot must not end it (-i), stuffed dots must come off, and a `From ` line is no mbox mark.
    body: "Sicherung für Büro und Küche: 1 Datei nicht lesbar\n\
           From here on it is the disk's own report:\n\
           .\n\
           ..two dots, and one at the end.\n\
           done\n",
};

const LOGWATCH: Mail = Mail {
    what: "logwatch report",
    arguments: &["-t"],
    sender: Sender::Caller,
    author: "logwatch@home.lan",
    given: &["root"],
    recipients: &[ISP.sent_as],
    header: "To: root\n\
             From: logwatch\n\
             Auto-Submitted: auto-generated\n\
             Precedence: bulk\n\
             MIME-Version: 1.0\n\
             Content-Transfer-Encoding: 7bit\n\
             Content-Type: text/plain; charset=\"utf-8\"\n",
    subject: "Logwatch for homebox (Linux)",
    body: "\n ################### Logwatch 7.11 ####################\n\
           \x20       Detail Level of Output: 0\n\
           \x20       Type of Output/Format: mail / text\n\
           \x20########################################################\n\n\
           \x20--------------------- Disk Space Begin ------------------------\n\n\
           \x20/dev/sda1         28G   11G   16G  41% /\n\n\
           \x20---------------------- Disk Space End -------------------------\n",
};

const PERSONAL: Mail = Mail {
    what: "personal mail",
    arguments: &["-f", "her@home.lan", "-t"],
    sender: Sender::Named("her@home.lan"),
    author: "her@home.lan",
    given: &["friend@elsewhere.example", "archive@elsewhere.example"],
    recipients: &["friend@elsewhere.example", "archive@elsewhere.example"],
    header: "From: \"Carol\" <her@home.lan>\n\
             To: A Friend <friend@elsewhere.example>\n\
             Bcc: archive@elsewhere.example\n",
    subject: "Tea on Sunday?",
    body: "Dear friend,\n\nthe kettle is on from four.\n\n-- \nHer\n",
};
