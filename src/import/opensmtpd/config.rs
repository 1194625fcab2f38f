//! The statements of smtpd.conf(5) that say where mail goes, as values: tables, actions, rules, listeners.

use std::collections::BTreeMap;

use super::tokens::Token;

/// Rows of a table: a list has no values.
pub(super) type Rows = Vec<(String, String)>;

/// A table as it is declared.
#[derive(Debug, Clone)]
pub(super) enum Table {
    Rows(Rows),
    /// In a file with rows as text.
    File(String),
    /// Of another type.
    Other(String),
}

/// One word, or a table.
#[derive(Debug, Clone)]
pub(super) enum Values {
    One(String),
    Table(String),
    Rows(Rows),
}

/// What is done with mail.
#[derive(Debug, Clone)]
pub(super) struct Action {
    /// `relay`, `mbox`, `maildir` and so on.
    pub(super) method: String,
    /// In order, with what follows each.
    pub(super) options: Vec<(String, Option<Values>)>,
}

impl Action {
    pub(super) fn option(&self, name: &str) -> Option<&Values> {
        self.options.iter().find(|(known, _)| known == name)?.1.as_ref()
    }

    pub(super) fn word(&self, name: &str) -> Option<&str> {
        match self.option(name)? {
            Values::One(word) => Some(word),
            Values::Table(_) | Values::Rows(_) => None,
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(known, _)| known == name)
    }
}

/// From where a message comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// This machine.
    Local,
    /// Anywhere, so this machine as well.
    Any,
    /// Other machines alone: with a login, from an address.
    Others,
}

/// To whom it goes.
#[derive(Debug, Clone)]
pub(super) enum Recipients {
    Local,
    Any,
    Domains(Values),
    /// `! for local`.
    AllButLocal,
    /// `! for domain`, and `! for rcpt-to` with addresses.
    AllBut(Values),
    /// Told by more than a domain.
    Others,
}

/// From whom: `mail-from`.
#[derive(Debug, Clone)]
pub(super) enum Senders {
    All,
    These(Values),
    /// `! mail-from`.
    But(Values),
}

impl Senders {
    fn of(sense: Sense, values: Option<Values>) -> Self {
        match (sense, values) {
            (_, None) => Self::All,
            (Sense::Is, Some(values)) => Self::These(values),
            (Sense::IsNot, Some(values)) => Self::But(values),
        }
    }
}

/// `match`.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) origin: Origin,
    pub(super) recipients: Recipients,
    pub(super) senders: Senders,
    /// Further conditions, by name.
    pub(super) conditions: Vec<String>,
    /// `None`: the message is rejected.
    pub(super) action: Option<String>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) tables: BTreeMap<String, Table>,
    pub(super) actions: BTreeMap<String, Action>,
    pub(super) rules: Vec<Rule>,
    /// Interfaces that are listened on, each with its words.
    pub(super) listeners: Vec<(String, Vec<String>)>,
    /// `pki NAME cert|key FILE`.
    pub(super) pki: Vec<(String, String, String)>,
    /// `smtp`, `queue`, `bounce` and others: their words.
    pub(super) others: Vec<Vec<String>>,
    /// Statements of before version 6.4.
    pub(super) old: usize,
}

impl Config {
    pub(super) fn of(statements: &[Vec<Token>]) -> Self {
        let mut config = Self::default();
        for statement in statements {
            let Some((first, rest)) = statement.split_first() else { continue };
            match first.word().unwrap_or_default() {
                "table" => config.table(rest),
                "action" => config.action(rest),
                "match" => config.rules.push(rule(rest)),
                "accept" | "reject" => config.old += 1,
                "listen" => {
                    let words = words(rest);
                    let on = words.get(1).cloned().unwrap_or_default();
                    config.listeners.push((on, words.into_iter().skip(2).collect()));
                }
                "pki" => {
                    if let [name, what, file, ..] = words(rest).as_slice() {
                        config.pki.push((name.clone(), what.clone(), file.clone()));
                    }
                }
                _ => config.others.push(words(statement)),
            }
        }
        config
    }

    fn table(&mut self, tokens: &[Token]) {
        let Some((Token::Word(name), rest)) = tokens.split_first() else { return };
        let table = match rest {
            [Token::Sign('{'), inside @ ..] => Table::Rows(rows(inside)),
            [Token::Word(place), ..] => match place.split_once(':') {
                None => Table::File(place.clone()),
                Some(("file", path)) => Table::File(path.to_owned()),
                // The database is made of a text file beside it.
                Some(("db", path)) => Table::File(path.strip_suffix(".db").unwrap_or(path).to_owned()),
                Some(_) => Table::Other(place.clone()),
            },
            _ => return,
        };
        self.tables.insert(name.clone(), table);
    }

    fn action(&mut self, tokens: &[Token]) {
        let [Token::Word(name), Token::Word(method), rest @ ..] = tokens else { return };
        let mut options = Vec::new();
        let mut rest = behind_argument(method, rest);
        while let Some((first, behind)) = rest.split_first() {
            rest = behind;
            let Some(option) = first.word() else { continue };
            // `tls no-verify` and `backup mx NAME` are options of an option.
            let has_value = match option {
                "backup" | "srs" | "rcpt-to" | "junk" | "no-verify" => false,
                "tls" => rest.first().is_some_and(|next| next.is("no-verify")),
                _ => true,
            };
            let (value, behind) = if has_value { values(rest) } else { (None, rest) };
            options.push((option.to_owned(), value));
            rest = behind;
        }
        self.actions.insert(name.clone(), Action { method: method.clone(), options });
    }
}

/// What follows the method and what it is told: a command, a server, or the place of a mailbox, which `maildir` may leave out.
fn behind_argument<'t>(method: &str, tokens: &'t [Token]) -> &'t [Token] {
    let next = tokens.first().and_then(Token::word);
    let has_argument = match method {
        "mda" | "lmtp" => next.is_some(),
        "maildir" => next.is_some_and(|next| !OPTIONS_OF_MAILBOXES.contains(&next)),
        _ => false,
    };
    if has_argument { &tokens[1..] } else { tokens }
}

/// What may follow a `maildir` that does not say where it is.
const OPTIONS_OF_MAILBOXES: [&str; 7] = ["junk", "alias", "ttl", "user", "userbase", "virtual", "wrapper"];

/// The words of a statement; a table's name stands in angle brackets.
fn words(tokens: &[Token]) -> Vec<String> {
    let word = |token: &Token| match token {
        Token::Word(word) => word.clone(),
        Token::Sign(sign) => sign.to_string(),
    };
    tokens.iter().map(word).collect()
}

/// A word, `<table>` or `{ rows }` at the beginning, and what follows.
fn values(tokens: &[Token]) -> (Option<Values>, &[Token]) {
    match tokens {
        [Token::Sign('<'), Token::Word(name), Token::Sign('>'), rest @ ..] => (Some(Values::Table(name.clone())), rest),
        [Token::Sign('{'), inside @ ..] => {
            let end = inside.iter().position(|token| *token == Token::Sign('}')).unwrap_or(inside.len());
            (Some(Values::Rows(rows(&inside[..end]))), inside.get(end + 1..).unwrap_or_default())
        }
        [Token::Word(word), rest @ ..] => (Some(Values::One(word.clone())), rest),
        _ => (None, tokens),
    }
}

/// `key = value` or `value`, up to the closing brace.
fn rows(tokens: &[Token]) -> Rows {
    let inside: Vec<&Token> = tokens.iter().take_while(|token| **token != Token::Sign('}')).collect();
    let parts = inside.split(|token| **token == Token::Sign(','));
    let row = |part: &[&Token]| {
        let mut words = part.iter().filter_map(|token| token.word());
        Some((words.next()?.to_owned(), words.next().unwrap_or_default().to_owned()))
    };
    parts.filter_map(row).collect()
}

/// Whether a criterion is written with `!`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sense {
    Is,
    IsNot,
}

fn rule(tokens: &[Token]) -> Rule {
    let mut rule = Rule {
        origin: Origin::Local,
        recipients: Recipients::Local,
        senders: Senders::All,
        conditions: Vec::new(),
        action: None,
    };
    let (mut rest, mut sense) = (tokens, Sense::Is);
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let Some(word) = first.word() else {
            sense = if *first == Token::Sign('!') { Sense::IsNot } else { Sense::Is };
            continue;
        };
        rest = match word {
            "action" => {
                rule.action = rest.first().and_then(Token::word).map(str::to_owned);
                rest.get(1..).unwrap_or_default()
            }
            "from" | "for" => criterion(word, sense, rest, &mut rule),
            "mail-from" if !rest.first().is_some_and(|next| next.is("regex")) => {
                let (senders, behind) = values(rest);
                rule.senders = Senders::of(sense, senders);
                behind
            }
            // Mail of this machine's programs has none of them: a listener gives the tag.
            "auth" | "tag" | "tls" => {
                if sense == Sense::Is {
                    rule.origin = Origin::Others;
                }
                condition(word, rest)
            }
            "reject" => rest,
            _ => {
                rule.conditions.push(word.to_owned());
                condition(word, rest)
            }
        };
        sense = Sense::Is;
    }
    rule
}

/// Skips what belongs to a condition.
fn condition<'t>(word: &str, tokens: &'t [Token]) -> &'t [Token] {
    let tokens = tokens.strip_prefix(&[Token::Word("regex".to_owned())]).unwrap_or(tokens);
    let is_next = tokens.first().and_then(Token::word).is_none_or(|next| {
        ["from", "for", "auth", "helo", "mail-from", "rcpt-to", "tag", "tls", "action", "reject"].contains(&next)
    });
    let has_table = tokens.first() == Some(&Token::Sign('<')) || tokens.first() == Some(&Token::Sign('{'));
    if word == "tls" || (is_next && !has_table) { tokens } else { values(tokens).1 }
}

/// What follows `from` or `for`.
fn criterion<'t>(kind: &str, sense: Sense, tokens: &'t [Token], rule: &mut Rule) -> &'t [Token] {
    // Older versions had the sign behind the word.
    let (sense, tokens) = match tokens {
        [Token::Sign('!'), behind @ ..] => (Sense::IsNot, behind),
        _ => (sense, tokens),
    };
    let Some((first, rest)) = tokens.split_first() else { return tokens };
    let is_regex = rest.first().is_some_and(|next| next.is("regex"));
    match (kind, first.word().unwrap_or_default()) {
        // What was said of others before stays so.
        ("from", "any" | "local" | "socket") if sense == Sense::Is && rule.origin == Origin::Others => rest,
        ("from", "local" | "socket") if sense == Sense::Is => rest,
        ("from", "any") if sense == Sense::Is => {
            rule.origin = Origin::Any;
            rest
        }
        ("from", "mail-from") if !is_regex => {
            let (senders, behind) = values(rest);
            (rule.origin, rule.senders) = (Origin::Any, Senders::of(sense, senders));
            behind
        }
        ("for", "local") if sense == Sense::Is => {
            rule.recipients = Recipients::Local;
            rest
        }
        ("for", "local") => {
            rule.recipients = Recipients::AllButLocal;
            rest
        }
        ("for", "any") => {
            rule.recipients = if sense == Sense::Is { Recipients::Any } else { Recipients::Others };
            rest
        }
        ("for", "domain" | "rcpt-to") if sense == Sense::IsNot => {
            let (but, behind) = values(if is_regex { rest.get(1..).unwrap_or_default() } else { rest });
            rule.recipients = but.map_or(Recipients::Others, Recipients::AllBut);
            behind
        }
        ("for", "domain") if !is_regex => {
            let (domains, behind) = values(rest);
            rule.recipients = domains.map_or(Recipients::Others, Recipients::Domains);
            behind
        }
        ("from", "any" | "local" | "socket") => {
            rule.origin = Origin::Others;
            rest
        }
        ("from", word) => {
            rule.origin = Origin::Others;
            condition(word, rest)
        }
        (_, word) => {
            rule.recipients = Recipients::Others;
            condition(word, rest)
        }
    }
}
