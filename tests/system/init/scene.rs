//! A newcomer before one provider: `init` on a terminal, where the first login is refused and the second is not, and without anybody
//! to ask, where the provider plays all that it is known to refuse. All that was shown is held against a file in `recorded`, for
//! people to read; `POSTRIDER_RENEW=yes` renews it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::deliver::name_server::Network;
use crate::machine::Ended;
use support::provider::{Provider, Rule, Setup, Verb, on};

/// What the newcomer has in hand.
pub const PASSWORD: &str = "correct horse";

/// What `init` says when it begins to log in; what is in front of that is the same each time.
const LOGIN: &str = "- logging in, to test it\n";

/// What a provider is known to refuse.
pub struct Refusal {
    /// When, and in which words.
    rule: Rule,
    words: &'static str,
    /// How `init` ends.
    code: i32,
    /// What it says to do.
    cure: &'static str,
}

/// The login is refused in these words.
pub fn login(words: &'static str, code: i32, cure: &'static str) -> Refusal {
    at(on(Verb::Auth), words, code, cure)
}

/// Something else is.
pub fn at(rule: Rule, words: &'static str, code: i32, cure: &'static str) -> Refusal {
    Refusal { rule: rule.reply(words), words, code, cure }
}

/// A provider and its newcomer.
pub struct Scene {
    /// Of the recorded file.
    pub name: &'static str,
    pub address: &'static str,
    /// Its submission server.
    pub server: Setup,
    /// Authorities of other servers in the network.
    pub authorities: Vec<String>,
    /// What is answered on a terminal until the password is asked for.
    pub typed: &'static [&'static str],
    /// After the first password, before the login.
    pub typed_after: &'static [&'static str],
    /// What takes the place of these answers where nobody is there; `FINGERPRINT` is that of the server.
    pub options: &'static [&'static str],
    /// The first, a login, is played on the terminal as well.
    pub refusals: Vec<Refusal>,
}

/// A correct server with this name, at this port, with these mechanisms and this user name.
pub fn server(name: &str, port: u16, mechanisms: &str, username: &str) -> Setup {
    let setup = Provider::setup().named(name).at(port).login(username, PASSWORD);
    let setup = setup.without("AUTH").offers(&format!("AUTH {mechanisms}"));
    if port == 465 { setup.implicit_tls() } else { setup }
}

impl Scene {
    /// One whose proposals a newcomer accepts, and that refuses nothing.
    pub fn of(name: &'static str, address: &'static str, server: Setup) -> Self {
        let (authorities, refusals) = (Vec::new(), Vec::new());
        Self { name, address, server, authorities, typed: &["", ""], typed_after: &[], options: &[], refusals }
    }

    /// Plays it in this network.
    pub fn play(self, network: &Network) {
        let isp = self.server.start();
        let authorities = [&[isp.authority()], &self.authorities.iter().map(String::as_str).collect::<Vec<_>>()[..]];
        let authorities = authorities.concat();
        let made = network.made();
        let config = || fs::read_to_string(made.join("config.toml")).unwrap();
        let mut told = String::new();

        // Its first password is refused, and it has another one.
        isp.add(self.refusals[0].rule.clone().once());
        let typed = [self.typed, &[PASSWORD], self.typed_after, &["again", "", PASSWORD]].concat();
        let shown = network.typed_init(&authorities, &[self.address], &typed);
        assert_eq!(shown.code, Some(0), "{}", shown.text);
        assert!(shown.text.contains(self.refusals[0].cure), "{}", shown.text);
        write!(told, "$ postrider init {}\n{}\n", self.address, shown.text).unwrap();
        let by_hand = config();
        write!(told, "$ cat /etc/postrider/config.toml\n{by_hand}\n").unwrap();
        let written = made.join("secrets").read_dir().unwrap().next().unwrap().unwrap().path();
        assert_eq!(fs::read_to_string(written).unwrap(), format!("{PASSWORD}\n"));

        let given = made.with_file_name("given");
        fs::write(&given, format!("{PASSWORD}\n")).unwrap();
        let usual = ["--address", self.address, "--yes", "--password-file", given.to_str().unwrap()];
        let of_server = |option: &&'static str| if *option == "FINGERPRINT" { isp.fingerprint() } else { option };
        let options: Vec<&str> = self.options.iter().map(of_server).collect();
        let unattended = || {
            fs::remove_dir_all(&made).unwrap_or_default();
            network.init(&authorities, &[&usual, &options[..]].concat())
        };
        let given =
            [&["$ postrider init --address", self.address, "--yes --password-file FILE"], self.options].concat();
        writeln!(told, "{}", given.join(" ")).unwrap();
        for refusal in &self.refusals {
            isp.behave();
            isp.add(refusal.rule.clone());
            let Ended { code, said, printed } = unattended();
            let told_of = format!("{said}{printed}");
            assert_eq!(code, Some(refusal.code), "{}: {told_of}", refusal.words);
            let (words, cure) = (refusal.words, refusal.cure);
            assert!(told_of.contains(cure), "{words}: {cure:?} in\n{told_of}");
            assert!(!told_of.contains(PASSWORD), "{told_of}");
            let end = told_of.split_once(LOGIN).map_or(told_of.as_str(), |(_, end)| end);
            write!(told, "[the server says: {}]\n{end}[exit status {}]\n", refusal.words, refusal.code).unwrap();
        }
        isp.behave();
        let before = isp.received();
        let ended = unattended();
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        let same = |text: &str| text.replace(':', "");
        assert_eq!(same(&config()), same(&by_hand), "the same as by hand");
        let mails = isp.mails().split_off(before);
        let senders: Vec<&str> = mails.iter().map(|mail| mail.from.as_str()).collect();
        assert_eq!(senders, [self.address; 2], "as root and as a login");
        recorded(self.name, &without_fingerprints(&told.replace(made.to_str().unwrap(), "/etc/postrider")));
    }
}

/// Each certificate is a new one.
fn without_fingerprints(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == ':';
    let mut told = String::new();
    for piece in text.split_inclusive(|c| !is_part(c)) {
        let word = piece.trim_end_matches(|c| !is_part(c));
        told.push_str(if word.len() < 64 { word } else { "FINGERPRINT" });
        told.push_str(&piece[word.len()..]);
    }
    told
}

/// Holds a text against the recorded one.
#[track_caller]
pub fn recorded(name: &str, told: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/system/init/recorded/{name}.txt"));
    if std::env::var_os("POSTRIDER_RENEW").is_some() {
        fs::write(&file, told).unwrap();
    }
    let known = fs::read_to_string(&file).unwrap_or_default();
    assert!(known == told, "not as in {} (POSTRIDER_RENEW=yes renews it):\n{told}", file.display());
}
