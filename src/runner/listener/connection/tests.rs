//! Tests of how long a client may keep the runner waiting.

use super::*;

#[test]
fn a_client_that_waits_for_the_runner_is_not_idle() {
    let (stream, mut client) = UnixStream::pair().unwrap();
    let connection = Connection::new(stream).unwrap();
    std::thread::sleep(Duration::from_millis(2));
    assert!(connection.idle() >= Duration::from_millis(2), "it has not said anything yet");
    client.write_all(b"all of it").unwrap();
    assert_eq!({ &connection }.read(&mut [0; 16]).unwrap(), 9);
    std::thread::sleep(Duration::from_millis(2));
    assert_eq!(connection.idle(), Duration::ZERO);
}

#[test]
fn a_client_that_does_not_read_is_waited_for_once() {
    let (stream, client) = UnixStream::pair().unwrap();
    let connection = Connection::new(stream).unwrap();
    let mut writer = DeadlineWriter { connection: &connection, left: Duration::from_millis(300) };
    let begun = Instant::now();
    let answer = vec![b'x'; 4 << 20];
    assert!(writer.write_all(&answer).is_err());
    assert!(writer.write_all(b"the end\n").is_err());
    assert!(begun.elapsed() >= Duration::from_millis(300));
    // A client that reads a little now and then gets no more time.
    let mut writer = DeadlineWriter { connection: &connection, left: Duration::from_millis(300) };
    let reader = std::thread::spawn(move || {
        let mut some = [0; 4096];
        while matches!((&client).read(&mut some), Ok(1..)) {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let begun = Instant::now();
    assert!(writer.write_all(&answer).is_err());
    assert!(begun.elapsed() < Duration::from_secs(5));
    connection.disconnect();
    reader.join().unwrap();
}
