//! What an address field says, however it is written: its addresses, names and comments in order. A reader of its own, so that a fault
//! in postrider's does not hide itself.

/// The names of the fields that rewriting changes.
const NAMES: [&str; 16] = [
    "from",
    "sender",
    "reply-to",
    "errors-to",
    "return-receipt-to",
    "disposition-notification-to",
    "mail-followup-to",
    "to",
    "cc",
    "bcc",
    "apparently-to",
    "resent-from",
    "resent-sender",
    "resent-reply-to",
    "resent-to",
    "resent-cc",
];

/// One member of the list, between two commas.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// All words and marks without the white space between them; a quoted string with single blanks.
    text: String,
    /// Comments in order.
    comments: Vec<String>,
}

/// The name of an address field as written; none for other fields.
pub fn name(field: &[u8]) -> Option<&str> {
    let end = field.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(&field[..end]).ok()?;
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)).then_some(name)
}

/// The members of the list.
pub fn elements(value: &[u8]) -> Vec<Element> {
    let text: Vec<char> = value.iter().map(|byte| char::from(*byte)).collect();
    let mut elements = vec![Element::default()];
    let mut at = 0;
    while at < text.len() {
        let end = end_of_token(&text, at);
        let token: String = text[at..end].iter().collect();
        let element = elements.last_mut().unwrap();
        match text[at] {
            ' ' | '\t' | '\r' | '\n' => {}
            ',' => elements.push(Element::default()),
            ';' => {
                element.text.push(';');
                elements.push(Element::default());
            }
            '(' => element.comments.push(single_blanks(&token)),
            '"' => element.text.push_str(&single_blanks(&token)),
            _ => element.text.push_str(&token),
        }
        at = end;
    }
    elements.retain(|element| *element != Element::default());
    for element in &mut elements {
        // <a@x> without a name is a@x
        if let Some(inner) = element.text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            element.text = inner.to_owned();
        }
    }
    elements
}

fn end_of_token(text: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < text.len() {
        match (text[at], text[start]) {
            ('\\', _) => at += 1,
            ('(', '(') => depth += 1,
            (')', '(') => depth -= 1,
            ('"', '"') if at > start => return at + 1,
            _ => {}
        }
        at += 1;
        if text[start] != '"' && depth == 0 {
            return at.min(text.len());
        }
    }
    text.len()
}

fn single_blanks(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
