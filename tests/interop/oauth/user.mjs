// A user with a browser: opens an address, and fills in whatever forms come, as this login and with this code for a device. Ends with
// the page of the provider that has no form, or where the browser is sent back to the program that waits on the loopback interface.
//
//   node user.mjs ADDRESS LOGIN [CODE]

let [address, login, code] = process.argv.slice(2);
const cookies = new Map();

const sent = (url) => [...cookies.values()].filter((c) => url.pathname.startsWith(c.path)).map((c) => c.pair).join('; ');

function keep(response) {
  for (const line of response.headers.getSetCookie()) {
    const [pair, ...attributes] = line.split(/; */);
    const [name, value] = pair.split('=');
    const at = attributes.find((text) => /^path=/i.test(text))?.slice(5) ?? '/';
    if (value) cookies.set(`${at} ${name}`, { path: at, pair });
    else cookies.delete(`${at} ${name}`);
  }
}

async function visit(place, form) {
  let url = new URL(place);
  let body = form;
  for (;;) {
    const options = body ? { method: 'POST', body: new URLSearchParams(body) } : {};
    const response = await fetch(url, { ...options, redirect: 'manual', headers: { cookie: sent(url) } });
    keep(response);
    if (response.status < 300 || response.status >= 400) return { url, status: response.status, text: await response.text() };
    url = new URL(response.headers.get('location'), url);
    body = undefined;
  }
}

const plain = (text) => text.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'");
const attribute = (tag, name) => plain(new RegExp(`${name}="([^"]*)"`).exec(tag)?.[1] ?? '');
const answers = { login, password: 'any', user_code: code };

let page = await visit(address);
for (;;) {
  const form = /<form[^]*?<\/form>/.exec(page.text)?.[0];
  if (!form || page.url.protocol === 'http:') break;
  const fields = {};
  for (const [tag] of form.matchAll(/<input[^>]*>/g)) {
    const name = attribute(tag, 'name');
    fields[name] = answers[name] ?? attribute(tag, 'value');
  }
  page = await visit(new URL(attribute(form, 'action'), page.url), fields);
}
console.log(page.status, page.text.replace(/<style[^]*<\/style>/, '').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' '));
process.exitCode = page.status === 200 ? 0 : 1;
