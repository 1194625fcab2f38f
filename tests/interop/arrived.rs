//! A message as it lies in the provider's mailbox, and what its trace fields tell of the way it came.

/// One recipient's copy.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The whole file.
    pub raw: String,
}

impl Arrived {
    /// The value of the first field of that name, unfolded; empty if there is none.
    pub fn header(&self, name: &str) -> String {
        self.headers(name).into_iter().next().unwrap_or_default()
    }

    /// The values of all fields of that name, unfolded.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let head = self.raw.split("\n\n").next().unwrap_or_default();
        let unfolded = head.replace("\n\t", " ").replace("\n ", " ");
        unfolded
            .lines()
            .filter_map(|line| line.split_once(':'))
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .collect()
    }

    /// What follows the header.
    pub fn body(&self) -> &str {
        self.raw.split_once("\n\n").map_or("", |(_, body)| body)
    }

    /// The envelope sender, `<>` included.
    pub fn envelope_sender(&self) -> String {
        self.header("Return-Path")
    }

    /// The envelope recipient.
    pub fn envelope_recipient(&self) -> String {
        self.header("X-Original-To")
    }

    /// The SASL login under which it was submitted.
    pub fn login(&self) -> String {
        let received = self.header("Received");
        let after = received.split_once("(Authenticated sender: ").map_or("", |(_, after)| after);
        after.split(')').next().unwrap_or_default().to_owned()
    }

    /// Whether it came over TLS.
    pub fn over_tls(&self) -> bool {
        self.header("Received").contains("(using TLS")
    }
}
