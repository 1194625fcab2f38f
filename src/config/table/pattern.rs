//! Pattern tables in memory (`pcre_table(5)`, `regexp_table(5)`): rows are tried in order
//! on the whole key. A row that cannot be read ends what the table can say: what would
//! have got past it is in doubt.

use pcre2::bytes::{Captures, Regex, RegexBuilder};

use super::posix::{Grammar, to_pcre};
use super::text::{first_row, join, logical_rows};

/// The language of a table's patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `regexp:`, POSIX.
    Posix,
    /// `pcre:`, Perl's.
    Pcre,
}

/// Whether a pattern of Perl's is in a text; `None`: it is no pattern, or takes too long.
#[must_use]
pub fn perl_fits(pattern: &str, text: &str) -> Option<bool> {
    Regex::new(pattern).ok()?.is_match(text.as_bytes()).ok()
}

/// A row that has an answer, or the one that prevents it; its line, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) line: u32,
    pub(super) value: Result<String, String>,
}

/// The rules up to the first bad row.
#[derive(Debug)]
pub(super) struct Patterns {
    rules: Vec<Rule>,
    /// All of them, with their lines.
    bad: Vec<(u32, String)>,
    /// Ifs without an end; they reach to the end, as with Postfix.
    unclosed: Vec<u32>,
    /// What is ignored, as by Postfix.
    ignored: Vec<(u32, String)>,
}

/// An if whose endif is still to come.
#[derive(Debug, Clone, Copy)]
struct OpenIf {
    line: u32,
    /// Its rule, unless the row is bad.
    rule: Option<usize>,
}

#[derive(Debug)]
struct Rule {
    line: u32,
    test: Test,
    then: Then,
}

#[derive(Debug)]
enum Then {
    Answer(Vec<Piece>),
    /// `if`: the rules up to this index apply only if the test holds.
    Until(usize),
}

#[derive(Debug)]
struct Test {
    regex: Regex,
    holds: Holds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    OnMatch,
    /// `!`.
    OnNoMatch,
}

/// What came of a test.
enum Tried<'k> {
    Failed,
    /// Nothing matched, as wanted.
    Held,
    Matched(Captures<'k>),
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Patterns {
    /// Reads a table's text.
    pub(super) fn new(text: &[u8], dialect: Dialect) -> Self {
        let mut patterns = Self { rules: Vec::new(), bad: Vec::new(), unclosed: Vec::new(), ignored: Vec::new() };
        let (mut open, mut end) = (Vec::new(), None);
        for row in logical_rows(text, first_row(text)) {
            let joined = join(&text[row.span]);
            let known = patterns.rules.len();
            if let Err(problem) = patterns.row(&joined, row.line, dialect, &mut open) {
                patterns.bad.push((row.line, problem));
                // The rows behind it are read for their problems only.
                end.get_or_insert(known);
            }
        }
        let end = end.unwrap_or(patterns.rules.len());
        patterns.unclosed.extend(open.iter().map(|open| open.line));
        patterns.rules.truncate(end);
        for rule in &mut patterns.rules {
            if let Then::Until(until) = &mut rule.then {
                *until = (*until).min(end);
            }
        }
        patterns
    }

    /// The first row for this key.
    pub(super) fn find(&self, key: &str) -> Option<Answer> {
        let mut at = 0;
        while let Some(rule) = self.rules.get(at) {
            at += 1;
            let answer = |value| Some(Answer { line: rule.line, value });
            match (rule.test.on(key), &rule.then) {
                (Err(problem), _) => return answer(Err(problem)),
                (Ok(Tried::Matched(captures)), Then::Answer(pieces)) => {
                    return answer(Ok(filled(pieces, Some(&captures))));
                }
                (Ok(Tried::Held), Then::Answer(pieces)) => return answer(Ok(filled(pieces, None))),
                (Ok(Tried::Failed), Then::Until(end)) => at = *end,
                (Ok(Tried::Failed), Then::Answer(_)) | (Ok(Tried::Held | Tried::Matched(_)), Then::Until(_)) => {}
            }
        }
        self.bad.first().map(|(line, problem)| Answer { line: *line, value: Err(problem.clone()) })
    }

    /// Whether a row's value, where it is the same for every key, is wanted.
    pub(super) fn has_value(&self, is_wanted: &dyn Fn(&str) -> bool) -> bool {
        self.rules.iter().any(|rule| match &rule.then {
            Then::Answer(pieces) => {
                let is_fixed = pieces.iter().all(|piece| matches!(piece, Piece::Text(_)));
                is_fixed && is_wanted(&filled(pieces, None))
            }
            Then::Until(_) => false,
        })
    }

    /// Lines and problems.
    pub(super) fn problems(&self) -> Vec<(u32, String)> {
        let unclosed =
            self.unclosed.iter().map(|line| (*line, "this if has no endif: add one after its entries".into()));
        unclosed.chain(self.bad.iter().cloned()).collect()
    }

    /// Lines, and what is ignored in them.
    pub(super) fn ignored(&self) -> Vec<(u32, String)> {
        self.ignored.clone()
    }

    fn row(&mut self, row: &[u8], line: u32, dialect: Dialect, open: &mut Vec<OpenIf>) -> Result<(), String> {
        let row = std::str::from_utf8(row).map_err(|_| "this entry is not UTF-8: save the file as UTF-8")?.trim();
        if let Some(rest) = word(row, "endif") {
            let start = open.pop().ok_or("this endif has no if: remove it")?;
            if let Some(rule) = start.rule {
                self.rules[rule].then = Then::Until(self.rules.len());
            }
            self.ignore(line, "this endif", rest.trim());
            return Ok(());
        }
        let Some(rest) = word(row, "if") else {
            let (test, result) = test(row, dialect)?;
            let pieces = template(result, &test)?;
            self.rules.push(Rule { line, test, then: Then::Answer(pieces) });
            return Ok(());
        };
        // Its endif is to come, also where the pattern is bad.
        open.push(OpenIf { line, rule: None });
        let (test, result) = test(rest.trim_start(), dialect)?;
        if let Some(open) = open.last_mut() {
            open.rule = Some(self.rules.len());
        }
        self.ignore(line, "the pattern of this if", result);
        self.rules.push(Rule { line, test, then: Then::Until(usize::MAX) });
        Ok(())
    }

    /// A row that is indented continues the one above it, and so goes the same way.
    fn ignore(&mut self, line: u32, what: &str, text: &str) {
        if !text.is_empty() {
            let problem = format!(
                "\"{text}\" after {what} is ignored: put comments and entries on lines of their own, without a blank before them"
            );
            self.ignored.push((line, problem));
        }
    }
}

impl Test {
    fn on<'k>(&self, key: &'k str) -> Result<Tried<'k>, String> {
        let captures = self
            .regex
            .captures(key.as_bytes())
            .map_err(|error| format!("the pattern of this entry fails on \"{key}\" ({error}): simplify it"))?;
        Ok(match (self.holds, captures) {
            (Holds::OnMatch, Some(captures)) => Tried::Matched(captures),
            (Holds::OnNoMatch, None) => Tried::Held,
            (Holds::OnMatch, None) | (Holds::OnNoMatch, Some(_)) => Tried::Failed,
        })
    }
}

/// What stands behind a keyword, in any case, that no letter or digit follows.
fn word<'r>(row: &'r str, keyword: &str) -> Option<&'r str> {
    let start = row.get(..keyword.len())?;
    let rest = &row[keyword.len()..];
    (start.eq_ignore_ascii_case(keyword) && !rest.starts_with(|c: char| c.is_ascii_alphanumeric())).then_some(rest)
}

/// `!/pattern/flags`, and what stands behind it.
fn test(row: &str, dialect: Dialect) -> Result<(Test, &str), String> {
    let mut rest = row;
    let mut holds = Holds::OnMatch;
    while let Some(behind) = rest.strip_prefix('!') {
        holds = if holds == Holds::OnMatch { Holds::OnNoMatch } else { Holds::OnMatch };
        rest = behind.trim_start();
    }
    let delimiter = rest.chars().next().ok_or("this entry has no pattern: write /PATTERN/ RESULT")?;
    if delimiter.is_alphanumeric() || delimiter == '\\' {
        return Err("this entry does not start with a pattern: write /PATTERN/ RESULT".to_owned());
    }
    let rest = &rest[delimiter.len_utf8()..];
    let end = pattern_end(rest, delimiter).ok_or_else(|| format!("the pattern has no closing {delimiter}"))?;
    let (pattern, rest) = (&rest[..end], &rest[end + delimiter.len_utf8()..]);
    let (flags, result) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
    Ok((Test { regex: compile(pattern, flags, dialect)?, holds }, result.trim()))
}

/// Where the delimiter stands that no backslash protects.
fn pattern_end(text: &str, delimiter: char) -> Option<usize> {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == delimiter {
            return Some(at);
        }
    }
    None
}

/// The letters behind a pattern; each turns round what Postfix does without it.
#[derive(Clone, Copy)]
struct Flags<'f>(&'f str);

impl<'f> Flags<'f> {
    fn read(letters: &'f str, dialect: Dialect) -> Result<Self, String> {
        // E and X change nothing for a key without a line end, with today's library.
        let known = match dialect {
            Dialect::Posix => "imx",
            Dialect::Pcre => "imxsAUEX",
        };
        match letters.chars().find(|letter| !known.contains(*letter)) {
            None => Ok(Self(letters)),
            Some(letter) => Err(format!("unknown flag \"{letter}\": put a blank before the result")),
        }
    }

    /// Whether a flag that is off in Postfix is on: each letter turns it over.
    fn turns_on(self, letter: char) -> bool {
        self.0.matches(letter).count() % 2 == 1
    }

    /// Whether a flag that is on in Postfix still is.
    fn leaves_on(self, letter: char) -> bool {
        !self.turns_on(letter)
    }
}

fn compile(pattern: &str, letters: &str, dialect: Dialect) -> Result<Regex, String> {
    let flags = Flags::read(letters, dialect)?;
    let bad = |what: String| format!("invalid pattern: {what}");
    let mut builder = RegexBuilder::new();
    let multi_line = flags.turns_on('m');
    builder.utf(true).caseless(flags.leaves_on('i')).multi_line(multi_line);
    let pattern = match dialect {
        Dialect::Posix => {
            let grammar = if flags.leaves_on('x') { Grammar::Extended } else { Grammar::Basic };
            builder.dotall(!multi_line);
            to_pcre(pattern, grammar).map_err(bad)?
        }
        Dialect::Pcre => {
            let extended = flags.turns_on('x');
            builder.dotall(flags.leaves_on('s')).extended(extended);
            let ungreedy = if flags.turns_on('U') { "(?U)" } else { "" };
            // A comment (flag x) must not hide the closing parenthesis.
            let line_end = if extended { "\n" } else { "" };
            if flags.turns_on('A') {
                format!("{ungreedy}\\A(?:{pattern}{line_end})")
            } else {
                format!("{ungreedy}{pattern}")
            }
        }
    };
    builder.build(&pattern).map_err(|error| bad(error.to_string()))
}

/// `$1`, `${1}`, `$(1)`; `$$` is a dollar.
fn template(result: &str, test: &Test) -> Result<Vec<Piece>, String> {
    if result.is_empty() {
        return Err("this entry has no result: write /PATTERN/ RESULT".to_owned());
    }
    let mut pieces = Vec::new();
    let mut rest = result;
    while let Some((text, behind)) = rest.split_once('$') {
        pieces.push(Piece::Text(text.to_owned()));
        if let Some(behind) = behind.strip_prefix('$') {
            pieces.push(Piece::Text("$".to_owned()));
            rest = behind;
            continue;
        }
        let (name, behind) = group_name(behind)?;
        let number: usize = name.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
            format!("\"${name}\" in the result is not a group: write $1, ${{1}} or $(1); $$ for a dollar")
        })?;
        if test.holds == Holds::OnNoMatch {
            return Err(format!("the result uses ${number}, but its pattern starts with ! and so has no matched text"));
        }
        if number >= test.regex.captures_len() {
            return Err(format!("the result uses ${number}, but the pattern has no such ( )"));
        }
        pieces.push(Piece::Group(number));
        rest = behind;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces.retain(|piece| *piece != Piece::Text(String::new()));
    Ok(pieces)
}

/// The name behind a dollar, and the rest.
fn group_name(text: &str) -> Result<(&str, &str), String> {
    let closed = |open: char, close: char| text.strip_prefix(open).map(|inside| inside.split_once(close));
    match closed('{', '}').or_else(|| closed('(', ')')) {
        Some(Some(parts)) => Ok(parts),
        Some(None) => Err("a bracket after $ in the result is not closed".to_owned()),
        None => {
            let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
            Ok(text.split_at(end))
        }
    }
}

fn filled(pieces: &[Piece], captures: Option<&Captures<'_>>) -> String {
    let group = |number: usize| {
        let found = captures.and_then(|captures| captures.get(number));
        found.map(|found| String::from_utf8_lossy(found.as_bytes()).into_owned()).unwrap_or_default()
    };
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Group(number) => group(*number),
        })
        .collect()
}

#[cfg(test)]
mod tests;
