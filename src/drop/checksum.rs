//! CRC-32 (IEEE 802.3), as zip files have it: behind a submission it shows whether all of it came to be on disk.

const POLYNOMIAL: u32 = 0xEDB8_8320;

/// Of the octets so far.
#[derive(Debug, Clone, Copy)]
pub struct Checksum(u32);

impl Default for Checksum {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Checksum {
    /// Goes on with these.
    pub fn pass(&mut self, octets: &[u8]) {
        self.0 = octets.iter().fold(self.0, |sum, octet| {
            let sum = sum ^ u32::from(*octet);
            (0..8).fold(sum, |sum, _| (sum >> 1) ^ (POLYNOMIAL & 0_u32.wrapping_sub(sum & 1)))
        });
    }

    /// As it stands behind them.
    #[must_use]
    pub fn end(self) -> [u8; 4] {
        (!self.0).to_be_bytes()
    }
}

#[cfg(test)]
mod tests;
