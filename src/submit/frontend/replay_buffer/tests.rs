//! Unit tests of `submit::frontend::replay_buffer`.
#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn little_and_much_come_again_as_often_as_they_are_asked_for() {
    for length in [0, 10, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY] {
        let mut buffer = ReplayBuffer::new();
        let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        bytes.chunks(1000).for_each(|piece| buffer.write_all(piece).unwrap());
        for _ in 0..2 {
            let mut again = Vec::new();
            buffer.again().unwrap().read_to_end(&mut again).unwrap();
            assert!(again == bytes, "{length}");
        }
        assert_eq!(matches!(buffer, ReplayBuffer::File(_)), length > IN_MEMORY);
    }
}
