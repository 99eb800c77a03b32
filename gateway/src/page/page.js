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
  const found = groups.filter(Boolean);
  find("list").replaceChildren(...(found.length ? found : [make("p", {}, "nothing found")]));
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

/** Ends the call whose answer is shown, if there is one. What still comes of it is not looked at. */
function stop() {
  if (running) running.abort();
  running = null;
  const button = find("stop");
  if (!button) return;
  // Who is at the button by keyboard must not fall off it.
  if (document.activeElement === button) find("send").focus();
  button.disabled = true;
}

function say(text, good) {
  find("status").className = `status ${good ? "good" : "bad"}`;
  find("status").textContent = text;
}

/** Shows elements of a stream, the newest first. */
function show(elements) {
  const events = find("events");
  const shown = elements.slice(-MOST_SHOWN).map(({ data, id }) =>
    make("li", {}, make("pre", {}, ...coloured(pretty(data))), id ? make("small", {}, `id ${id}`) : null));
  events.prepend(...shown.reverse());
  while (events.children.length > MOST_SHOWN) events.lastChild.remove();
}

/** An event of a stream (HTML, 9.2), of which no field has several lines here. */
function eventOf(block) {
  const event = { data: "" };
  for (const [, name, value] of block.matchAll(/^(data|id|event|retry): ?(.*)$/gm)) event[name] = value;
  return event;
}

/** An element of a stream of lines, or of an array that has one on each line. */
function lineOf(line) {
  const data = line.trim().replace(/,$/, "");
  return { data: ["[", "]", "[]"].includes(data) ? "" : data };
}

function isWhole(text) {
  try {
    return text.trimEnd().endsWith("}") && Boolean(JSON.parse(text));
  } catch {
    return false;
  }
}

function isEvents(response) {
  return response.headers.get("content-type").startsWith("text/event-stream");
}

/** What a stream brings: a list of elements for each piece that comes. */
async function* pieces(response) {
  const [end, read] = isEvents(response) ? ["\n\n", eventOf] : ["\n", lineOf];
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const parts = (rest + (value || "")).split(end);
    rest = done ? "" : parts.pop();
    // The comma behind an element of an array comes with the next one.
    if (!isEvents(response) && isWhole(rest)) {
      parts.push(rest);
      rest = "";
    }
    yield parts.map(read);
    if (done) return;
  }
}

/** Shows a stream up to its end, and returns how it ended. */
async function follow(response, call, stream) {
  for await (const piece of pieces(response)) {
    if (running !== call) return null;
    const elements = piece.filter((it) => it.data && it.event !== "end");
    const failed = elements.some((it) => it.event === "error" || /^\{\s*"error"/.test(it.data));
    stream.id = elements.findLast((it) => it.id)?.id || stream.id;
    stream.retry = Number(piece.find((it) => it.retry)?.retry) || stream.retry;
    stream.count += elements.length - (failed ? 1 : 0);
    show(elements);
    say(`${response.status}, ${stream.count} so far`, !failed);
    if (failed) return "failed";
    if (piece.some((it) => it.event === "end")) return "ended";
  }
  return isEvents(response) ? "cut off" : "ended";
}

async function whole(response, call, stream) {
  const text = await response.text();
  if (running !== call) return;
  const took = Math.round(performance.now() - stream.started);
  say(`${response.status} ${response.statusText}, ${text.length} bytes, ${took} ms`, response.ok);
  find("result").replaceChildren(...(text ? [make("pre", {}, ...coloured(pretty(text)))] : []));
}

/** Sends a request once and shows what comes. Returns how it ended, or nothing if all is said. */
async function attempt(operation, asked, call, stream) {
  const headers = stream.id ? { ...asked.headers, "last-event-id": stream.id } : asked.headers;
  const response = await fetch(asked.url, { ...asked, headers, signal: call.signal });
  if (running !== call) return null;
  stream.answered = true;
  find("headers").textContent = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  if (response.status !== 200 || !answersOf(operation).includes("text/event-stream")) return whole(response, call, stream);
  say(`${response.status}, ${stream.count} so far`, true);
  return follow(response, call, stream);
}

/** Sends a request and shows its answer. Events that are cut off are taken up again behind the last one. */
async function receive(operation, asked, call) {
  const resumes = asked.method === "GET" && asked.headers.accept === "text/event-stream";
  const stream = { count: 0, id: null, retry: 2000, answered: false, started: performance.now() };
  for (;;) {
    const broken = (error) => (stream.answered ? "cut off" : `no answer (${error.message})`);
    const ended = await attempt(operation, asked, call, stream).catch(broken);
    if (running !== call || !ended) return;
    const after = stream.answered ? ` after ${stream.count} (${Math.round(performance.now() - stream.started)} ms)` : "";
    if (ended === "ended" || !resumes || !stream.answered) return say(ended + after, ended === "ended");
    say(`${ended} after ${stream.count}, connecting again …`, false);
    await new Promise((resume) => setTimeout(resume, stream.retry));
    if (running !== call) return;
  }
}

async function send(operation) {
  stop();
  const call = new AbortController();
  running = call;
  find("answer").hidden = false;
  find("answer").scrollIntoView({ block: "start" });
  find("events").replaceChildren();
  find("result").replaceChildren();
  find("headers").textContent = "";
  say("sent …", true);
  find("stop").disabled = false;
  await receive(operation, request(operation), call);
  if (running === call) stop();
}

function bodyOf(operation) {
  const content = (resolve(operation.requestBody) || {}).content;
  if (!content) return [];
  const kind = types(content)[0];
  const text = (type) => (typeof content[type].example === "string" ? content[type].example : JSON.stringify(content[type].example ?? {}, null, 2));
  const select = make("select", { id: "type", "aria-label": "Type of the body" }, ...types(content).map((type) => make("option", { value: type === "*/*" ? "application/octet-stream" : type }, type)));
  const body = make("textarea", { id: "body", "aria-label": "Body", spellcheck: "false" });
  const write = (type) => {
    body.value = text(type);
    body.rows = Math.min(body.value.split("\n").length + 1, 24);
  };
  write(kind);
  // Before the form looks at its fields.
  select.oninput = () => write(types(content)[select.selectedIndex]);
  return [make("h3", {}, "Body"), body, make("div", { class: "row" }, select)];
}

/** The forms that an answer can have. */
function answersOf(operation) {
  return types(resolve(operation.responses["200"]).content);
}

function open(operation) {
  stop();
  const answers = answersOf(operation);
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
    make("section", { id: "answer", hidden: true }, make("h3", {}, "Answer"), make("p", { id: "status", role: "status" }),
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
