//! The TLS versions that a client offers, from the first bytes that it sent. For display alone: an old device is told from one
//! that does not speak TLS at all.

/// A `ClientHello` that is longer is not looked at to its end.
pub(super) const LONGEST: usize = 4096;

/// The versions, highest first, as in `TLS 1.2`; none: it is no `ClientHello`, or too little of one. A client that knows no list of
/// versions offers those up to the one that is told.
pub(super) fn versions(bytes: &[u8]) -> Vec<&'static str> {
    hello(bytes).unwrap_or_default()
}

fn hello(bytes: &[u8]) -> Option<Vec<&'static str>> {
    // The form of SSL 2 (RFC 5246 appendix E.2), which old clients begin with.
    if let [length, _, 1, major, minor, ..] = bytes
        && length & 0x80 != 0
    {
        return Some(named(&[[*major, *minor]]));
    }
    let [22, 3, _, rest @ ..] = bytes else { return None };
    let mut record = Bytes(rest);
    let length = record.number(2)?;
    // What a second record brings is not looked at.
    let mut body = Bytes(record.0.get(..length).unwrap_or(record.0));
    if body.number(1)? != 1 {
        return None;
    }
    body.number(3)?;
    let [major, minor, ..] = *body.0 else { return None };
    let listed = listed(&mut body).filter(|versions| !versions.is_empty());
    Some(named(&listed.unwrap_or_else(|| vec![[major, minor]])))
}

/// The extension `supported_versions` (RFC 8446 section 4.2.1).
fn listed(body: &mut Bytes<'_>) -> Option<Vec<[u8; 2]>> {
    body.skip(2 + 32)?;
    for width in [1, 2, 1] {
        let length = body.number(width)?;
        body.skip(length)?;
    }
    body.number(2)?;
    loop {
        let (kind, length) = (body.number(2)?, body.number(2)?);
        let value = body.skip(length)?;
        if kind == 43 {
            let pairs = value.get(1..)?.chunks_exact(2);
            return Some(pairs.filter_map(|pair| pair.try_into().ok()).collect());
        }
    }
}

/// Values that stand for nothing (RFC 8701) are left out.
fn named(versions: &[[u8; 2]]) -> Vec<&'static str> {
    let known =
        [([3, 4], "TLS 1.3"), ([3, 3], "TLS 1.2"), ([3, 2], "TLS 1.1"), ([3, 1], "TLS 1.0"), ([3, 0], "SSL 3.0")];
    let mut names: Vec<_> =
        known.iter().filter(|(version, _)| versions.contains(version)).map(|known| known.1).collect();
    if versions.contains(&[0, 2]) {
        names.push("SSL 2.0");
    }
    names
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn skip(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, width: usize) -> Option<usize> {
        Some(self.skip(width)?.iter().fold(0, |number, &byte| number << 8 | usize::from(byte)))
    }
}

#[cfg(test)]
mod tests;
