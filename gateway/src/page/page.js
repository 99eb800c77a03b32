// Lists the operations of openapi.json and lets people try them. All text goes into the page as text, never as markup.

const MOST_SHOWN = 500;
const find = (id) => document.getElementById(id);
let api = null;
let running = null;

/** An element with properties and children. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** What a reference leads to. */
function resolve(part) {
  if (!part || !part.$ref) return part;
  return part.$ref.slice(2).split("/").reduce((at, name) => at[name], api);
}

/** The little Markdown that comments have: paragraphs, lists, `code`. */
function prose(text) {
  const inline = (line) => line.split("`").map((piece, at) => (at % 2 ? make("code", {}, piece) : piece));
  const block = make("div", { class: "text" });
  for (const paragraph of (text || "").split(/\n\s*\n/)) {
    if (/^- /.test(paragraph)) {
      const items = paragraph.split(/\n?^- /m).filter(Boolean);
      block.append(make("ul", {}, ...items.map((item) => make("li", {}, ...inline(item.replace(/\n\s*/g, " "))))));
    } else if (paragraph.trim()) {
      block.append(make("p", {}, ...inline(paragraph.replace(/\n/g, " "))));
    }
  }
  return block;
}

/** JSON with colours. */
function coloured(text) {
  const parts = [];
  const token = /("(?:\\.|[^"\\])*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/g;
  let last = 0;
  for (const match of text.matchAll(token)) {
    parts.push(text.slice(last, match.index));
    const kind = match[1] ? (match[2] ? "k" : "s") : "n";
    parts.push(make("span", { class: kind }, match[1] || match[0]), match[2] || "");
    last = match.index + match[0].length;
  }
  return [...parts, text.slice(last)];
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function operations() {
  const all = [];
  for (const [path, item] of Object.entries(api.paths)) {
    for (const [verb, operation] of Object.entries(item)) all.push({ path, verb, ...operation });
  }
  return all;
}

function list() {
  const wanted = find("filter").value.toLowerCase().split(/\s+/);
  const current = decodeURIComponent(location.hash.slice(1));
  const groups = api.tags.map((tag) => {
    const fits = (it) => wanted.every((word) => `${it.verb} ${it.path} ${it.operationId} ${it.summary}`.toLowerCase().includes(word));
    const links = operations().filter((it) => it.tags[0] === tag.name && fits(it)).map((it) =>
      make("a", { href: `#${it.operationId}`, title: it.summary, "aria-current": it.operationId === current ? "page" : null },
        make("span", { class: `verb ${it.verb}` }, it.verb.toUpperCase()), make("span", {}, it.path)));
    return links.length ? make("section", {}, make("h3", {}, tag.name), ...links) : null;
  });
  find("list").replaceChildren(...groups.filter(Boolean));
}

function overview() {
  find("main").replaceChildren(
    make("h2", {}, api.info.title), prose(api.info.description),
    ...api.tags.flatMap((tag) => [make("h3", {}, tag.name), prose(tag.description)]),
    make("p", { class: "text" }, "Choose an operation to see what it takes and to try it."));
}

function kindOf(schema) {
  const it = resolve(schema) || {};
  return it.enum ? "enum" : it.type === "array" ? `${kindOf(it.items)}, repeated` : [it.format || it.type].flat().join(" or ") || "text";
}

/** One parameter as a row of the form. */
function field(parameter) {
  const id = `${parameter.in}-${parameter.name}`;
  const schema = resolve(parameter.schema) || {};
  let input;
  if (schema.enum || schema.type === "boolean") {
    const values = schema.enum || ["true", "false"];
    input = make("select", { id }, make("option", { value: "" }, "—"), ...values.map((value) => make("option", {}, value)));
  } else {
    const example = parameter.example === undefined ? "" : String(parameter.example);
    input = make("input", { id, autocomplete: "off", spellcheck: "false", placeholder: parameter.in === "path" ? "" : example });
    if (parameter.required) input.value = example;
  }
  input.required = Boolean(parameter.required);
  const place = `${parameter.in}, ${kindOf(parameter.schema)}${parameter.required ? ", required" : ""}`;
  return make("div", { class: "field" }, make("label", { for: id }, parameter.name, make("small", {}, place)), input,
    make("div", { class: "note" }, prose(parameter.description)));
}

function types(content) {
  return Object.keys(content || {});
}

/** What the form says, as a request. */
function request(operation) {
  const url = new URL(location.origin);
  const headers = {};
  let path = operation.path;
  for (const parameter of operation.parameters || []) {
    const value = find(`${parameter.in}-${parameter.name}`).value;
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value === "") continue;
    else if (parameter.in === "header") headers[parameter.name] = value;
    else if (resolve(parameter.schema).type === "array") value.split(",").forEach((one) => url.searchParams.append(parameter.name, one.trim()));
    else url.searchParams.append(parameter.name, value);
  }
  headers.accept = find("accept").value;
  const body = find("body");
  if (body) headers["content-type"] = find("type").value;
  return { url: url.origin + path + url.search, method: operation.verb.toUpperCase(), headers, body: body ? body.value : undefined };
}

function curl({ url, method, headers, body }) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = ["curl"];
  if (headers.accept !== "application/json") parts.push("-N");
  if (method !== "GET") parts.push(`-X ${method}`);
  for (const [name, value] of Object.entries(headers)) {
    if (name !== "accept" || value !== "application/json") parts.push(`-H ${quote(`${name}: ${value}`)}`);
  }
  if (body !== undefined) parts.push(`--data-binary ${quote(body)}`);
  return [...parts, quote(url)].join(" \\\n  ");
}

function stop() {
  if (running) running();
  running = null;
  for (const [id, disabled] of [["send", false], ["stop", true]]) if (find(id)) find(id).disabled = disabled;
}

function say(text, good) {
  find("status").className = `status ${good ? "good" : "bad"}`;
  find("status").textContent = text;
}

/** Shows one element of a stream, the newest first. */
function show(text, note) {
  const events = find("events");
  events.prepend(make("li", {}, make("pre", {}, ...coloured(pretty(text))), note ? make("small", {}, note) : null));
  if (events.children.length > MOST_SHOWN) events.lastChild.remove();
}

/** A browser takes an event stream up again by itself, behind the last event it has. */
function listen(asked) {
  const source = new EventSource(asked.url);
  running = () => source.close();
  let count = 0;
  source.onopen = () => say(`open, ${count} events so far`, true);
  source.onmessage = (event) => {
    count += 1;
    say(`open, ${count} events so far`, true);
    show(event.data, event.lastEventId && `id ${event.lastEventId}`);
  };
  source.addEventListener("end", () => {
    stop();
    say(`ended after ${count} events`, true);
  });
  source.addEventListener("error", (event) => {
    if (event.data) show(event.data, "the stream has failed");
    if (source.readyState === EventSource.CLOSED) {
      stop();
      say(`closed after ${count} events`, false);
    } else {
      say(`lost after ${count} events, connecting again …`, false);
    }
  });
}

async function lines(response, started) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let count = 0;
  for (;;) {
    const { value, done } = await reader.read();
    const pieces = (rest + (value || "")).split("\n");
    rest = done ? "" : pieces.pop();
    for (const line of pieces.filter((piece) => piece.trim())) {
      count += 1;
      show(line);
    }
    if (done) return say(`${response.status}, ${count} records, ${Math.round(performance.now() - started)} ms`, response.ok);
  }
}

async function send(operation) {
  stop();
  const asked = request(operation);
  find("answer").hidden = false;
  find("answer").scrollIntoView({ block: "start" });
  find("events").replaceChildren();
  find("result").replaceChildren();
  find("headers").textContent = "";
  say("sent …", true);
  find("send").disabled = true;
  find("stop").disabled = false;
  const own = Object.keys(asked.headers).length > 1;
  if (asked.headers.accept === "text/event-stream" && asked.method === "GET" && !own) return listen(asked);
  const abort = new AbortController();
  running = () => abort.abort();
  const started = performance.now();
  try {
    const response = await fetch(asked.url, { ...asked, signal: abort.signal });
    find("headers").textContent = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    if (response.ok && asked.headers.accept !== "application/json") {
      say(`${response.status}, receiving …`, true);
      await lines(response, started);
    } else {
      const text = await response.text();
      const took = Math.round(performance.now() - started);
      say(`${response.status} ${response.statusText}, ${text.length} bytes, ${took} ms`, response.ok);
      find("result").replaceChildren(...(text ? [make("pre", {}, ...coloured(pretty(text)))] : []));
    }
  } catch (error) {
    say(error.name === "AbortError" ? "stopped" : `no answer: ${error.message}`, false);
  }
  stop();
}

function bodyOf(operation) {
  const content = (resolve(operation.requestBody) || {}).content;
  if (!content) return [];
  const kind = types(content)[0];
  const text = (type) => (typeof content[type].example === "string" ? content[type].example : JSON.stringify(content[type].example ?? {}, null, 2));
  const select = make("select", { id: "type", "aria-label": "Type of the body" }, ...types(content).map((type) => make("option", {}, type)));
  const body = make("textarea", { id: "body", "aria-label": "Body", spellcheck: "false" });
  const write = (type) => {
    body.value = text(type);
    body.rows = Math.min(body.value.split("\n").length + 1, 24);
  };
  write(kind);
  select.onchange = () => write(select.value);
  return [make("h3", {}, "Body"), body, make("div", { class: "row" }, select)];
}

function open(operation) {
  stop();
  const answers = types(resolve(operation.responses["200"]).content);
  const accept = make("select", { id: "accept", "aria-label": "Form of the answer" }, ...answers.map((type) => make("option", {}, type)));
  if (operation.operationId.includes("_Watch") && answers.includes("text/event-stream")) accept.value = "text/event-stream";
  const command = make("pre", { id: "command" });
  const form = make("form", { autocomplete: "off" },
    operation.parameters ? make("h3", {}, "Parameters") : null, ...(operation.parameters || []).map(field), ...bodyOf(operation),
    make("div", { class: "row" }, make("button", { id: "send", class: "main", type: "submit" }, "Send"),
      make("button", { id: "stop", type: "button", disabled: true }, "Stop"), accept, make("small", {}, "Ctrl+Enter sends")),
    make("details", {}, make("summary", {}, "As a command"), command));
  form.onsubmit = (event) => {
    event.preventDefault();
    send(operation);
  };
  form.oninput = () => { command.textContent = curl(request(operation)); };
  form.onkeydown = (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(); };
  find("main").replaceChildren(
    make("h2", {}, operation.summary || operation.operationId),
    make("p", { class: "path" }, make("span", { class: `verb ${operation.verb}` }, operation.verb.toUpperCase()), operation.path),
    prose(operation.description.slice(operation.summary.length).replace(/^\.\s*/, "")), make("p", {}, make("small", {}, "gRPC: ", make("code", {}, operation["x-grpc-method"]))), form,
    make("section", { id: "answer", hidden: true, "aria-live": "polite" }, make("h3", {}, "Answer"), make("p", { id: "status" }),
      make("div", { id: "result" }), make("ul", { id: "events" }),
      make("details", {}, make("summary", {}, "Headers"), make("pre", { id: "headers" }))));
  find("stop").onclick = () => {
    stop();
    say("stopped", true);
  };
  form.oninput();
}

function route() {
  const id = decodeURIComponent(location.hash.slice(1));
  const operation = operations().find((it) => it.operationId === id);
  if (!operation && id === "main") return;
  stop();
  if (operation) open(operation);
  else overview();
  list();
  menu(false);
  document.title = operation ? `${operation.summary} · ${api.info.title}` : api.info.title;
  if (operation) find("main").focus({ preventScroll: true });
  scrollTo(0, 0);
}

function menu(open) {
  find("nav").classList.toggle("open", open);
  find("menu").setAttribute("aria-expanded", String(open));
}

function keys(event) {
  if (event.key === "/" && !/INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName)) {
    event.preventDefault();
    menu(true);
    find("filter").focus();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const links = [...document.querySelectorAll("nav a")];
    const at = links.indexOf(document.activeElement);
    if (at < 0 && document.activeElement !== find("filter")) return;
    event.preventDefault();
    const next = links[at + (event.key === "ArrowDown" ? 1 : -1)];
    (next || find("filter")).focus();
  }
}

async function start() {
  const response = await fetch("openapi.json");
  api = await response.json();
  find("title").textContent = api.info.title;
  find("filter").oninput = list;
  find("menu").onclick = () => menu(!find("nav").classList.contains("open"));
  addEventListener("hashchange", route);
  addEventListener("keydown", keys);
  route();
}

start().catch((error) => { find("hint").textContent = `The description cannot be loaded: ${error.message}`; });
