"""aiosmtpd, from PyPI: a library; the server around it is in this file too, and runs when the file is called as a program."""

import os
import pathlib
import sys


def serve():
    import asyncio
    import ssl

    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    import provider

    class Keeper:
        count = 0

        async def handle_RCPT(self, server, session, envelope, address, options):
            if address.split("@")[0] not in provider.PEOPLE:
                return "550 5.1.1 No such user here"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server, session, envelope):
            for recipient in envelope.rcpt_tos:
                Keeper.count += 1
                new = pathlib.Path(f"keep/.{Keeper.count}")
                new.write_bytes(envelope.original_content)
                new.rename(f"keep/{recipient},{Keeper.count}")
            return "250 OK"

    def authenticator(server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (b"alice", provider.PASSWORD.encode())
        # Left to the server, which says 535.
        return AuthResult(success=right, handled=False)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("cert.pem", "key.pem")
    more = {"auth_required": True, "require_starttls": True, "enable_SMTPUTF8": True, "data_size_limit": provider.MAX_SIZE}
    Controller(
        Keeper(), hostname="127.0.0.1", port=provider.PORT, tls_context=context, authenticator=authenticator, **more
    ).start()
    asyncio.new_event_loop().run_forever()


if __name__ == "__main__":
    serve()
else:
    import provider

    class Server(provider.Program):
        title = "aiosmtpd"
        pypi = ("aiosmtpd",)

        def command(self):
            # Not -P: the folder of this file holds a module of the library's name.
            here = pathlib.Path(__file__).resolve()
            start = f"import sys, runpy; sys.path[:0] = [{str(self.folder)!r}, {str(here.parent.parent)!r}]; "
            start += f"runpy.run_path({str(here)!r}, run_name='__main__')"
            return [sys.executable, "-c", start], dict(os.environ)

        def version(self):
            [information] = self.folder.glob("aiosmtpd-*.dist-info")
            return information.name.split("-")[1].removesuffix(".dist")
