"""Compares what postrider says with what lies in the mailboxes, and prints one situation's part of the table."""

import re
import time

from provider import DOMAIN, MAILBOXES

ORDER = ["delivered", "bounced", "failed", "queued", "unknown", "refused by sendmail", "lost"]
SHOWN = 12


def show(situation, server, client):
    """Prints the row; gives how many things are wrong."""
    outcomes = client.outcomes()
    counts, reasons, problems = {}, {}, []
    returned = client.returned()
    for message in situation.messages:
        for recipient in dict.fromkeys(message.recipients):
            state, reason = outcome(message, recipient, outcomes, client)
            counts[state] = counts.get(state, 0) + 1
            if state != "delivered":
                kind = (state, normal(reason))
                reasons.setdefault(kind, []).append(message.mark.split(".")[0])
            where = f"{message.mark} to {recipient}"
            if state == "lost":
                problems.append(f"lost: {where}")
            elif state == "bounced" and message.sender != "<>" and message.mark not in returned:
                problems.append(f"bounced, but nothing went back: {where}")
            may = situation.may if has_mailbox(recipient) else situation.may | {"bounced", "failed"}
            if state not in may | {"refused by sendmail", "lost"}:
                problems.append(f"{state}: {where}: {reason}")
    problems += in_mailboxes(situation, server, outcomes, client)
    stops = [reason for _, reason in client.accounts() if not re.search(situation.stops, reason)]
    problems += [f"the account stopped: {reason}" for reason in stops]
    row = ", ".join(f"{state} {counts[state]}" for state in ORDER if state in counts)
    print(f"  {'FAILED ' if problems else ''}{situation.name}: {row}")
    for (state, reason), marks in sorted(reasons.items(), key=lambda item: -len(item[1])):
        named = ", ".join(dict.fromkeys(marks))
        print(f"      {len(marks)} {state}: {reason} ({named})")
    for grade, reason in client.accounts():
        print(f"      log, {grade}: {reason}")
    if client.exit_status != 0:
        print(f"      {client.status.split('|')[0]}")
    for problem in problems[:SHOWN]:
        print(f"    ! {problem}")
    if problems[SHOWN:]:
        print(f"    ! and {len(problems) - SHOWN} more")
    print(end="", flush=True)
    return len(problems)


def outcome(message, recipient, outcomes, client):
    if message.mark in client.refused:
        return "refused by sendmail", client.refused[message.mark]
    found = outcomes.get((message.mark, recipient))
    if found is None and not recipient.isascii():
        local, domain = recipient.rsplit("@", 1)
        found = outcomes.get((message.mark, f"{local}@{domain.encode('idna').decode()}"))
    return found or ("lost", "")


def in_mailboxes(situation, server, outcomes, client):
    """What the server said it took arrives once and as it was sent; what it refused does not arrive."""
    due = {key for key, (state, _) in outcomes.items() if state == "delivered" and has_mailbox(key[1])}
    due = {(address.split("@")[0], mark) for mark, address in due}
    end = time.monotonic() + 20
    while (missing := due - set(found := server.copies())) and time.monotonic() < end:
        time.sleep(0.3)
    problems = [f"delivered, but not in the mailbox: {mark} to {local}" for local, mark in sorted(missing)]
    ours = {message.mark: message.content for message in situation.messages}
    for (local, mark), copies_of_it in sorted(found.items()):
        if mark not in ours:
            continue
        if len(copies_of_it) > 1:
            problems.append(f"{len(copies_of_it)} copies of {mark} for {local}")
        changed = server.difference(ours[mark], copies_of_it[0])
        if changed and not server.rewrites:
            problems.append(f"not as it was sent: {mark} to {local}: {changed}")
        state, reason = outcomes.get((mark, f"{local}@{DOMAIN}"), ("delivered", ""))
        if state not in ("delivered", "unknown"):
            problems.append(f"{state}, but in the mailbox: {mark} to {local}: {reason}")
    server.forget()
    return problems


def has_mailbox(recipient):
    return re.fullmatch(f"{MAILBOXES}@{re.escape(DOMAIN)}", recipient) is not None


def normal(reason):
    """A reason without what differs between messages, so that equal ones are counted together."""
    reason = re.sub(r"[\w.+=-]+@[\w.-]+", "ADDRESS", reason)
    return re.sub(r"\b(?=\w*\d)[0-9A-Za-z]{8,}\b|nobody\d+|\d{5,}", "N", reason)[:400]
