"""chasquid, from Debian. It closes after the third error of a connection, and its limit of 100 recipients is built in."""

import re

from provider import DOMAIN, OWNER, PASSWORD, PEOPLE, Debian

CONFIG = f"""hostname: "{DOMAIN}"
max_data_size_mb: 1
submission_address: "127.0.0.1:587"
mail_delivery_agent_bin: "/usr/local/bin/keep"
mail_delivery_agent_args: "%to%"
data_dir: "/var/lib/chasquid"
mail_log_path: "/var/log/chasquid.log"
suffix_separators: ""
"""


class Server(Debian):
    title = "chasquid"
    debian = ("chasquid",)
    login = OWNER
    command = ("chasquid",)

    def prepare(self):
        self.write("etc/chasquid/chasquid.conf", CONFIG)
        self.write("etc/chasquid/hooks/post-data", "#!/bin/sh\n", 0o755)
        self.empty("var/lib/chasquid")
        certificates = f"etc/chasquid/certs/{DOMAIN}"
        self.write(f"{certificates}/fullchain.pem", (self.root / "etc/provider/cert.pem").read_text())
        self.write(f"{certificates}/privkey.pem", (self.root / "etc/provider/key.pem").read_text())
        users = self.root / f"etc/chasquid/domains/{DOMAIN}/users"
        users.parent.mkdir(parents=True, exist_ok=True)
        users.unlink(missing_ok=True)
        self.run("chasquid-util", "user-add", OWNER, f"--password={PASSWORD}")
        # Making each password by itself takes a while: all have the same.
        entry = users.read_text()
        users.write_text("".join(re.sub(r'"alice"', f'"{name}"', entry) for name in PEOPLE))
