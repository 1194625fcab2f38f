//! smtpd.conf as words: quotes, comments, continued lines, macros and included files, as its parser reads them. A statement is
//! what stands on one line, or goes on inside braces.

use std::collections::BTreeMap;

/// A word or a sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A word, whether or not it was in quotes.
    Word(String),
    /// One of `{ } < > ! = , ( )`.
    Sign(char),
}

impl Token {
    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            Self::Sign(_) => None,
        }
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.word() == Some(word)
    }
}

/// The statements of a file and of those that it includes; `read` reads these, and `unread` is told of those it cannot.
pub(super) fn statements(
    text: &str,
    read: &dyn Fn(&str) -> Option<String>,
    unread: &mut Vec<String>,
) -> Vec<Vec<Token>> {
    let mut statements = Vec::new();
    let mut macros = BTreeMap::new();
    collect(text, read, &mut macros, &mut statements, unread);
    statements
}

type Macros = BTreeMap<String, String>;

fn collect(
    text: &str,
    read: &dyn Fn(&str) -> Option<String>,
    macros: &mut Macros,
    statements: &mut Vec<Vec<Token>>,
    unread: &mut Vec<String>,
) {
    let mut rest = text;
    while !rest.is_empty() {
        let (statement, behind) = statement(rest, macros);
        rest = behind;
        match statement.as_slice() {
            [] => {}
            [Token::Word(name), Token::Sign('='), Token::Word(value)] => {
                macros.insert(name.clone(), value.clone());
            }
            [include, Token::Word(path)] if include.is("include") => match read(path) {
                // One level: files that include themselves would never end.
                Some(text) => collect(&text, &|_| None, macros, statements, unread),
                None => unread.push(path.clone()),
            },
            _ => statements.push(statement),
        }
    }
}

/// The first statement of a text, and what follows it.
fn statement<'t>(text: &'t str, macros: &Macros) -> (Vec<Token>, &'t str) {
    let (mut tokens, mut depth) = (Vec::new(), 0_usize);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let behind = &rest[c.len_utf8()..];
        match c {
            '\n' if depth == 0 => return (tokens, behind),
            // A backslash continues a comment as well.
            '#' => rest = behind_comment(behind),
            '\\' => rest = behind.trim_start_matches([' ', '\t', '\r']).strip_prefix('\n').unwrap_or(behind),
            '"' | '\'' => {
                let (word, next) = quoted(behind, c);
                tokens.push(Token::Word(word));
                rest = next;
            }
            '$' => {
                let end = behind.find(|c: char| !is_of_macro(c)).unwrap_or(behind.len());
                if let Some(value) = macros.get(&behind[..end]) {
                    // What a macro says is taken apart, and macros in it are not looked for again.
                    tokens.extend(statement(&value.replace('\n', " "), &Macros::new()).0);
                }
                rest = &behind[end..];
            }
            '{' | '}' | '<' | '>' | '!' | '=' | ',' | '(' | ')' => {
                match c {
                    '{' => depth += 1,
                    '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                tokens.push(Token::Sign(c));
                rest = behind;
            }
            c if c.is_whitespace() => rest = behind,
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "(){}<>!=#,\"".contains(c)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
    }
    (tokens, rest)
}

/// The text from the end of the line, which a backslash before it moves to the next line's.
fn behind_comment(text: &str) -> &str {
    let mut from = 0;
    while let Some(at) = text[from..].find('\n') {
        if !text[from..from + at].ends_with('\\') {
            return &text[from + at..];
        }
        from += at + 1;
    }
    ""
}

/// What stands before the closing quote, and the text behind it.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut word = String::new();
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        match c {
            c if c == quote => return (word, &text[at + c.len_utf8()..]),
            '\n' => {}
            '\\' => match letters.peek() {
                Some((_, next)) if *next == quote || *next == ' ' || *next == '\t' => {
                    word.push(*next);
                    letters.next();
                }
                Some((_, '\n')) => {
                    letters.next();
                }
                _ => word.push(c),
            },
            c => word.push(c),
        }
    }
    (word, "")
}

fn is_of_macro(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
