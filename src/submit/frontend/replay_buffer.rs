//! A copy of a submission for a second attempt: the runner may die after it has read everything and before it has
//! stored it. A small copy is held in memory, a large one in an unnamed file.

use std::fs::File;
use std::io;
use std::io::{Read, Seek, SeekFrom, Write};

use crate::sys::unnamed_file;

/// The most bytes held in memory.
const IN_MEMORY: usize = 256 * 1024;

/// The copy so far.
#[derive(Debug)]
pub enum ReplayBuffer {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file.
    File(File),
}

impl ReplayBuffer {
    /// Without content yet.
    #[must_use]
    pub fn new() -> Self {
        Self::Memory(Vec::new())
    }

    /// Reads the copy from the start.
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

impl Default for ReplayBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for ReplayBuffer {
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
mod tests;
