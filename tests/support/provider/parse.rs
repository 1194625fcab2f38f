//! Reading what stands on a line: reply codes, paths with parameters, base64.

/// The code that opens a reply; 0: none.
pub fn code(bytes: &[u8]) -> u16 {
    let digits = bytes.get(..3).and_then(|three| std::str::from_utf8(three).ok());
    digits.and_then(|three| three.parse().ok()).unwrap_or(0)
}

/// 2yz.
pub fn positive(code: u16) -> bool {
    (200..300).contains(&code)
}

/// `MAIL FROM:<path> PARAMETER...`
pub fn path_and_parameters(line: &str, prefix: &str) -> Option<(String, Vec<String>)> {
    let head = line.get(..prefix.len())?;
    let rest = line.get(prefix.len()..)?.strip_prefix('<')?;
    let (path, parameters) = rest.rsplit_once('>')?;
    let parameters = parameters.split_whitespace().map(str::to_owned).collect();
    head.eq_ignore_ascii_case(prefix).then(|| (path.to_owned(), parameters))
}

/// Base64 (RFC 4648) to text; `None` where it is none.
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xFF) as u8);
        }
    }
    String::from_utf8(bytes).ok()
}
