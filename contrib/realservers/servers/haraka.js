// Haraka's plugin for the mailboxes: who has one, and where a message goes.
"use strict";
const fs = require("fs");
const path = require("path");
const state = path.dirname(process.env.HARAKA_KEEP);
const known = new Set(fs.readFileSync(path.join(state, "people"), "utf8").split("\n"));
let count = 0;

exports.hook_rcpt = function (next, connection, params) {
  if (known.has(params[0].address.split("@")[0])) return next(OK);
  next(DENY, "no such user");
};

exports.hook_queue = function (next, connection) {
  const { rcpt_to, message_stream } = connection.transaction;
  message_stream.get_data((content) => {
    for (const recipient of rcpt_to) {
      count += 1;
      const hidden = path.join(process.env.HARAKA_KEEP, `.${count}`);
      fs.writeFileSync(hidden, content);
      fs.renameSync(hidden, path.join(process.env.HARAKA_KEEP, `${recipient.address},${count}`));
    }
    next(OK);
  });
};

// Mail of a client that has logged in takes this way.
exports.hook_queue_outbound = exports.hook_queue;
