"""Haraka, from npm, with its plugins for TLS and logins and one of ours (haraka.js) for the mailboxes."""

import json
import os
import pathlib
import re

import provider

FILES = {
    "me": provider.DOMAIN,
    "host_list": provider.DOMAIN,
    "plugins": "tls\nauth/flat_file\nkeep",
    "smtp.ini": f"listen=127.0.0.1:{provider.PORT}\nnodes=0",
    "tls.ini": "key=tls_key.pem\ncert=tls_cert.pem",
    "auth_flat_file.ini": f"[core]\nmethods=PLAIN,LOGIN,CRAM-MD5\n\n[users]\nalice={provider.PASSWORD}",
    "log.ini": "[main]\nlevel=info",
}


class Server(provider.Program):
    title = "Haraka"
    rewrites = "fields with octets that are not ASCII; long lines of signed parts"
    npm = ("Haraka",)

    def command(self):
        for folder in ["config", "plugins"]:
            (self.state / folder).mkdir()
        shipped = (self.folder / "node_modules/Haraka/config/connection.ini").read_text()
        limited = re.sub("(?m)^bytes=.*", f"bytes={provider.MAX_SIZE}", shipped)
        (self.state / "config/connection.ini").write_text(limited)
        for name, text in FILES.items():
            (self.state / "config" / name).write_text(text + "\n")
        (self.state / "people").write_text("\n".join(provider.PEOPLE))
        for name in ["cert", "key"]:
            (self.state / f"config/tls_{name}.pem").write_text((self.state / f"{name}.pem").read_text())
        plugin = pathlib.Path(__file__).with_suffix(".js").read_text()
        (self.state / "plugins/keep.js").write_text(plugin)
        command = ["node", self.folder / "node_modules/Haraka/bin/haraka", "-c", self.state]
        return command, {**os.environ, "HARAKA_KEEP": str(self.keep)}

    def version(self):
        return json.loads((self.folder / "node_modules/Haraka/package.json").read_text())["version"]
