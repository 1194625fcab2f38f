"""nodemailer's smtp-server, from npm: a library; smtp_server.js is the server around it."""

import json
import os
import pathlib

import provider


class Server(provider.Program):
    title = "nodemailer smtp-server"
    npm = ("smtp-server",)

    def command(self):
        program = pathlib.Path(__file__).with_suffix(".js").resolve()
        limits = [str(provider.MAX_SIZE), str(provider.MAX_CONNECTIONS)]
        people = ",".join(provider.PEOPLE)
        return ["node", program, self.folder, str(provider.PORT), provider.PASSWORD, *limits, people], dict(os.environ)

    def version(self):
        return json.loads((self.folder / "node_modules/smtp-server/package.json").read_text())["version"]
