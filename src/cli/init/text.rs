//! What `init` writes: the text of a first configuration, and the keys of a further account.

use super::{Answers, Client, UsersAddress};
use crate::config::edit::Setting;
use crate::config::providers::{ForeignSender, Period, Provider};
use crate::config::sender_pattern;
use crate::import::draft::quoted;
use crate::sys::host;

/// The login whose mail may go elsewhere than that of the others.
pub(super) const ROOT: &str = "root";

/// What a country's domains are sorted by, as in `ne.jp` and `co.uk`.
const SORTS: [&str; 11] = ["ac", "co", "com", "edu", "go", "gov", "gr", "ne", "net", "or", "org"];

/// `isp` of `me@mail.isp.example`, of `me@isp.example` and of `me@isp.ne.jp`.
pub(super) fn account_name(domain: &str) -> String {
    let labels: Vec<&str> = domain.split('.').collect();
    let end = match labels[..] {
        [.., _, sort, country] if country.len() == 2 && SORTS.contains(&sort.to_ascii_lowercase().as_str()) => 3,
        _ => 2,
    };
    let label = labels.len().checked_sub(end).and_then(|at| labels.get(at)).or(labels.first()).copied().unwrap_or("");
    let name: String = label.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    match name.trim_start_matches('-') {
        "" => "provider".to_owned(),
        name => name.to_owned(),
    }
}

/// The key that logs in.
fn credential_text(name: &str, client: Option<&Client>) -> String {
    match client {
        Some(Client { service, id }) => {
            format!("oauth = {{ provider = {}, client_id = {} }}", quoted(service), quoted(id))
        }
        None => format!("password = {{ file = {} }}", quoted(&format!("secrets/{name}"))),
    }
}

/// The first configuration of a machine or a user.
pub(super) fn first(name: &str, answers: &Answers, mailbox: Option<&str>) -> String {
    let own = quoted(&answers.address.to_string());
    let host = host::this_machine();
    let short = host.split('.').next().unwrap_or(&host).to_owned();
    let mut names = vec![host.clone()];
    names.extend([short.clone(), "localhost".to_owned()].into_iter().filter(|name| *name != host));
    let users = match &answers.users {
        None => Some(&answers.address),
        Some(UsersAddress::Is(address)) => Some(address),
        Some(UsersAddress::Missing) => None,
    };
    let rows = users.map_or_else(String::new, |users| {
        let users = quoted(&users.to_string());
        let rows = names.iter().map(|name| format!("{} = {users}", quoted(&format!("@{name}"))));
        let rows = rows.collect::<Vec<_>>().join(", ");
        format!(
            "# Replaces addresses of this machine, such as root@{host}, by yours in outgoing mail; mail to them goes to you.\n\
             generic = [{{ {rows} }}]\n"
        )
    });
    let root = answers.root.as_ref().map_or_else(String::new, |root| {
        format!("# Where mail to root goes.\nvirtual = [{{ {} = {} }}]\n", quoted(ROOT), quoted(&root.to_string()))
    });
    let mailbox = mailbox.map_or_else(String::new, |mailbox| {
        format!(
            "# Mail to users of this machine stays here, with the addresses that it has.\nmailbox = {}\n\n",
            quoted(mailbox)
        )
    });
    let tls = [("tls", answers.server.tls), ("tls_fingerprint", answers.fingerprint.as_deref())];
    let tls = tls.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}\n", quoted(value?))));
    let tls = tls.collect::<String>();
    format!(
        "# Written by \"postrider init\". postrider.toml(5) explains every key; \"postrider check\" finds mistakes.\n\n\
         # The names of this machine as they were: a rename does not change where mail comes from.\n\
         hostname = {pinned}\n\
         origin = {pinned}\n\
         # Who sent it, in the mailbox: all of it comes from one address.\n\
         from_name = {}\n\n{mailbox}{rows}{root}\n\
         [account.{name}]\n\
         relay = {}\n{tls}\
         username = {}\n\
         {}\n\
         senders = [{}]\n{}\n\
         # A job that fails each minute would use up what the provider lets you send. To have its mail leave as one message an hour:\n\
         #[flood]\n\
         #senders = [{}]\n",
        quoted(&format!("%u at {short}")),
        quoted(&answers.server.relay),
        quoted(&answers.username),
        credential_text(name, answers.client.as_ref()),
        quoted(&sender_pattern::literal(&answers.address)),
        answers.server.provider.map_or_else(String::new, |provider| demands_text(provider, &own)),
        quoted(&format!("root@{host}")),
        pinned = quoted(&host),
    )
}

/// The keys of an account that is added to a configuration, or changed in it, with its password in this file. What an account has
/// beside them stays.
pub(super) fn settings(secret: &str, answers: &Answers) -> Vec<(&'static str, Setting)> {
    let own = answers.address.to_string();
    let mut settings = vec![("relay", Setting::Text(answers.server.relay.clone()))];
    settings.extend(answers.server.tls.map(|tls| ("tls", Setting::Text(tls.to_owned()))));
    settings.extend(answers.fingerprint.clone().map(|own| ("tls_fingerprint", Setting::Text(own))));
    settings.push(("username", Setting::Text(answers.username.clone())));
    settings.push(match &answers.client {
        Some(Client { service, id }) => {
            ("oauth", Setting::Table(vec![("provider", (*service).to_owned()), ("client_id", id.clone())]))
        }
        None => ("password", Setting::Table(vec![("file", secret.to_owned())])),
    });
    let Some(demands) = answers.server.provider.map(Demands::of) else { return settings };
    settings.extend(demands.is_own_sender_only.then_some(("from", Setting::Text(own))));
    settings.extend(demands.connections.map(|most| ("max_connections", Setting::Number(most))));
    settings.extend(demands.per_minute.map(|most| ("max_per_minute", Setting::Number(most))));
    settings
}

/// What a provider demands of an account, as far as its entry in the table has sources for it.
struct Demands {
    /// It refuses mail from any address but the account's.
    is_own_sender_only: bool,
    connections: Option<usize>,
    per_minute: Option<usize>,
}

impl Demands {
    fn of(provider: &Provider) -> Self {
        let is_known = |key: &str| !provider.guessed.iter().any(|guess| guess == key);
        let is_per_minute = provider.limits.per == Some(Period::Minute) && is_known("messages");
        Self {
            is_own_sender_only: provider.foreign_sender == Some(ForeignSender::Refused) && is_known("foreign_sender"),
            connections: provider.limits.connections.filter(|_| is_known("connections")),
            per_minute: provider.limits.messages.filter(|_| is_per_minute),
        }
    }
}

fn demands_text(provider: &Provider, own: &str) -> String {
    let demands = Demands::of(provider);
    let from = demands
        .is_own_sender_only
        .then(|| format!("# {} refuses mail from any other address.\nfrom = {own}\n", provider.name));
    let connections = demands.connections.map(|most| format!("max_connections = {most}\n"));
    let per_minute = demands.per_minute.map(|most| format!("max_per_minute = {most}\n"));
    from.into_iter().chain(connections).chain(per_minute).collect()
}
