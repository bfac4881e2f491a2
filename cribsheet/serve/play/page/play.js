/* The page: the form of a program, its examples, asking in three ways, keeping rows. */

import { answered, el, emptyCard, failed, isAbstained, parsed, spoken, written } from "./cards.js";

const $ = (id) => document.getElementById(id);
const MANY = 12; // choices from here on are a list that opens
const ORDER = ["compiled", "text", "zero_shot"]; // the one that people wait for is asked first

let programs = [];
let program = null;
let examples = [];
let place = -1; // of the example that is shown; -1 for none
let asking = null; // stops the requests in progress
let hasEdited = false; // whether the right answer was written by hand

async function fetched(path, body, signal) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  let reply;
  try {
    reply = await fetch(path, { ...options, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Start it again with cribsheet play, and reload this page.");
  }
  const content = await reply.text().then(parsed).catch(() => null);
  if (reply.ok && content) return content;
  const told = content?.error?.message ?? content?.error ?? `The server answered with status ${reply.status}.`;
  throw Object.assign(new Error(told), { param: content?.error?.param ?? null });
}

const at = (path) => `/play/programs/${encodeURIComponent(program.name)}/${path}`;

function banner(message) {
  $("banner").textContent = message;
  $("banner").hidden = !message;
}

/* Fields */

function drawn(field, side) {
  const id = `${side}-${field.name}`;
  const hint = field.description ? el("span", { className: "hint", id: `${id}-hint` }, field.description) : null;
  const wrong = el("span", { className: "wrong", id: `${id}-wrong` });
  const about = { "aria-describedby": hint ? `${id}-hint ${id}-wrong` : `${id}-wrong` };
  const absent = side === "in" ? "none" : "unanswerable";
  const choices = [...field.choices.map((one) => [String(one), one]), ...(field.abstains ? [["unanswerable", absent]] : [])];
  if (field.control === "choice" && choices.length > MANY) {
    const options = choices.map(([value, label]) => el("option", { value, textContent: label }));
    const list = el("select", { id, ...about }, el("option", { value: "", textContent: "choose" }), ...options);
    return el("div", { className: "field", id: `${id}-field` }, el("label", { for: id }, field.label), hint, list, wrong);
  }
  if (field.control === "choice") {
    const radios = choices.map(([value, label]) => el("label", {}, el("input", { type: "radio", name: id, value }), label));
    const group = el("div", { className: "choices" }, ...radios);
    return el("fieldset", { className: "field", id: `${id}-field`, ...about }, el("legend", {}, field.label), hint, group, wrong);
  }
  const control = field.control === "number"
    ? el("input", { id, type: "number", step: field.is_whole ? "1" : "any", ...about })
    : el("textarea", { id, rows: side === "in" ? 2 : 1, spellcheck: false, ...about });
  if (field.control === "json") control.className = "code";
  if (field.has_default) control.placeholder = field.default === null ? "may be left empty" : `${written(field.default)} if left empty`;
  const parts = [el("label", { for: id }, field.label), hint, control];
  if (field.abstains) {
    const box = el("input", { type: "checkbox", id: `${id}-none` });
    box.addEventListener("change", () => (control.disabled = box.checked));
    parts.push(el("label", { className: "check" }, box, absent));
  }
  return el("div", { className: "field", id: `${id}-field` }, ...parts, wrong);
}

function value(field, side) {
  const id = `${side}-${field.name}`;
  if (field.control === "choice") {
    const chosen = $(id)?.value || document.querySelector(`input[name="${CSS.escape(id)}"]:checked`)?.value;
    return chosen === "unanswerable" && field.abstains ? { unanswerable: null } : chosen;
  }
  if ($(`${id}-none`)?.checked) return { unanswerable: null };
  const text = $(id).value; // empty, too, if a number is asked for and what was written is none
  if (!text.trim() && field.has_default && !$(id).validity.badInput) return undefined; // the server fills it in
  if (field.control !== "json") return text; // the server reads a number, which may have more digits than one here
  try {
    return parsed(text);
  } catch {
    return text; // the server says what is wrong with it
  }
}

function fill(field, side, given) {
  const id = `${side}-${field.name}`;
  const none = given === undefined;
  if (field.control === "choice") {
    const word = none ? null : isAbstained(given) ? "unanswerable" : String(given);
    document.getElementsByName(id).forEach((radio) => (radio.checked = radio.value === word));
    if ($(id)) $(id).value = word ?? "";
    return;
  }
  const control = $(id);
  const box = $(`${id}-none`);
  if (box) box.checked = control.disabled = !none && isAbstained(given);
  control.value = none || isAbstained(given) ? "" : field.control === "json" ? JSON.stringify(given, null, 2) : written(given);
  spoken(control, control.value);
}

function values(fields, side) {
  return Object.fromEntries(fields.map((field) => [field.name, value(field, side)]).filter(([, one]) => one !== undefined));
}

function complain(side, fields, error) {
  const field = fields.find((one) => one.name === error.param) ??
    fields.find((one) => error.message.startsWith(`${one.name} `) || error.message.includes(`'${one.name}'`));
  if (!field) return false;
  const control = $(`${side}-${field.name}`) ?? document.querySelector(`#${CSS.escape(`${side}-${field.name}-field`)} input`);
  $(`${side}-${field.name}-wrong`).textContent = error.message;
  control?.setAttribute("aria-invalid", "true");
  control?.focus();
  return true;
}

function clear() {
  banner("");
  document.querySelectorAll(".field .wrong").forEach((one) => (one.textContent = ""));
  document.querySelectorAll("[aria-invalid]").forEach((one) => one.removeAttribute("aria-invalid"));
  $("kept").textContent = "";
  $("kept").className = "status";
}

/* Asking */

const card = (way) => document.querySelector(`.card[data-way="${way}"]`);

async function ask() {
  asking?.abort();
  const own = (asking = new AbortController());
  const inputs = values(program.inputs, "in");
  const expected = shownExample(inputs)?.outputs ?? null;
  clear();
  $("stale").textContent = "";
  $("cards").classList.remove("stale");
  ORDER.forEach((way) => card(way).setAttribute("aria-busy", "true"));
  try {
    for (const way of ORDER) await show(way, inputs, expected, own.signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    const isOfAnother = error.param && !program.inputs.some((one) => one.name === error.param);
    if (isOfAnother) banner("The program has other inputs since its file changed. Reload this page.");
    else if (!complain("in", program.inputs, error)) banner(error.message);
  } finally {
    if (asking === own) {
      ORDER.forEach((way) => card(way).removeAttribute("aria-busy"));
      if (!same(values(program.inputs, "in"), inputs)) changed();
    }
  }
}

async function show(way, inputs, expected, signal) {
  const result = card(way).querySelector(".result");
  try {
    const reply = await fetched(at("ask"), { way, inputs }, signal);
    result.replaceChildren(...answered(reply, program.outputs, expected));
    for (const mark of result.querySelectorAll(".passage mark:first-of-type")) mark.parentElement.scrollTop = mark.offsetTop - 48;
    if (way === "compiled" && !expected && !hasEdited && !reply.problem) propose(reply.outputs);
  } catch (error) {
    if (error.name === "AbortError" || error.param) throw error;
    result.replaceChildren(...failed(error.message));
  }
  card(way).removeAttribute("aria-busy");
}

function propose(outputs) {
  program.outputs.forEach((field) => fill(field, "out", outputs[field.name]));
}

/** Return the example whose inputs are in the form; null if they were changed. */
function shownExample(inputs) {
  const example = examples[place];
  return example && same(example.inputs, inputs) ? example : null;
}

/* A text area has its own line ends, a choice and a number are texts, and what is left out has no value. */
function plain(one) {
  if (one === undefined || isAbstained(one)) return "";
  return written(one).replaceAll("\r\n", "\n");
}
const same = (one, other) => program.inputs.every(({ name }) => plain(one[name]) === plain(other[name]));

function changed() {
  const isExample = place >= 0 && shownExample(values(program.inputs, "in"));
  $("place").textContent = isExample ? `${place + 1} of ${examples.length}` : examples.length ? `${examples.length} examples` : "none";
  if (!document.querySelector(".card .answer, .card .problem")) return;
  $("cards").classList.add("stale");
  $("stale").textContent = "The input has changed since it was answered.";
}

async function keep() {
  clear();
  try {
    const kept = await fetched(at("rows"), { inputs: values(program.inputs, "in"), outputs: values(program.outputs, "out") });
    const rows = kept.count === 1 ? "1 row" : `${kept.count} rows`;
    $("kept").textContent = kept.is_new ? `Kept. ${kept.file} has ${rows}.` : `${kept.file} has a row with these inputs already.`;
  } catch (error) {
    if (complain("out", program.outputs, error) || complain("in", program.inputs, error)) return;
    $("kept").textContent = error.message;
    $("kept").className = "status wrong";
  }
}

function step(by) {
  if (!examples.length) return;
  place = place < 0 ? (by > 0 ? 0 : examples.length - 1) : (place + by + examples.length) % examples.length;
  const { inputs, outputs } = examples[place];
  program.inputs.forEach((field) => fill(field, "in", inputs[field.name]));
  program.outputs.forEach((field) => fill(field, "out", outputs[field.name]?.[0]));
  hasEdited = false;
  clear();
  changed();
}

/* Programs */

async function choose(name) {
  program = programs.find((one) => one.name === name) ?? programs[0];
  document.title = `${program.name} · Cribsheet play`;
  document.querySelectorAll("#programs a").forEach((link) => link.removeAttribute("aria-current"));
  document.querySelector(`#programs a[href="#${CSS.escape(encodeURIComponent(program.name))}"]`)?.setAttribute("aria-current", "page");
  $("model").textContent = program.model === program.compiled_for ? program.model : `${program.model}, compiled for ${program.compiled_for}`;
  $("instructions").textContent = program.instructions;
  spoken($("instructions"), program.instructions);
  $("inputs").replaceChildren(...program.inputs.map((field) => drawn(field, "in")));
  $("outputs").replaceChildren(...program.outputs.map((field) => drawn(field, "out")));
  $("cards").replaceChildren(...program.ways.map(emptyCard));
  $("file").textContent = program.rows;
  $("foot").textContent = `Scores: ${program.metric} on rows of the ${program.rows_scored} that no search saw. ${program.examples.problem}`;
  clear();
  [place, hasEdited, examples] = [-1, false, []];
  asking?.abort();
  examples = program.examples.count ? (await fetched(at("examples"))).examples : [];
  $("examples").hidden = !examples.length;
  $("main").hidden = false;
  if (examples.length) step(1);
}

/** Return the name of a program that the address ends with. */
function asked() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return ""; // not every text with a % is the code of a name
  }
}

async function start() {
  document.querySelectorAll("[data-keys]").forEach((one) => {
    one.textContent = `${navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl"}+${one.dataset.keys}`;
  });
  try {
    programs = (await fetched("/play/programs")).programs;
    $("programs").replaceChildren(
      ...programs.map((one) => el("a", { href: `#${encodeURIComponent(one.name)}` }, one.name)),
    );
    await choose(asked());
  } catch (error) {
    banner(error.message);
  }
}

$("form").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
$("rows").addEventListener("submit", (event) => { event.preventDefault(); keep(); });
$("main").addEventListener("input", (event) => {
  if (event.target.matches("textarea")) spoken(event.target, event.target.value);
  if (event.target.closest("#inputs")) changed();
  else hasEdited = true;
});
$("next").addEventListener("click", () => step(1));
$("previous").addEventListener("click", () => step(-1));
addEventListener("hashchange", () => choose(asked()).catch((error) => banner(error.message)));
addEventListener("keydown", (event) => {
  const isKey = event.key === "Enter" && (event.ctrlKey || event.metaKey);
  if (isKey) (event.shiftKey ? keep : ask)();
  else if (event.altKey && event.key === "ArrowDown") step(1);
  else if (event.altKey && event.key === "ArrowUp") step(-1);
  else return;
  event.preventDefault();
});
start();
