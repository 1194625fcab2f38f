"""The batch: 210 messages with what occurs in real mail and what should not, the same ones in every run. Each has a mark in its header,
by which its copies are found in the mailboxes."""

import base64
import random
from dataclasses import dataclass

from provider import DOMAIN, MAX_SIZE, OWNER

TEN = 10
WORDS = "mail queue report disk backup certificate renewed überwachung größe данные 数据 naïve job finished warning error".split()


@dataclass
class Message:
    """What is given to sendmail."""

    mark: str
    sender: str
    recipients: list
    content: bytes


def mailbox(*names):
    return [f"{name}@{DOMAIN}" for name in names]


def header(mark, *fields):
    lines = [f"X-Mark: {mark}", f"From: <{OWNER}>", f"To: <bob@{DOMAIN}>", f"Message-ID: <{mark}@home.example>"]
    return b"".join(line.encode() + b"\n" for line in lines) + b"".join(field + b"\n" for field in fields) + b"\n"


def plain(mark, sender=OWNER, recipients=("bob",), body=b"Hello\n", fields=()):
    """A message with one odd thing, named by the arguments."""
    return Message(mark, sender, mailbox(*recipients), header(mark, b"Subject: " + mark.encode(), *fields) + body)


def text(chance, lines):
    return "".join(" ".join(chance.choices(WORDS, k=9)) + "\n" for _ in range(lines)).encode()


def long(chance, character=b"x"):
    return character * (chance.choice([989, 990, 991, 997, 998, 999, 1000, 2000, 3000, 5000]) // len(character))


def ordinary(chance, mark):
    return plain(mark, body=text(chance, chance.randrange(1, 60)))


def raw_header(chance, mark):
    charset = chance.choice(["utf-8", "utf-16-le"])
    return plain(mark, fields=[b"X-Raw: " + "größe überall".encode(charset).replace(b"\0", b"\xff"), b"Comments: \xe9\xff\xfe"])


def long_line(chance, mark):
    return plain(mark, body=b"before\n" + long(chance) + b"\nafter\n")


def long_line_8bit(chance, mark):
    return plain(mark, body=long(chance, "ü".encode()) + b"\n" + long(chance, b"\xfc") + b"\n")


def dots(chance, mark):
    return plain(mark, body=b"\n".join(b"." * chance.randrange(0, 4) for _ in range(20)) + b"\n.\n..\n.hidden\n")


def no_final_newline(chance, mark):
    return plain(mark, body=text(chance, 3) + chance.choice([b"end", b".", b"end\r", b"..", b"\xc3"]))


def nul(chance, mark):
    return plain(mark, body=b"a\0b\n" + b"\0" * chance.randrange(1, 2000) + b"\nend\n")


def bare_return(chance, mark):
    return plain(mark, body=b"progress 10%\rprogress 20%\r" * chance.randrange(1, 50) + b"\rdone\r\r\n\r\nend\n")


def empty(chance, mark):
    whole = plain(mark, body=b"")
    whole.content = chance.choice([whole.content, whole.content[:-1], whole.content[:-2]])
    return whole


def signed(chance, mark):
    part = b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nsigned \xc3\xbc " + long(chance)
    kind = b'Content-Type: multipart/signed; boundary="b"; protocol="application/pgp-signature"; micalg=pgp-sha256'
    signature = b"Content-Type: application/pgp-signature\n\n-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\n"
    return plain(mark, fields=[b"MIME-Version: 1.0", kind], body=b"--b\n" + part + b"\n--b\n" + signature + b"--b--\n")


def attachment(chance, mark):
    kind = b'Content-Type: multipart/mixed; boundary="=_b"'
    octets = base64.encodebytes(chance.randbytes(chance.randrange(1, 60_000)))
    first = b"--=_b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + text(chance, 5)
    second = b"--=_b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n" + octets
    return plain(mark, fields=[b"MIME-Version: 1.0", kind], body=first + second + b"--=_b--\n")


def some_unknown(chance, mark):
    known = [f"r{number}" for number in chance.sample(range(150), 6)]
    unknown = [f"nobody{chance.randrange(1000)}" for _ in range(2)]
    return plain(mark, recipients=[*known, *dict.fromkeys(unknown)])


def many(chance, mark):
    return plain(mark, recipients=[f"r{number}" for number in range(chance.randrange(95, 150))])


def all_unknown(chance, mark):
    return plain(mark, recipients=[f"nobody{chance.randrange(1000)}"])


def unowned(chance, mark):
    return plain(mark, sender=chance.choice([f"mallory@{DOMAIN}", "root@home.example", "spam@elsewhere.example"]))


def null_sender(chance, mark):
    return plain(mark, sender="<>", body=text(chance, 2), fields=[b"Auto-Submitted: auto-replied"])


def international(chance, mark):
    return Message(mark, OWNER, [chance.choice([f"jürgen@{DOMAIN}", "bob@bücher.example"])], header(mark, "Subject: für".encode()) + b"x\n")


def big_header(chance, mark):
    references = b"References:" + b"".join(b"\n <%d.%d@home.example>" % (number, chance.randrange(10**9)) for number in range(700))
    unfolded = b"X-Long: " + long(chance) if chance.random() < 0.5 else b"X-Words: " + b"word " * 700
    return plain(mark, fields=[references, unfolded])


def many_fields(chance, mark):
    return plain(mark, fields=[b"X-Field-%d: %d" % (number, chance.randrange(1000)) for number in range(500)])


def too_large(chance, mark):
    return plain(mark, body=(b"y" * 70 + b"\n") * (MAX_SIZE // 71 + chance.randrange(1000, 20_000)))


def odd_fields(chance, mark):
    odd = [b"Subject:", b"X-Empty: ", b"X-Folded:\n \n\t folded", b"To: undisclosed-recipients:;", b"Date: yesterday", b"X-Tab:\tx"]
    return plain(mark, body=b"From here on\n>From there\n", fields=chance.sample(odd, 4))


KINDS = [
    *(ordinary, raw_header, long_line, long_line_8bit, dots, no_final_newline, nul, bare_return, empty, signed, attachment),
    *(some_unknown, many, all_unknown, unowned, null_sender, international, big_header, many_fields, too_large, odd_fields),
]


def messages():
    chance = random.Random(20261129)
    made = [kind(chance, f"{kind.__name__.replace('_', '-')}.{number}") for kind in KINDS for number in range(TEN)]
    chance.shuffle(made)
    return made
