// Looks at an HTML report in a headless Chromium, over the DevTools pipe: no package is needed.
// node browser.mjs CHROMIUM REPORT.html -> one JSON object on standard output; the Rust test judges it.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [chromium, file] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), 'uncharted-browser-'));
const child = spawn(chromium, ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
child.on('exit', (code, signal) => {
  rmSync(profile, { recursive: true, force: true });
  if (!done) console.error(`chromium ended early: ${code} ${signal}`);
  process.exit(done ? 0 : 1);
});
// A browser that hangs is a failure, not a wait.
setTimeout(() => { console.error(`no answer for 60 s, at ${step}`); child.kill(); }, 60000).unref();
let done = false;
let step = 'start';
const waiting = new Map();
const events = [];
let last = 0;
let rest = '';
child.stdio[4].on('data', (data) => {
  const parts = (rest + data).split('\0');
  rest = parts.pop();
  for (const part of parts) {
    const message = JSON.parse(part);
    if (!message.id) { events.push(message); continue; }
    const { resolve, reject } = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) reject(new Error(message.error.message)); else resolve(message.result);
  }
});
const send = (method, params = {}, sessionId) => new Promise((resolve, reject) => {
  last += 1;
  step = `${method} ${params.expression ?? ''}`;
  waiting.set(last, { resolve, reject });
  child.stdio[3].write(JSON.stringify({ id: last, method, params, sessionId }) + '\0');
});
const until = async (fits) => {
  for (;;) {
    if (events.some(fits)) return;
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
};

const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
const page = (method, params) => send(method, params, sessionId);
const value = async (expression) => (await page('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true })).result.value;
await Promise.all([page('Page.enable'), page('Runtime.enable'), page('Log.enable'), page('Network.enable')]);
const begun = Date.now();
await page('Page.navigate', { url: pathToFileURL(file).href });
await until((event) => event.method === 'Page.loadEventFired');
const result = { widths: {}, load_ms: 0 };
await value('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
result.load_ms = Date.now() - begun;
for (const width of [360, 1280, 1920]) {
  await page('Emulation.setDeviceMetricsOverride', { width, height: 900, deviceScaleFactor: 1, mobile: false });
  result.widths[width] = await value('document.documentElement.scrollWidth');
  // Texts that stick out of their own box, but for those that scroll.
  result.widths[`${width}-out`] = await value(`[...document.querySelectorAll('main *')].filter((e) => !e.closest('svg, .scroll, .diagram, details:not([open]) > :not(summary)')).slice(0, 2500).filter((e) => e.getBoundingClientRect().right > ${width} + 1).length`);
}
const findings = "[...document.querySelectorAll('.finding')]";
result.findings = await value(`${findings}.length`);
if (result.findings > 0) {
  const shown = `${findings}.filter((e) => !e.hidden).length`;
  result.reason = await value("document.querySelector('.finding').dataset.reason");
  await value("(() => { const e = document.getElementById('reason'); e.value = document.querySelector('.finding').dataset.reason; e.dispatchEvent(new Event('change')); })()");
  result.by_reason = await value(shown);
  result.of_reason = await value(`${findings}.filter((e) => e.dataset.reason === document.querySelector('.finding').dataset.reason).length`);
  await value("document.getElementById('clear').click()");
  result.after_clear = await value(shown);
  await value("(() => { const e = document.getElementById('search'); e.value = 'no such text anywhere'; e.dispatchEvent(new Event('input')); })()");
  await value('new Promise((resolve) => setTimeout(resolve, 200))');
  result.by_nonsense = await value(shown);
  await value("document.getElementById('clear').click()");
}
result.badges = await value("document.querySelectorAll('a.badge').length");
if (result.badges > 0) {
  result.click = await value("(async () => { const a = document.querySelector('a.badge'); location.hash = a.getAttribute('href'); await new Promise((resolve) => setTimeout(resolve, 100)); const at = document.getElementById(location.hash.slice(1)); return at && at.closest('details').open; })()");
}
result.dead_links = await value("[...document.querySelectorAll('a[href^=\"#\"]')].filter((a) => !document.getElementById(a.getAttribute('href').slice(1))).length");
result.scripts = await value("document.scripts.length");
result.hacked = await value("Boolean(window.hacked)");
await page('Emulation.setEmulatedMedia', { media: 'print' });
result.print_hidden = await value(`(() => { dispatchEvent(new Event('beforeprint')); return [...document.querySelectorAll('.finding, .row')].slice(0, 300).filter((e) => e.lastElementChild.getBoundingClientRect().height === 0).length; })()`);
result.requests = events.filter((event) => event.method === 'Network.requestWillBeSent' && !event.params.request.url.startsWith('file:')).map((event) => event.params.request.url);
result.complaints = events.filter((event) => event.method === 'Log.entryAdded' || event.method === 'Runtime.exceptionThrown' || event.method === 'Runtime.consoleAPICalled').map((event) => JSON.stringify(event.params).slice(0, 300));
console.log(JSON.stringify(result));
done = true;
await send('Browser.close').catch(() => {});
