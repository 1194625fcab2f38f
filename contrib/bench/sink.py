"""A provider that accepts every login and message and discards them: implicit TLS on a loopback port, in a thread of this process."""

import socket
import ssl
import subprocess
import threading

NAME = "sink.example"


class Sink:
    """Listens once created; `messages` and `octets` count what it received."""

    def __init__(self, folder):
        self.certificate = folder / "sink.pem"
        self.messages = self.octets = 0
        make_certificate(folder, self.certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        threading.Thread(target=self.listen, args=(context, listener), daemon=True).start()

    def listen(self, context, listener):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self.converse, args=(context, client), daemon=True).start()

    def converse(self, context, client):
        try:
            with context.wrap_socket(client, server_side=True) as stream:
                self.dialogue(stream, stream.makefile("rb", buffering=1 << 16))
        except (OSError, ssl.SSLError) as trouble:
            print(f"  the provider lost a connection: {trouble}")

    def dialogue(self, stream, lines):
        stream.sendall(b"220 sink.example ESMTP\r\n")
        while line := lines.readline():
            verb = line.split(b" ")[0].strip().upper()
            if verb == b"EHLO":
                stream.sendall(b"250-sink.example\r\n250-8BITMIME\r\n250-SIZE 0\r\n250 AUTH PLAIN\r\n")
            elif verb == b"AUTH":
                stream.sendall(b"235 2.7.0 welcome\r\n")
            elif verb == b"DATA":
                stream.sendall(b"354 go on\r\n")
                if not self.take(lines):
                    return
                self.messages += 1
                stream.sendall(b"250 2.0.0 forgotten\r\n")
            elif verb == b"QUIT":
                stream.sendall(b"221 2.0.0 bye\r\n")
                return
            else:
                stream.sendall(b"250 2.0.0 ok\r\n")

    def take(self, lines):
        """Reads a message; whether it came to its end."""
        while (text := lines.readline()) != b".\r\n":
            if not text:
                return False
            self.octets += len(text)
        return True


def make_certificate(folder, path):
    """Self-signed, but not a CA certificate, which clients reject for a server."""
    config = folder / "sink.cnf"
    config.write_text(
        f"[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = server\n[name]\nCN = {NAME}\n"
        f"[server]\nsubjectAltName = DNS:{NAME}\nbasicConstraints = critical, CA:FALSE\n"
    )
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += ["-config", config, "-keyout", path, "-out", folder / "sink.crt"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    with open(path, "ab") as both:
        both.write((folder / "sink.crt").read_bytes())
