//! Whether programs that call sendmail reach postrider: who stands under the names that they know.

use std::fs;
use std::path::Path;

/// Where programs look for a mailer.
const NAMES: [&str; 2] = ["/usr/sbin/sendmail", "/usr/lib/sendmail"];

/// A text that every program of ours has inside.
const MARK: &[u8] = crate::config::locate::VARIABLE.as_bytes();

/// Each name, with one sentence, under which another mail program stands.
pub(super) fn taken_by_others() -> impl Iterator<Item = (&'static str, String)> {
    NAMES.into_iter().filter_map(|name| Some((name, taken(Path::new(name))?)))
}

fn taken(name: &Path) -> Option<String> {
    let Ok(program) = fs::read(name) else {
        return (name == Path::new(NAMES[0])).then(|| {
            format!(
                "{} does not exist, so programs that call it cannot send mail; run \"ln -s ../bin/postrider {}\"",
                name.display(),
                name.display()
            )
        });
    };
    if memchr::memmem::find(&program, MARK).is_some() {
        return None;
    }
    let shown = name.display();
    let real = fs::canonicalize(name).unwrap_or_else(|_| name.to_owned());
    let whose = if real == name { String::new() } else { format!(" ({})", real.display()) };
    Some(format!(
        "{shown} belongs to another mail program{whose}, which gets the mail of cron and all other programs; remove its package, or run \
         \"dpkg-divert --rename --add {shown}\" and install postrider's `sendmail` as {shown}"
    ))
}
