// One sample side by side. Texts only ever become text nodes.

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Control characters as their pictures: they would be invisible, or move the text around them. */
function visible(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (letter) => {
    const code = letter.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd";
  });
}

function textBlock(text, base) {
  const block = make("div", "text");
  block.dir = "auto";
  if (!text.trim()) {
    block.classList.add("nothing");
    block.textContent = "(nothing)";
    return block;
  }
  const parts = base === null ? null : wordDiff(base, text);
  if (!parts) {
    block.textContent = visible(text);
    return block;
  }
  for (const [kind, words] of parts) {
    const marked = words.trimEnd();
    if (kind === "same") block.append(visible(words));
    else block.append(make(kind === "added" ? "ins" : "del", "", visible(marked)), words.slice(marked.length));
  }
  return block;
}

function part(title, text, base = null) {
  const found = make("div", "part");
  found.append(make("h4", "", title), textBlock(text, base));
  return found;
}

function signed(value) {
  const text = Math.abs(value).toFixed(1);
  return text === "0.0" ? "0.0" : (value < 0 ? "\u2212" : "+") + text;
}

function tone(value) {
  return Math.abs(value) < 0.05 ? "flat" : value > 0 ? "up" : "down";
}

function verdictWord(value) {
  return value === null ? "no answer" : value > 0.5 ? "win" : value < 0.5 ? "loss" : "tie";
}

/** One system's output with its scores, verdicts and failures. `base` is the text it is compared with. */
function outputPart(data, output, place, base, focus) {
  const system = data.systems[place];
  const found = make("section", place === focus ? "part focus" : "part");
  found.append(make("h4", "", system.name));
  if (!output) {
    found.append(make("div", "text nothing", "(no output)"));
    return found;
  }
  const [text, score, exact, bits, judged] = output;
  const facts = make("div", "facts");
  if (score !== null) facts.append(make("span", "", `${data.score} ${score.toFixed(1)}`));
  if (exact) facts.append(make("span", "up", "exact"));
  judged.forEach((judgement, judge) => {
    if (judgement) facts.append(make("span", "", `${data.judges[judge]}: ${verdictWord(judgement[0])}`));
  });
  data.groups.forEach((group, bit) => {
    if (bits & (1 << bit)) facts.append(make("span", "failed", group.title.toLowerCase()));
  });
  found.append(facts, textBlock(text, base));
  const replies = judged.flatMap((judgement, judge) =>
    judgement ? judgement[1].map((verdict) => [data.judges[judge], ...verdict]) : []);
  if (replies.some((reply) => reply[3])) found.append(repliesBlock(replies, system.name));
  return found;
}

function repliesBlock(replies, name) {
  const details = make("details");
  details.append(make("summary", "", replies.length === 1 ? "What the judge wrote" : "What the judges wrote"));
  for (const [judge, order, choice, reply] of replies) {
    const first = order === "ab" ? `${name} shown first` : `${name} shown second`;
    const answer = { a: name, b: "the reference system" }[choice] || choice;
    details.append(make("p", "", `${judge}, ${first}, chose ${answer}:`), textBlock(reply, null));
  }
  return details;
}

const BASES = ["reference", "positive control", "nothing"];

/** The detail pane of one sample; `compared` is one of BASES. */
function drawDetail(pane, data, sample, focus, compared, nextBase) {
  const [slug, split, id, instruction, input, reference, outputs, characters] = sample;
  const head = make("header");
  head.append(make("span", "", data.splits[split]), make("span", "", visible(id)));
  const differences = make("button", "", `Differences from: ${compared}`);
  differences.type = "button";
  differences.id = "differences";
  differences.addEventListener("click", nextBase);
  const link = make("a", "", "Link to this sample");
  link.href = `#sample=${slug}`;
  head.append(link, differences);
  const asked = make("div", "asked");
  const whole = characters <= instruction.length ? "" : `, ${characters.toLocaleString("en")} characters`;
  asked.append(part(`instruction${whole}`, instruction));
  if (input) asked.append(part("input", input));
  asked.append(part("reference", reference));
  const made = make("div", "outputs");
  outputs.forEach((output, place) => {
    const other = data.systems[place].reference;
    const positive = other === null || !outputs[other] ? null : outputs[other][0];
    const base = compared === "reference" ? reference : compared === "nothing" ? null : positive;
    made.append(outputPart(data, output, place, base, focus));
  });
  pane.replaceChildren(head, asked, made);
  pane.scrollTop = 0;
}
