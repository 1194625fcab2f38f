"""aiosmtpd as a submission server: STARTTLS on one port, TLS at once on the other, one login, messages into a folder.

Usage: aiosmtpd_server.py FOLDER PORT PORT LOGIN PASSWORD"""

import signal
import ssl
import sys
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

folder, submission, submissions, login, password = sys.argv[1:]


class Keeper:
    count = 0

    async def handle_DATA(self, server, session, envelope):
        Keeper.count += 1
        head = f"Return-Path: <{envelope.mail_from}>\r\nEnvelope-To: {', '.join(envelope.rcpt_tos)}\r\n".encode()
        new = Path(folder) / f"mail/tmp.{Keeper.count}"
        new.write_bytes(head + envelope.original_content)
        new.rename(Path(folder) / f"mail/new/{Keeper.count}")
        return "250 2.0.0 kept"


def authenticator(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (login.encode(), password.encode())
    # Left to the server, which says 535.
    return AuthResult(success=right, handled=False)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(Path(folder) / "chain.pem")
both = {"hostname": "127.0.0.1", "authenticator": authenticator, "auth_required": True, "enable_SMTPUTF8": True}
Controller(Keeper(), port=int(submission), tls_context=context, require_starttls=True, **both).start()
# The connection is TLS before the protocol sees it: it would not know.
Controller(Keeper(), port=int(submissions), ssl_context=context, auth_require_tls=False, **both).start()
signal.pause()
