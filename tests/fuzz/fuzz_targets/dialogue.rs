//! The dialogue of a listener: any bytes, as a whole and in pieces, bring the same well-formed replies, and nothing is stored without
//! a login. tests/end_to_end/submit/dialogue_fuzz.rs does the same on a stable toolchain.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider::config::Mechanism;
use postrider::mail::address::{Address, ReversePath};
use postrider::submit::smtp_server::dialogue::{
    Attempt, Client, Clients, Decision, Dialogue, Envelope, Limits, LineEnds, LoginRule, Message, Offered, Policy, Refusal,
    Service, Settings, TlsRule,
};
use postrider::submit::smtp_server::policy::Proof;
use postrider::submit::smtp_server::serve::Conversation;

struct House;

impl Policy for House {
    fn sender(&mut self, client: &Client, _sender: &ReversePath) -> Result<(), Refusal> {
        assert!(client.login.is_some());
        Ok(())
    }

    fn recipient(&mut self, client: &Client, _envelope: &Envelope, _to: &Address) -> Result<(), Refusal> {
        assert!(client.login.is_some());
        Ok(())
    }
}

struct Incoming(usize);

impl Message for Incoming {
    fn write(&mut self, content: &[u8]) -> Result<(), Refusal> {
        self.0 += content.len();
        assert!(self.0 <= 2000);
        Ok(())
    }

    fn finish(self) -> Result<String, Refusal> {
        Ok("stored".to_owned())
    }
}

impl Service for House {
    type Message = Incoming;

    fn login(&mut self, _client: &Client, attempt: &Attempt) -> Decision {
        let is_right = matches!(&attempt.proof, Proof::Password(password) if password.expose() == "pencil");
        Decision::at_once(if is_right { Ok(()) } else { Err(Refusal::new(535, "5.7.8", "wrong")) })
    }

    fn begin(&mut self, client: &Client, envelope: &Envelope) -> Result<Incoming, Refusal> {
        assert!(client.login.is_some() && !envelope.recipients.is_empty());
        Ok(Incoming(0))
    }
}

fn replies(input: &[u8], piece: usize) -> Vec<u8> {
    let offered = Offered { secured: vec![Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login], in_the_clear: Vec::new() };
    let settings = Settings {
        hostname: "box.home.lan".to_owned(),
        tls: TlsRule::Absent,
        login: LoginRule::Required(offered),
        clients: Clients::Network,
        line_ends: LineEnds::Normalized,
        limits: Limits { line: 300, recipients: 3, size: 2000, faults: 20, logins: 3 },
    };
    let mut dialogue = Dialogue::new(settings, House);
    dialogue.secured("TLSv1.3", None);
    let mut conversation = Conversation::new(dialogue);
    let mut replies = Vec::new();
    for piece in input.chunks(piece) {
        let answer = conversation.answer(piece, |_| {});
        replies.extend_from_slice(&answer.replies);
        if answer.end.is_some() {
            break;
        }
    }
    replies
}

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (piece, input) = input;
    let whole = replies(&input, usize::MAX);
    assert_eq!(whole, replies(&input, usize::from(piece) + 1));
    for line in whole.split_inclusive(|byte| *byte == b'\n') {
        assert!(line.ends_with(b"\r\n") && line.len() <= 512 && line[..3].iter().all(u8::is_ascii_digit));
    }
});
