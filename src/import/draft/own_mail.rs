//! Where the source has mail that our result sends elsewhere: that to the users of its machine, and that of senders whose relay is
//! not imported.

use super::{Draft, DraftAccount, quoted};
use crate::mail::address_class::AddressClass;

/// A sender whose mail the source refuses, or sends through a relay that is not imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// A login or an address.
    pub sender: String,
    /// What the source does with it, for people.
    pub goes: String,
}

impl Elsewhere {
    /// Through a relay, as the source writes it.
    pub(crate) fn relay(sender: impl Into<String>, relay: &str) -> Self {
        Self { sender: sender.into(), goes: format!("relay {relay}") }
    }

    /// Nowhere, and why.
    pub(crate) fn refused(sender: impl Into<String>, why: &str) -> Self {
        Self { sender: sender.into(), goes: format!("refused ({why})") }
    }
}

/// Where the source has the mail of the users of its machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OwnMail {
    /// It leaves like any other, or the source does not say.
    #[default]
    Leaves,
    /// In mailboxes on this machine.
    Stays,
}

impl Draft {
    /// The source has mailboxes on this machine, and its users' ~/.forward says where else their mail goes.
    pub(crate) fn keeps_own_mail(&mut self) {
        self.keeps("stayed on it, or went where ~/.forward says, which is not read");
    }

    /// The source has mailboxes on this machine, and asks no ~/.forward.
    pub(crate) fn writes_mailboxes(&mut self) {
        self.keeps("stayed on it");
    }

    /// Mail of senders in these domains keeps the default account, also where another account is for what `generic` makes of them:
    /// accounts are asked for the sender as it was given first.
    pub(crate) fn default_account_keeps(&mut self, domains: &[String], comment: &str) {
        let is_default = |of: &DraftAccount| self.top.has("default_account", &quoted(&of.name));
        let Some(default) = self.accounts.iter().position(is_default) else { return };
        let is_free = |entry: &String| !self.accounts.iter().any(|of| of.keys.contains("senders", &quoted(entry)));
        let own: Vec<String> = domains.iter().map(|name| format!("@{name}")).filter(is_free).collect();
        let keys = &mut self.accounts[default].keys;
        if own.is_empty() {
            return;
        }
        if keys.sets("senders") {
            keys.extend_list("senders", &own, comment);
        } else {
            keys.list("senders", &own, comment);
        }
    }

    fn keeps(&mut self, how: &str) {
        self.own_mail = OwnMail::Stays;
        let now = "it now waits, unless you set mailbox = \"mbox:/var/mail/%u\", or map them to addresses in aliases";
        self.changed("local mailboxes", format!("mail to the users of this machine {how}; {now}"));
    }

    /// Commands that print passwords ran as whoever sent mail; the service runs them as its own user.
    pub fn commands_run_as_service(&mut self) {
        let with = self.accounts.iter().filter(|account| account.keys.contains("password", "{ command"));
        let names: Vec<String> = with.map(|account| account.name.clone()).collect();
        for name in names {
            let how = format!(
                "its command ran as whoever sent mail, and now runs as user postrider, with another home and environment; if \
                 \"postrider test {name}\" cannot log in, run \"postrider password set {name}\""
            );
            self.changed(format!("password (account {name})"), how);
        }
    }

    /// `generic` is not for mail that stays on this machine, nor for header fields of recipients unless `and` says so.
    pub(crate) fn generic_is_for_senders(&mut self, and: &[AddressClass], comment: &str) {
        let senders = [AddressClass::EnvelopeSender, AddressClass::HeaderSender];
        let classes = senders.iter().chain(and);
        let names: Vec<String> = classes.map(|class| class.name().to_owned()).collect();
        self.top.list("generic_classes", &names, comment);
    }
}
