"""Whether a message arrived as it was handed in: the fields of its header, and each of its parts when it is decoded. What may differ is
what carries no meaning: how lines end, how a field is folded, how a part is encoded, and what servers add. Two changes are postrider's
own: a CR within a line becomes a blank, and a line of the header that is longer than SMTP allows is folded wherever it must be."""

import email
import re

# Octets of a field's value that may have to be folded where it has no blank.
LONGEST_LINE = 900
# What names an encoding, which may change on the way.
OF_ENCODING = ("mime-version", "content-type", "content-transfer-encoding")


def difference(sent, arrived):
    """The first difference in words; empty where there is none."""
    sent, arrived = email.message_from_bytes(sent), email.message_from_bytes(arrived)
    there = fields(arrived)
    for field in fields(sent):
        if field not in there:
            return f"header field changed or missing: {shortened(field)}"
        there.remove(field)
    before, after = list(leaves(sent)), list(leaves(arrived))
    if len(before) != len(after):
        return f"{len(before)} parts became {len(after)}"
    for number, (one, other) in enumerate(zip(before, after), start=1):
        if text(one) != text(other):
            return f"part {number}: {where(text(one), text(other))}"
    return ""


def fields(message):
    """Name and value of each field but those of an encoding and an empty one, without regard to folding."""
    # Not message.items(), which decodes what is not ASCII.
    found = [(name.lower(), unfolded(value)) for name, value in message._headers]
    return [field for field in found if field[0] not in OF_ENCODING and field[1]]


def unfolded(value):
    return re.sub(r"\s+", "" if len(value) > LONGEST_LINE else " ", value).strip()


def leaves(message):
    return (part for part in message.walk() if not part.is_multipart())


def text(part):
    """The octets of a part, with LF as the end of a line and without the last ones, which no protocol tells apart."""
    return re.sub(rb"\r+\n", b"\n", part.get_payload(decode=True) or b"").replace(b"\r", b" ").rstrip(b" \n")


def where(one, other):
    at = next((at for at, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
    return f"octet {at}: sent {one[at - 5:at + 15]!r}, arrived {other[at - 5:at + 15]!r}"


def shortened(field):
    return repr(": ".join(field))[:100]
