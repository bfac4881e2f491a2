/* Draw the cards: what each way answered, and what decided it. */

const SHOWN = 8; // of the outcomes, if there are more than twice as many
const SPACE = "\u00a0";
const percent = (share) => `${share > 0.995 && share < 1 ? `>${SPACE}99` : Math.round(100 * share)}${SPACE}%`;
const signed = (number) => `${number < 0 ? "−" : "+"}${Math.abs(number).toFixed(2)}`;

/** Return an element with properties, attributes (names with a dash, `role`) and children; text is never HTML. */
export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name.includes("-") || name === "role" || name === "for") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Say which language a text seems to be in, so that Chinese gets Chinese glyphs, and let it run from right to left. */
export function spoken(element, text) {
  element.dir = "auto";
  if (/[\u3040-\u30ff]/.test(text)) element.lang = "ja";
  else if (/[\u3400-\u9fff]/.test(text)) element.lang = "zh-Hans";
  return element;
}

/** Return the value of a JSON text; an integer with more digits than a number here can have keeps them. */
export function parsed(text) {
  return JSON.parse(text, (name, value, context) => {
    const isExact = typeof value !== "number" || !Number.isInteger(value) || Number.isSafeInteger(value);
    return isExact || !context?.source || !JSON.rawJSON ? value : JSON.rawJSON(context.source);
  });
}

/** An output declared as `X | None` has no value if it abstains. */
export const isAbstained = (value) =>
  value === null || (typeof value === "object" && Object.keys(value).join() === "unanswerable");

export function written(value) {
  if (isAbstained(value)) return "unanswerable";
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function emptyCard(way) {
  const id = `way-${way.name}`;
  const card = el(
    "article",
    { className: `card ${way.name}`, "aria-labelledby": id },
    el("header", {}, el("h2", { id, textContent: way.title }), el("p", { className: "quiet" }, way.about), score(way.score)),
    el("div", { className: "result" }, el("p", { className: "empty" }, "No answer yet.")),
  );
  card.dataset.way = way.name;
  return card;
}

function score(told) {
  if (!told) return null;
  const interval = `95 % interval ${told.low.toFixed(2)} to ${told.high.toFixed(2)}`;
  const scale = el("span", { className: "scale", title: interval, role: "img", "aria-label": interval }, el("i"), el("b"));
  scale.firstChild.style.left = percentOf(told.low);
  scale.firstChild.style.right = percentOf(1 - told.high);
  scale.lastChild.style.left = percentOf(told.score);
  return el("p", { className: "score" }, `${told.score.toFixed(3)} on ${told.n} test rows`, scale);
}

const percentOf = (share) => `${100 * Math.min(1, Math.max(0, share))}%`;

/** Return the parts of a card for an answer; `expected` has the accepted values of each output, or is null. */
export function answered(reply, outputs, expected) {
  return [
    reply.problem ? problem(reply) : values(reply, outputs),
    expected ? verdict(reply, outputs, expected) : null,
    reply.problem ? null : el("p", { className: "why" }, ...decided(reply)),
    ...Object.entries(reply.shares).map(([name, shares]) => bars(name, shares, reply, outputs.length > 1)),
    ...reply.calls.filter((call) => call.guard).map((call) => guard(call.guard)),
    reply.guard ? offTopic(reply.guard) : null,
    ...reply.calls.filter((call) => call.steps.length > 1).map((call) => steps(call, reply.calls.length > 1)),
    ...Object.entries(reply.marks).map(([name, pieces]) => passage(name, pieces)),
    ...reply.calls.map((call) => prompts(call, reply.calls.length > 1)),
    cost(reply),
  ].filter((part) => part !== null);
}

export function failed(message) {
  return [el("p", { className: "problem", role: "alert" }, message)];
}

function problem(reply) {
  const text = reply.model_text;
  const said = text.trim() ? spoken(el("q", {}, text.trim()), text) : el("em", {}, "nothing");
  return el("div", {}, el("p", { className: "problem" }, reply.problem), el("p", {}, "The model wrote ", said, "."));
}

function values(reply, outputs) {
  const list = el("dl", { className: "answer" });
  for (const output of outputs) {
    const value = reply.outputs[output.name];
    const text = written(value);
    const kind = isAbstained(value) ? "abstained" : typeof value === "object" ? "json" : text.length > 60 ? "long" : "";
    if (outputs.length > 1) list.append(el("dt", {}, output.label));
    list.append(spoken(el("dd", { className: kind }, text), text));
    if (isAbstained(value) && value?.unanswerable) list.append(el("dd", { className: "why" }, value.unanswerable));
  }
  return list;
}

function verdict(reply, outputs, expected) {
  const folded = (value) => written(value).trim().toLowerCase();
  const wrong = outputs.filter((one) => {
    const accepted = expected[one.name];
    return accepted && (reply.problem || !accepted.some((value) => folded(value) === folded(reply.outputs[one.name])));
  });
  if (!wrong.length) return el("p", { className: "verdict good" }, "✓ as expected");
  const told = wrong.map((one) => (wrong.length > 1 ? `${one.label}: ` : "") + expected[one.name].map(written).join(" or "));
  return el("p", { className: "verdict other" }, `✗ expected ${told.join("; ")}`);
}

function decided(reply) {
  const by = {
    logprobs: "Decided by the probability of each outcome",
    text: "Read from the text that the model wrote",
    inputs: "Decided by the inputs alone; the model was not asked",
  }[reply.decided_by];
  const sure = reply.probability === null || reply.problem ? "." : `: ${percent(reply.probability)} sure.`;
  const lost = reply.unassigned > 0.5 ? ` ${percent(reply.unassigned)} of the probability went to no outcome.` : "";
  return [by + sure + lost];
}

function bars(name, shares, reply, isNamed) {
  const before = reply.calls.length === 1 ? reply.calls[0].raw_shares : null;
  const best = Object.keys(shares).reduce((one, other) => (shares[other] > shares[one] ? other : one));
  const hasMoved = before && Object.keys(shares).some((one) => Math.abs(shares[one] - (before[one] ?? 0)) > 0.005);
  const hasMany = Object.keys(shares).length > 2 * SHOWN;
  const inOrder = Object.entries(shares);
  if (hasMany) inOrder.sort(([, one], [, other]) => other - one);
  const [grid, rest] = [el("div", { className: "shares" }), el("div", { className: "shares" })];
  inOrder.forEach(([outcome, share], place) => {
    const mark = outcome === best ? " best" : "";
    const told = hasMoved ? `, ${percent(before[outcome] ?? 0)} before the corrections` : "";
    const meter = { role: "meter", "aria-label": outcome, "aria-valuenow": share.toFixed(3), "aria-valuemin": 0 };
    const bar = el("span", { className: "bar", title: percent(share) + told, "aria-valuemax": 1, ...meter });
    bar.append(el("i", { className: mark.trim() }));
    bar.firstChild.style.width = percentOf(share);
    if (hasMoved) bar.append(el("b"));
    if (hasMoved) bar.lastChild.style.left = percentOf(before[outcome] ?? 0);
    const shown = spoken(el("span", { className: `name${mark}` }, outcome), outcome);
    (hasMany && place >= SHOWN ? rest : grid).append(shown, bar, el("span", {}, percent(share)));
  });
  const title = isNamed ? `Shares of ${name}` : "Shares of the outcomes";
  const legend = hasMoved ? el("p", { className: "legend" }, "before the corrections") : null;
  const more = hasMany ? el("details", {}, el("summary", {}, `${inOrder.length - SHOWN} more`), rest) : null;
  return el("section", { className: "block" }, el("h3", {}, title), grid, more, legend);
}

function guard(told) {
  const stands = told.probability >= told.threshold;
  const compared = `${percent(told.probability)}, and an answer needs ${percent(told.threshold)}`;
  const meter = { role: "meter", "aria-label": "Probability that there is an answer", "aria-valuemin": 0 };
  const bar = el("span", {
    className: "bar", title: compared, "aria-valuemax": 1, "aria-valuenow": told.probability.toFixed(3), ...meter,
  }, el("i", { className: stands ? "best" : "" }), el("b"));
  bar.firstChild.style.width = percentOf(told.probability);
  bar.lastChild.style.left = percentOf(told.threshold);
  const rows = told.signals.map((one) =>
    el("tr", {}, el("th", { scope: "row" }, one.name, el("small", {}, one.about)), el("td", {}, one.value.toFixed(2)),
      el("td", {}, signed(one.value * one.weight))));
  const head = el("tr", {}, el("th", { scope: "col" }, "signal"), el("td", {}, "value"), el("td", {}, "effect"));
  rows.push(el("tr", {}, el("th", { scope: "row" }, "constant"), el("td"), el("td", {}, signed(told.intercept))));
  return el(
    "section",
    { className: "block" },
    el("h3", {}, stands ? "The guard lets the answer stand" : "The guard withholds the answer"),
    el("p", {}, `That there is an answer: ${compared}.`),
    bar,
    el("table", { className: "signals" }, el("thead", {}, head), el("tbody", {}, ...rows)),
  );
}

function offTopic(told) {
  const text = `The context has ${percent(told.coverage)} of the question's words, weighted by how rare they are. ` +
    `Below ${percent(told.least)} it cannot hold an answer.`;
  return el("section", { className: "block" }, el("h3", {}, "The guard found the question off topic"), el("p", {}, text));
}

function steps(call, isNamed) {
  const list = el("ol", { className: "steps" });
  for (const step of call.steps) {
    const texts = step.outputs === null ? null : Object.values(step.outputs).map(written).join(", ");
    const said = texts === null ? el("em", {}, "cannot be read") : spoken(el("q", {}, texts), texts);
    list.append(el("li", {}, el("span", {}, step.by ?? "the model"), said));
  }
  return el("section", { className: "block" }, el("h3", {}, `Corrections${isNamed ? ` of ${call.predictor}` : ""}`), list);
}

function passage(name, pieces) {
  const text = el("p", { className: "passage", tabIndex: 0, "aria-label": `${name}, with the answer marked` });
  pieces.forEach((piece, place) => text.append(place % 2 ? el("mark", {}, piece) : piece));
  spoken(text, pieces.join(""));
  return el("section", { className: "block" }, el("h3", {}, `The answer in ${name.replaceAll("_", " ")}`), text);
}

function prompts(call, isNamed) {
  const count = call.requests.length;
  const title = `${count > 1 ? `The exact ${count} prompts` : "The exact prompt"}${isNamed ? ` of ${call.predictor}` : ""}`;
  const details = el("details", {}, el("summary", {}, title));
  call.requests.forEach((request, place) => {
    const whole = request.messages.map((one) => one.content).join("\n");
    const copy = el("button", { type: "button", textContent: "Copy" });
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(whole).then(() => (copy.textContent = "Copied"), () => (copy.textContent = "Not allowed"));
    });
    const told = `${request.prompt_tokens} tokens${request.stop.length ? `, until ${request.stop.map((one) => JSON.stringify(one)).join(" or ")}` : ""}`;
    details.append(el("div", { className: "row" }, el("span", { className: "quiet" }, count > 1 ? `${place + 1}. ${told}` : told), copy));
    request.messages.forEach((message, number) => {
      if (message.role) details.append(el("p", { className: "role" }, message.role));
      const isLast = number === request.messages.length - 1;
      const reply = isLast && !message.role ? el("ins", { title: "what the model wrote" }, request.text) : null;
      details.append(spoken(el("pre", { tabIndex: 0 }, message.content, reply), message.content));
    });
    if (request.messages.at(-1).role) {
      details.append(el("p", { className: "role" }, "the model wrote"), el("pre", {}, el("ins", {}, request.text || " ")));
    }
  });
  return details;
}

function cost(reply) {
  const { prompt_tokens: read, cached_tokens: cached, completion_tokens: wrote } = reply.usage;
  const parts = reply.calls.length
    ? [`${read} tokens read${cached ? ` (${cached} from the cache)` : ""}`, `${wrote} written`, `${reply.seconds.toFixed(2)} s`]
    : ["no tokens", `${(1000 * reply.elapsed).toFixed(1)} ms`];
  return el("p", { className: "cost" }, parts.map((part) => part.replaceAll(" ", SPACE)).join(" · "));
}
