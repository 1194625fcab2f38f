//! Which rule decides about mail of this machine's programs: the first that fits, for each sender, and for mail to this machine.

use super::Source;
use super::config::{Origin, Recipients, Rule, Senders, Values};
use crate::import::draft::{Draft, Elsewhere, is_domain};
use crate::mail::address::Address;

/// Where mail of this machine's programs goes.
#[derive(Default)]
pub(super) struct Routes {
    /// The actions for mail to anybody, and for whose mail they are: nobody named means everybody's.
    pub(super) relays: Vec<(String, Vec<String>)>,
    /// The action for mail to this machine's users, where that does not go the same way.
    pub(super) local: Option<String>,
    /// The domains whose mail that action gets.
    pub(super) own_domains: Vec<String>,
}

/// Whose mail no rule has decided about yet.
enum Left {
    /// But for these, whom a rule has named.
    Everybody(Vec<String>),
    /// These alone, which a rule for all others has left out.
    Only(Vec<String>),
}

impl Left {
    fn is_nobody(&self) -> bool {
        matches!(self, Self::Only(senders) if senders.is_empty())
    }

    /// Those of `senders` whose mail a rule for them gets now.
    fn of(&self, senders: &[String]) -> Vec<String> {
        match self {
            Self::Everybody(_) => senders.to_vec(),
            Self::Only(left) => {
                let (within, around) = (
                    left.iter().filter(|one| senders.iter().any(|of| covers(of, one))),
                    senders.iter().filter(|one| left.iter().any(|of| covers(of, one) && !covers(one, of))),
                );
                within.chain(around).cloned().collect()
            }
        }
    }

    fn without(&mut self, senders: &[String]) {
        match self {
            Self::Everybody(named) => named.extend_from_slice(senders),
            Self::Only(left) => left.retain(|one| !senders.iter().any(|of| covers(of, one))),
        }
    }

    /// A rule has decided about everybody but these.
    fn keep(&mut self, but: &[String]) -> Vec<String> {
        let (kept, decided) = match std::mem::replace(self, Self::Only(Vec::new())) {
            Self::Everybody(named) => {
                let is_left = |one: &&String| !named.iter().any(|of| covers(of, one));
                (but.iter().filter(is_left).cloned().collect(), Vec::new())
            }
            Self::Only(left) => left.into_iter().partition(|one| but.iter().any(|of| covers(of, one))),
        };
        *self = Self::Only(kept);
        decided
    }
}

/// Whether an entry, an address or `@domain`, means another as well.
fn covers(entry: &str, other: &str) -> bool {
    let is_same = entry.eq_ignore_ascii_case(other);
    let domain_of = |address: &str| address.rfind('@').map(|at| address[at..].to_ascii_lowercase());
    is_same || (entry.starts_with('@') && domain_of(other).is_some_and(|domain| domain.eq_ignore_ascii_case(entry)))
}

/// The first rule that fits counts: for mail to others, and for mail to this machine, which is `name`.
pub(super) fn routes(source: &Source<'_>, name: &str, draft: &mut Draft) -> Routes {
    let mut deciding = Deciding {
        source,
        name,
        left: Left::Everybody(Vec::new()),
        for_everybody: Vec::new(),
        is_local_relayed: false,
        routes: Routes::default(),
    };
    for rule in &source.config.rules {
        deciding.rule(rule, draft);
    }
    deciding.end(draft)
}

/// The rules as far as they are read.
struct Deciding<'s> {
    source: &'s Source<'s>,
    name: &'s str,
    left: Left,
    /// Rules that sent everybody's mail to a relay; what they left out, a later rule may decide about.
    for_everybody: Vec<&'s Rule>,
    /// Whether mail to this machine's users goes to a relay by a rule of its own.
    is_local_relayed: bool,
    routes: Routes,
}

impl<'s> Deciding<'s> {
    fn rule(&mut self, rule: &'s Rule, draft: &mut Draft) {
        let action = rule.action.as_deref().and_then(|name| self.source.config.actions.get(name));
        let what = described(rule);
        let is_relay = action.is_some_and(|action| action.method == "relay");
        let is_imported = is_relay && rule.conditions.is_empty();
        if matches!(self.left, Left::Everybody(_)) && !is_imported && is_for_other_senders(rule) {
            draft.others.get_or_insert_with(|| format!("{what}, which is not imported"));
        }
        if rule.origin == Origin::Others {
            let why = "it is for machines in the network; add each with \"postrider client add\"";
            draft.left_out(what, why);
        } else if !rule.conditions.is_empty() {
            let asked = rule.conditions.join(", ");
            draft.left_out(what, format!("it asks for {asked}, which decides nothing in postrider"));
        } else if let Some(to) = rule.action.as_deref().filter(|_| action.is_some()) {
            match &rule.recipients {
                Recipients::Any | Recipients::AllButLocal | Recipients::AllBut(_) if self.left.is_nobody() => {}
                Recipients::Any | Recipients::AllButLocal | Recipients::AllBut(_) if is_relay => {
                    self.relay(rule, to, draft);
                }
                Recipients::Local if is_relay => {
                    self.is_local_relayed |= !self.is_decided(self.name) && self.routes.own_domains.is_empty();
                }
                Recipients::Local => self.keeps(rule, to, &[self.name.to_owned(), "localhost".to_owned()], draft),
                Recipients::Domains(_) if is_relay => {
                    draft.left_out(what, "postrider chooses the relay by sender, not by recipient");
                }
                Recipients::Domains(domains) => self.domains(rule, to, domains, draft),
                _ => draft.left_out(what, "not supported; map such addresses in `virtual` or aliases"),
            }
        } else if rule.action.is_none() {
            draft.left_out(what, "postrider rejects no mail of this machine's users");
        } else {
            draft.left_out(what, "there is no such action");
        }
    }

    /// A rule for mail to others.
    fn relay(&mut self, rule: &'s Rule, to: &str, draft: &mut Draft) {
        let what = described(rule);
        let senders = match &rule.senders {
            Senders::All => self.left.keep(&[]),
            Senders::But(but) => {
                let how = "OpenSMTPD asked the rules behind this one, or refused it; it now goes like any other";
                let (but, others) = entries(self.source, but).unwrap_or_else(|why| (Vec::new(), vec![why]));
                for other in others {
                    draft.changed(format!("mail of {other} ({what})"), how);
                }
                self.left.keep(&but)
            }
            Senders::These(these) => {
                let (these, others) = match entries(self.source, these) {
                    Ok(entries) => entries,
                    Err(why) => return draft.left_out(what, why),
                };
                for other in others {
                    draft.left_out(format!("mail-from {other}"), "only user@domain and @domain can be in `senders`");
                }
                let now = self.left.of(&these);
                self.left.without(&these);
                now
            }
        };
        let is_for_others = !matches!(rule.senders, Senders::These(_));
        let is_first = is_for_others && !self.has_default();
        if is_for_others {
            self.for_everybody.push(rule);
        }
        if let Some(first) = draft.others.clone().filter(|_| !senders.is_empty()) {
            draft.changed(
                format!("mail of {}", senders.join(", ")),
                format!("OpenSMTPD asked another rule first: {first}"),
            );
        }
        if is_first {
            self.add(to, Vec::new());
        } else if !senders.is_empty() {
            self.add(to, senders);
        }
    }

    /// Whether an action is for everybody who is not named.
    fn has_default(&self) -> bool {
        self.routes.relays.iter().any(|(_, senders)| senders.is_empty())
    }

    fn add(&mut self, name: &str, senders: Vec<String>) {
        let relays = &mut self.routes.relays;
        match relays.iter_mut().find(|(known, of)| known == name && of.is_empty() == senders.is_empty()) {
            Some((_, known)) => known.extend(senders),
            None => relays.push((name.to_owned(), senders)),
        }
    }

    /// Whether mail to a domain meets one of the rules that have been read.
    fn is_decided(&self, domain: &str) -> bool {
        let own = [self.name, "localhost"];
        let is_own = own.iter().any(|own| own.eq_ignore_ascii_case(domain));
        let is_meant = |excluded: &str| {
            excluded.eq_ignore_ascii_case(domain) || is_own && own.iter().any(|own| own.eq_ignore_ascii_case(excluded))
        };
        is_own && self.is_local_relayed
            || self.for_everybody.iter().any(|rule| match &rule.recipients {
                Recipients::AllButLocal => !is_own,
                Recipients::AllBut(but) => {
                    self.source.values(but).is_ok_and(|rows| !rows.iter().any(|(excluded, _)| is_meant(excluded)))
                }
                _ => true,
            })
    }

    /// A rule for mail to certain domains that keeps it on this machine.
    fn domains(&mut self, rule: &Rule, to: &str, domains: &Values, draft: &mut Draft) {
        match self.source.values(domains) {
            Ok(rows) => {
                let names: Vec<String> = rows.into_iter().map(|(name, _)| name).collect();
                let (names, others): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| is_domain(name));
                for other in others {
                    draft
                        .left_out(format!("domain {other} ({})", described(rule)), "list each domain in `own_domains`");
                }
                self.keeps(rule, to, &names, draft);
            }
            Err(why) => draft.left_out(described(rule), format!("{why}; list the domains in `own_domains`")),
        }
    }

    /// Mail to these domains stays on this machine, if no rule has decided about it before.
    fn keeps(&mut self, rule: &Rule, to: &str, domains: &[String], draft: &mut Draft) {
        let is_new = |domain: &&String| {
            !self.is_decided(domain) && !self.routes.own_domains.iter().any(|own| own.eq_ignore_ascii_case(domain))
        };
        let new: Vec<String> = domains.iter().filter(is_new).cloned().collect();
        if new.is_empty() {
            return;
        }
        match &self.routes.local {
            Some(first) if first != to => {
                let how =
                    format!("aliases and `virtual` are those of action {first}, for all of this machine's domains");
                draft.changed(format!("mail to {} ({})", new.join(", "), described(rule)), how);
            }
            Some(_) => {}
            None => self.routes.local = Some(to.to_owned()),
        }
        self.routes.own_domains.extend(new);
    }

    fn end(self, draft: &mut Draft) -> Routes {
        for rule in &self.for_everybody {
            if let Some(excluded) = excluded(self.source, rule, &self.routes.own_domains) {
                let how = "OpenSMTPD asked the rules behind this one, or refused it; it now goes like any other";
                draft.changed(format!("mail to {excluded} ({})", described(rule)), how);
            }
        }
        match &self.left {
            Left::Everybody(_) => {
                draft.others.get_or_insert_with(|| "no rule for this sender, so its mail was refused".to_owned());
            }
            Left::Only(senders) if !senders.is_empty() => {
                let how = "no rule was for it, so OpenSMTPD refused it; it now goes like any other";
                draft.changed(format!("mail of {}", senders.join(", ")), how);
                let whole = senders.iter().filter(|sender| Address::parse(sender).is_ok());
                draft.elsewhere.extend(whole.map(|sender| Elsewhere::refused(sender, "no rule for this sender")));
            }
            Left::Only(_) => {}
        }
        self.routes
    }
}

/// Whether it may decide about mail of senders that no rule names.
fn is_for_other_senders(rule: &Rule) -> bool {
    rule.origin != Origin::Others
        && matches!(rule.recipients, Recipients::Any | Recipients::AllButLocal | Recipients::AllBut(_))
        && !matches!(rule.senders, Senders::These(_))
        && rule.conditions.iter().all(|condition| condition == "mail-from")
}

/// What a rule for nearly all mail leaves out and no other keeps on this machine, for people.
fn excluded(source: &Source<'_>, rule: &Rule, own: &[String]) -> Option<String> {
    let Recipients::AllBut(but) = &rule.recipients else { return None };
    let names: Vec<String> = match (source.values(but), but) {
        (Ok(rows), _) => rows.into_iter().map(|(name, _)| name).collect(),
        (Err(_), Values::Table(table)) => vec![format!("<{table}>")],
        (Err(_), _) => vec!["others".to_owned()],
    };
    let is_own = |name: &String| own.iter().any(|own| own.eq_ignore_ascii_case(name));
    let others: Vec<String> = names.into_iter().filter(|name| !is_own(name)).collect();
    (!others.is_empty()).then(|| others.join(", "))
}

/// `mail-from` of a rule: entries that `senders` may have, and others. `Err`: why there are none.
fn entries(source: &Source<'_>, values: &Values) -> Result<(Vec<String>, Vec<String>), String> {
    let rows = source.values(values)?;
    let is_entry = |key: &String| key.contains('@') && !key.contains('*');
    Ok(rows.into_iter().map(|(key, _)| key).partition(is_entry))
}

fn described(rule: &Rule) -> String {
    let from = match rule.origin {
        Origin::Local => "local",
        Origin::Any => "any",
        Origin::Others => "others",
    };
    let to = match &rule.recipients {
        Recipients::Local => "local".to_owned(),
        Recipients::Any => "any".to_owned(),
        Recipients::AllButLocal => "all but local".to_owned(),
        Recipients::AllBut(_) => "all but certain recipients".to_owned(),
        Recipients::Domains(Values::One(domain)) => format!("domain {domain}"),
        Recipients::Domains(Values::Table(table)) => format!("domain <{table}>"),
        Recipients::Domains(Values::Rows(_)) => "domain { ... }".to_owned(),
        Recipients::Others => "certain recipients".to_owned(),
    };
    let action = rule.action.as_ref().map_or_else(|| "reject".to_owned(), |name| format!("action {name}"));
    format!("match from {from} for {to} {action}")
}
