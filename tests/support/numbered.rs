//! Messages of numbered lines, which show whether they arrived whole.

use crate::provider::Mail;

/// A message that shows whether it is whole: numbered lines, and their count at both ends.
pub fn message(name: &str, lines: u64) -> String {
    let body: Vec<String> = (0..lines).map(|at| format!("{name} line {at} of {lines}\n")).collect();
    let body = body.concat();
    format!("Subject: {name}\nX-Lines: {lines}\n\n{body}{name} ends after {lines}\n")
}

/// Whether such a message arrived as it was sent.
pub fn is_whole(mail: &Mail) -> bool {
    let (name, lines) = (mail.field("Subject"), mail.field("X-Lines").parse().unwrap());
    let wanted = message(&name, lines).split_once("\n\n").unwrap().1.replace('\n', "\r\n");
    mail.body() == wanted.as_bytes()
}
