// nodemailer's smtp-server: a library; this is the server around it. It is called in the folder with the certificate and keep/.
// Arguments: the folder of node_modules, the port, the password, the largest size, the most connections, people in a comma list.
"use strict";
const fs = require("fs");
const [folder, port, password, size, connections, people] = process.argv.slice(2);
const { SMTPServer } = require(`${folder}/node_modules/smtp-server`);
const known = new Set(people.split(","));
let count = 0;

function refusal(code, text) {
  return Object.assign(new Error(text), { responseCode: code });
}

const server = new SMTPServer({
  cert: fs.readFileSync("cert.pem"),
  key: fs.readFileSync("key.pem"),
  size: Number(size),
  maxClients: Number(connections),
  hideENHANCEDSTATUSCODES: false,
  hideDSN: false,
  disableReverseLookup: true,
  onAuth(auth, session, done) {
    const right = auth.username === "alice" && auth.password === password;
    done(null, right ? { user: "alice" } : {});
  },
  onRcptTo(address, session, done) {
    done(known.has(address.address.split("@")[0]) ? null : refusal(550, "no such user"));
  },
  onData(stream, session, done) {
    const parts = [];
    stream.on("data", (part) => parts.push(part));
    stream.on("end", () => {
      if (stream.sizeExceeded) return done(refusal(552, "message too large"));
      for (const { address } of session.envelope.rcptTo) {
        count += 1;
        fs.writeFileSync(`keep/.${count}`, Buffer.concat(parts));
        fs.renameSync(`keep/.${count}`, `keep/${address},${count}`);
      }
      done();
    });
  },
});
server.on("error", (error) => console.error(error.message));
server.listen(Number(port), "127.0.0.1");
