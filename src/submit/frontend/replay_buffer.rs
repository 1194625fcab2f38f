//! What was passed on is kept until somebody says that it is stored: whoever was to store it
//! may die half-way. Little is kept in memory, much in an unnamed file.

use std::fs::File;
use std::io;
use std::io::{Read, Seek, SeekFrom, Write};

use crate::sys::unnamed_file;

/// Octets kept in memory.
const IN_MEMORY: usize = 256 * 1024;

/// The octets so far.
#[derive(Debug)]
pub enum Kept {
    /// Few.
    Memory(Vec<u8>),
    /// Many.
    File(File),
}

impl Kept {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::Memory(Vec::new())
    }

    /// All of it again, from the start.
    pub fn again(&mut self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Memory(bytes) => Box::new(&bytes[..]),
            Self::File(file) => {
                file.seek(SeekFrom::Start(0))?;
                Box::new(file)
            }
        })
    }
}

impl Default for Kept {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Self::Memory(held) = self {
            if held.len() + bytes.len() <= IN_MEMORY {
                held.extend_from_slice(bytes);
                return Ok(bytes.len());
            }
            let mut file = unnamed_file::create()?;
            file.write_all(held)?;
            *self = Self::File(file);
        }
        match self {
            Self::File(file) => file.write(bytes),
            Self::Memory(_) => Ok(0),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn little_and_much_come_again_as_often_as_they_are_asked_for() {
        for length in [0, 10, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY] {
            let mut kept = Kept::new();
            let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            bytes.chunks(1000).for_each(|piece| kept.write_all(piece).unwrap());
            for _ in 0..2 {
                let mut again = Vec::new();
                kept.again().unwrap().read_to_end(&mut again).unwrap();
                assert!(again == bytes, "{length}");
            }
            assert_eq!(matches!(kept, Kept::File(_)), length > IN_MEMORY);
        }
    }
}
