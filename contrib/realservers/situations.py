"""What postrider is put through at each server, and what may become of it."""

import re
from dataclasses import dataclass, field, replace

import batch
import verdict
from batch import plain
from client import Client
from provider import DOMAIN, MAX_SIZE, PASSWORD

# With one connection and no limit of ours, the server's own limits are met.
GREEDY = "max_messages_per_connection = 1000"
CROWD = "max_messages_per_connection = 1\nmax_connections = 20"
REJECTED_LOGIN = r"login|password|AUTH|535|530"
CROWDED = r"(?i)too many|connections|closed the connection|\b421\b"


@dataclass
class Situation:
    """`may` are the states that the outcome of a recipient with a mailbox may have; without one, bounced is added."""

    name: str
    messages: list
    may: set = field(default_factory=lambda: {"delivered"})
    account: str = GREEDY
    options: list = field(default_factory=list)
    password: str = PASSWORD
    login: bool = True
    # What may stop the account, as a regular expression.
    stops: str = r"\A\b\B"


def situations():
    either = {"delivered", "bounced", "failed", "queued"}
    some = [plain(f"some.{number}", recipients=[f"r{number}"]) for number in range(3)]
    large = plain("large", body=(b"z" * 70 + b"\n") * (MAX_SIZE * 3 // 71))
    parameters = ["-N", "success,failure,delay", "-R", "hdrs", "-V", "envelope-1"]
    crowd = [plain(f"many.{number}", recipients=[f"r{number}"]) for number in range(60)]
    errors = [plain(f"errors.{number}", recipients=[*(f"nobody{n}" for n in range(30)), f"r{number}"]) for number in range(2)]
    unknown = [plain(f"unknown.{number}", recipients=[f"nobody{number}"]) for number in range(8)]
    everybody = [plain(f"everybody.{number}", recipients=[f"r{n}" for n in range(150)]) for number in range(2)]
    return [
        Situation("a batch of odd messages", batch.messages(), either),
        Situation("wrong password", some, {"queued"}, password="wrong", stops=REJECTED_LOGIN),
        Situation("no login configured", some, {"queued"}, login=False, stops=REJECTED_LOGIN),
        Situation("sender not owned", [plain("unowned", sender=f"mallory@{DOMAIN}"), *some], {"delivered", "queued"}),
        Situation("null sender", [plain("null", sender="<>"), *some]),
        Situation("larger than SIZE", [large, *some], {"delivered", "bounced"}),
        Situation("DSN parameters", some, options=parameters),
        Situation("recipients without a mailbox", [*unknown, *some]),
        # A server that closes after a few errors gets five new sessions a minute for a message, twenty an hour in all.
        Situation("an error for each of 30 recipients", [*errors, *some], {"delivered", "queued"}),
        Situation("150 recipients", everybody),
        Situation("60 messages on one connection", crowd),
        Situation("20 connections at once", crowd, account=CROWD, stops=CROWDED),
        Situation("NUL and a lone CR", [plain("nul", body=b"a\0b\n"), plain("return", body=b"a\rb\n"), *some]),
        Situation("a line of 70000 octets", [plain("line", body=b"l" * 70_000 + b"\n"), *some]),
        Situation("a header line of 3000 octets", [plain("field", fields=[b"X-Long: " + b"h" * 3000]), *some], {"delivered", "bounced"}),
    ]


def mailbox_situations():
    """Those that concern a server of mailboxes on this machine: it knows no login, and limits neither sizes nor recipients."""
    without = {"wrong password", "no login configured", "sender not owned", "larger than SIZE", "DSN parameters", "20 connections at once"}
    for situation in situations():
        if situation.name not in without:
            local = [one for one in situation.messages if all(to.endswith(f"@{DOMAIN}") for to in one.recipients)]
            yield replace(situation, messages=local)
    yield Situation("20 MB", [plain("20MB", recipients=["bob", "r1"], body=(b"m" * 63 + b"\n") * 312_500)])


def all_of(server, program, only):
    """Starts a server and runs what applies to it. Gives the exit status."""
    server.start()
    print(f"\n{server.title} {server.version()}", flush=True)
    wrong = 0
    for situation in mailbox_situations() if server.is_local else situations():
        if only is None or re.search(only, situation.name):
            with Client(program, server, situation.account, situation.password, situation.login) as client:
                for message in situation.messages:
                    client.submit(message, *situation.options)
                client.run()
                wrong += verdict.show(situation, server, client)
    return 1 if wrong else 0


