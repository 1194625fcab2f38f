//! The cases as they stand in cases/*.txt: an argument list, the input, and what is known of the difference that it makes.
//!
//! A case starts with `=== what it is about`. Lines `setup:` (plain, generic, poor), `login:`, `gecos:`, `env:` (NAME=VALUE),
//! `args:` (words; '...' holds blanks) and `explained:` (why we differ from Postfix on purpose) follow as needed, then `---` and the
//! input up to the empty line before the next case. In `args:` and in the input a backslash makes `\\`,
//! `\0`, `\r`, `\n`, `\t`, `\xNN`, `\(NUMBER text)` (so many times the text), and nothing at all at the end of a line, together with
//! the line end.

/// One case.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// What it is about; unique.
    pub title: String,
    /// The set-up of both programs.
    pub setup: String,
    /// Who calls.
    pub login: String,
    /// The fifth field of the caller's passwd entry.
    pub gecos: String,
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// The arguments, as bytes.
    pub args: Vec<Vec<u8>>,
    /// The input.
    pub stdin: Vec<u8>,
    /// Why a difference is right.
    pub explained: Option<String>,
}

/// The cases of one file.
pub fn read(file: &str, text: &str) -> Vec<Case> {
    let text = format!("\n{text}");
    let mut blocks = text.split("\n=== ");
    assert_eq!(blocks.next().map(str::trim), Some(""), "{file}: text before the first case");
    blocks.map(|block| case(file, block)).collect()
}

fn case(file: &str, block: &str) -> Case {
    let (title, rest) = block.split_once('\n').unwrap_or((block, ""));
    let mut case = Case {
        title: title.trim().to_owned(),
        setup: "plain".to_owned(),
        login: "his".to_owned(),
        gecos: "His Name,,,".to_owned(),
        ..Case::default()
    };
    let (head, input) = rest.split_once("---\n").unwrap_or((rest, ""));
    for line in head.lines().filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once(':').unwrap_or_else(|| panic!("{file}: {title}: {line}"));
        let value = value.trim();
        match key {
            "setup" => value.clone_into(&mut case.setup),
            "login" => value.clone_into(&mut case.login),
            "gecos" => value.clone_into(&mut case.gecos),
            "args" => case.args = words(value),
            "explained" => case.explained = Some(value.to_owned()),
            "env" => {
                let (name, value) = value.split_once('=').unwrap();
                case.env.push((name.to_owned(), value.to_owned()));
            }
            other => panic!("{file}: {title}: unknown key {other}"),
        }
    }
    case.stdin = unescape(input);
    case
}

/// Words divided by blanks; '...' holds blanks, and is a word even when empty.
fn words(text: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words.iter().map(|word| unescape(word)).collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&escape, behind) = rest.split_first().expect("something behind a backslash");
        rest = behind;
        match escape {
            b'\n' => {}
            b'\\' => bytes.push(b'\\'),
            b'0' => bytes.push(0),
            b'r' => bytes.push(b'\r'),
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'q' => bytes.push(b'\''),
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &rest[2..];
            }
            b'(' => {
                let end = rest.iter().position(|byte| *byte == b')').expect("the end of a repetition");
                let (number, text) = std::str::from_utf8(&rest[..end]).unwrap().split_once(' ').unwrap();
                bytes.extend(unescape(text).repeat(number.parse().unwrap()));
                rest = &rest[end + 1..];
            }
            other => panic!("unknown escape \\{} in {text}", char::from(other)),
        }
    }
    bytes
}
