//! `discard_ehlo_keywords`: what of a server's offer is taken as not made, in the words of Postfix's
//! `smtp_discard_ehlo_keywords`.

/// Keywords that decide something here.
const USED: [&str; 10] = [
    "8bitmime",
    "auth",
    "chunking",
    "dsn",
    "enhancedstatuscodes",
    "limits",
    "pipelining",
    "size",
    "smtputf8",
    "starttls",
];

/// Keywords that Postfix knows as well, and that are never used here.
const UNUSED: [&str; 6] = ["etrn", "requiretls", "verp", "vrfy", "xclient", "xforward"];

/// Says that nothing is to be logged.
const SILENT: &str = "silent-discard";

/// A list of keywords, and whether discarding one is logged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EhloKeywords {
    discarded: Vec<String>,
    is_silent: bool,
}

impl EhloKeywords {
    /// Adds a word; `false`: it is none of those that are known.
    #[must_use]
    pub fn add(&mut self, word: &str) -> bool {
        let word = word.to_ascii_lowercase();
        if word == SILENT {
            self.is_silent = true;
            return true;
        }
        let is_known = Self::words().any(|known| known == word);
        if USED.contains(&word.as_str()) && !self.discarded.contains(&word) {
            self.discarded.push(word);
        }
        is_known
    }

    /// Every word that may be listed.
    pub fn words() -> impl Iterator<Item = &'static str> {
        USED.into_iter().chain(UNUSED).chain([SILENT])
    }

    /// Whether a keyword, in any case, is taken as not offered.
    #[must_use]
    pub fn discards(&self, keyword: &str) -> bool {
        self.discarded.iter().any(|discarded| discarded.eq_ignore_ascii_case(keyword))
    }

    /// The keywords of a reply to EHLO that are not left in it, to be logged.
    #[must_use]
    pub fn logged(&self, lines: &[String]) -> Vec<String> {
        let offered = lines.iter().skip(1).filter_map(|line| keyword(line));
        let discarded = offered.filter(|keyword| !self.is_silent && self.discards(keyword));
        discarded.map(str::to_ascii_uppercase).collect()
    }

    /// The reply to EHLO without them. The first line has the server's name.
    #[must_use]
    pub fn left_of(&self, lines: Vec<String>) -> Vec<String> {
        let stays = |line: &String| !keyword(line).is_some_and(|keyword| self.discards(keyword));
        lines.into_iter().enumerate().filter(|(at, line)| *at == 0 || stays(line)).map(|(_, line)| line).collect()
    }
}

/// The first word of a line; `AUTH=LOGIN` is the old form of AUTH.
fn keyword(line: &str) -> Option<&str> {
    let word = line.split_ascii_whitespace().next()?;
    Some(word.split('=').next().unwrap_or(word))
}
