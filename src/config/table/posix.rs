//! POSIX regular expressions (regex(7), extended and basic, with glibc's additions) as
//! PCRE writes them, so that `regexp:` and `pcre:` tables need one engine. What differs:
//! of several ways to match, PCRE takes the first alternative, POSIX the longest.

use std::iter::Peekable;
use std::str::Chars;

/// Which of the two POSIX languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    Extended,
    Basic,
}

/// One element of an expression.
enum Token {
    Open,
    Close,
    Or,
    Start,
    End,
    Any,
    /// `*`, `+`, `?`, `{2,3}`.
    Repeat(String),
    /// A bracket expression or escape, as PCRE writes it.
    Ready(String),
    Literal(char),
}

/// The same expression for PCRE; what is wrong with it otherwise.
pub(super) fn to_pcre(expression: &str, grammar: Grammar) -> Result<String, String> {
    let mut reader = Reader { rest: expression.chars().peekable(), grammar, at_start: true };
    let mut writer = Writer { out: String::new(), open: Vec::new(), atom: None };
    while let Some(token) = reader.next()? {
        writer.add(token)?;
    }
    if writer.open.is_empty() { Ok(writer.out) } else { Err("a ( is not closed".to_owned()) }
}

/// An element that can be repeated: where it starts in the output, and whether it already is.
#[derive(Clone, Copy)]
struct Atom {
    start: usize,
    repeated: bool,
}

struct Writer {
    out: String,
    /// Where groups start that are not closed yet.
    open: Vec<usize>,
    atom: Option<Atom>,
}

impl Writer {
    fn add(&mut self, token: Token) -> Result<(), String> {
        let start = self.out.len();
        self.atom = match token {
            Token::Repeat(how) => return self.repeat(&how),
            Token::Open => {
                self.open.push(start);
                self.out.push('(');
                None
            }
            Token::Close => match self.open.pop() {
                Some(start) => {
                    self.out.push(')');
                    Some(Atom { start, repeated: false })
                }
                None => Some(self.literal(')')),
            },
            Token::Or => {
                self.out.push('|');
                None
            }
            Token::Start => {
                self.out.push('^');
                None
            }
            Token::End => {
                self.out.push('$');
                None
            }
            Token::Any => {
                self.out.push('.');
                Some(Atom { start, repeated: false })
            }
            Token::Ready(text) => {
                self.out.push_str(&text);
                Some(Atom { start, repeated: false })
            }
            Token::Literal(c) => Some(self.literal(c)),
        };
        Ok(())
    }

    fn literal(&mut self, c: char) -> Atom {
        let start = self.out.len();
        if c.is_ascii_punctuation() {
            self.out.push('\\');
        }
        self.out.push(c);
        Atom { start, repeated: false }
    }

    /// PCRE would take a second `?` or `+` for a change of greed.
    fn repeat(&mut self, how: &str) -> Result<(), String> {
        let Some(atom) = self.atom else { return Err(format!("there is nothing before {how} to repeat")) };
        if atom.repeated {
            self.out.insert_str(atom.start, "(?:");
            self.out.push(')');
        }
        self.out.push_str(how);
        self.atom = Some(Atom { repeated: true, ..atom });
        Ok(())
    }
}

struct Reader<'e> {
    rest: Peekable<Chars<'e>>,
    grammar: Grammar,
    /// At the start of the expression, a group or an alternative (basic: `*` is itself there).
    at_start: bool,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<Option<Token>, String> {
        let Some(c) = self.rest.next() else { return Ok(None) };
        let token = match (c, self.grammar) {
            ('\\', _) => self.escaped()?,
            ('[', _) => Token::Ready(self.bracket()?),
            ('.', _) => Token::Any,
            ('*', Grammar::Basic) if self.at_start => Token::Literal('*'),
            ('*', _) => Token::Repeat("*".to_owned()),
            ('^', Grammar::Extended) => Token::Start,
            ('^', Grammar::Basic) if self.at_start => Token::Start,
            ('$', Grammar::Extended) => Token::End,
            ('$', Grammar::Basic) if self.is_at_end() => Token::End,
            ('(', Grammar::Extended) => Token::Open,
            (')', Grammar::Extended) => Token::Close,
            ('|', Grammar::Extended) => Token::Or,
            ('+' | '?', Grammar::Extended) => Token::Repeat(c.to_string()),
            ('{', Grammar::Extended) => self.interval("}").map_or(Token::Literal('{'), Token::Repeat),
            (c, _) => Token::Literal(c),
        };
        self.at_start = matches!(token, Token::Open | Token::Or | Token::Start);
        Ok(Some(token))
    }

    /// Basic: whether a `$` just read ends the expression, a group or an alternative.
    fn is_at_end(&self) -> bool {
        let rest: String = self.rest.clone().take(2).collect();
        rest.is_empty() || rest == "\\)" || rest == "\\|"
    }

    fn escaped(&mut self) -> Result<Token, String> {
        let c = self.rest.next().ok_or("it ends with a backslash")?;
        Ok(match (c, self.grammar) {
            ('1'..='9', _) => Token::Ready(format!("\\g{{{c}}}")),
            ('w' | 'W' | 's' | 'S' | 'b' | 'B', _) => Token::Ready(format!("\\{c}")),
            ('<', _) => Token::Ready("\\b(?=\\w)".to_owned()),
            ('>', _) => Token::Ready("\\b(?<=\\w)".to_owned()),
            ('`', _) => Token::Ready("\\A".to_owned()),
            ('\'', _) => Token::Ready("\\z".to_owned()),
            ('(', Grammar::Basic) => Token::Open,
            (')', Grammar::Basic) => Token::Close,
            ('|', Grammar::Basic) => Token::Or,
            ('+' | '?', Grammar::Basic) => Token::Repeat(c.to_string()),
            ('{', Grammar::Basic) => Token::Repeat(self.interval("\\}").ok_or("the \\{ does not start a repetition")?),
            (c, _) => Token::Literal(c),
        })
    }

    /// What stands behind `{` up to its end, if it is a repetition.
    fn interval(&mut self, end: &str) -> Option<String> {
        let rest: String = self.rest.clone().collect();
        let (inside, _) = rest.split_once(end)?;
        let (least, most) = inside.split_once(',').map_or((inside, None), |(least, most)| (least, Some(most)));
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !number(least) || !most.is_none_or(number) || inside.is_empty() || inside == "," {
            return None;
        }
        for _ in 0..inside.chars().count() + end.len() {
            self.rest.next();
        }
        let least = if least.is_empty() { "0" } else { least };
        Some(most.map_or_else(|| format!("{{{least}}}"), |most| format!("{{{least},{most}}}")))
    }

    /// Behind `[`: a backslash is itself in there, and `[:alpha:]`, `[.x.]`, `[=x=]` are read.
    fn bracket(&mut self) -> Result<String, String> {
        let open = || "a [ is not closed".to_owned();
        let mut out = "[".to_owned();
        if self.rest.next_if_eq(&'^').is_some() {
            out.push('^');
        }
        if self.rest.next_if_eq(&']').is_some() {
            out.push_str("\\]");
        }
        loop {
            match self.rest.next().ok_or_else(open)? {
                ']' => break,
                '[' => match self.rest.next_if(|c| matches!(c, ':' | '.' | '=')) {
                    Some(kind) => out.push_str(&self.named(kind)?),
                    None => out.push_str("\\["),
                },
                c @ ('\\' | '^') => out.extend(['\\', c]),
                c => out.push(c),
            }
        }
        out.push(']');
        Ok(out)
    }

    /// Behind `[:`, `[.` or `[=`.
    fn named(&mut self, kind: char) -> Result<String, String> {
        let rest: String = self.rest.clone().collect();
        let (name, _) = rest.split_once(&format!("{kind}]")).ok_or("a [: [. or [= is not closed")?;
        for _ in 0..name.chars().count() + 2 {
            self.rest.next();
        }
        if kind == ':' {
            return Ok(format!("[:{name}:]"));
        }
        let mut chars = name.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) if c.is_ascii_punctuation() => Ok(format!("\\{c}")),
            (Some(c), None) => Ok(c.to_string()),
            _ => Err(format!("unknown character name \"{name}\"")),
        }
    }
}

#[cfg(test)]
mod tests;
