//! What a provider received: the message as it came over the wire, with its envelope
//! and the login it came under.

/// A login that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The SASL mechanism.
    pub mechanism: String,
    /// Whose login it is.
    pub username: String,
}

/// One accepted message.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    /// Which connection, from 1.
    pub connection: usize,
    /// The EHLO name.
    pub ehlo: String,
    /// Whether TLS was on.
    pub tls: bool,
    /// Who was logged in.
    pub login: Option<Login>,
    /// MAIL FROM, without angle brackets; empty: the null sender.
    pub from: String,
    /// Parameters of MAIL, as `BODY=8BITMIME`.
    pub parameters: Vec<String>,
    /// RCPT TO, those accepted, without angle brackets.
    pub to: Vec<String>,
    /// Parameters of the RCPTs, in order.
    pub wishes: Vec<String>,
    /// Content with dots unstuffed, CRLF line ends.
    pub content: Vec<u8>,
}

impl Mail {
    /// The content as text; bytes that are no UTF-8 become U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }

    /// The header's bytes as text, up to the blank line.
    pub fn header(&self) -> String {
        let text = self.text();
        let end = text.find("\r\n\r\n").map_or(text.len(), |at| at + 2);
        text[..end].to_owned()
    }

    /// Everything behind the blank line.
    pub fn body(&self) -> &[u8] {
        let blank = self.content.windows(4).position(|window| window == b"\r\n\r\n");
        blank.map_or(&[][..], |at| &self.content[at + 4..])
    }

    /// The values of all fields of that name, unfolded and trimmed.
    pub fn fields(&self, name: &str) -> Vec<String> {
        let mut fields: Vec<String> = Vec::new();
        for line in self.header().split("\r\n") {
            match fields.last_mut() {
                Some(last) if line.starts_with([' ', '\t']) => last.push_str(line),
                _ => fields.push(line.to_owned()),
            }
        }
        let of_that_name = |field: &String| {
            let (found, value) = field.split_once(':')?;
            found.trim_end().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        fields.iter().filter_map(of_that_name).collect()
    }

    /// The value of the one field of that name.
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        let mut values = self.fields(name);
        assert_eq!(values.len(), 1, "exactly one {name} in:\n{}", self.header());
        values.remove(0)
    }

    /// The value of a MAIL parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}=");
        self.parameters.iter().find_map(|parameter| parameter.strip_prefix(prefix.as_str()))
    }

    /// Who was logged in.
    pub fn username(&self) -> &str {
        self.login.as_ref().map_or("", |login| login.username.as_str())
    }
}
