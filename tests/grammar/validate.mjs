// Reads JSON lines {"file", "texts"} from stdin and validates each text with ajv against the schema in the file. Prints one JSON
// line per schema: {"file", "wrong": [texts that fail, with errors], "mutants": [texts near the given ones that ajv rejects]}, or
// {"file", "skipped"} where ajv itself cannot compile the schema.
// Not here: our own programs.
import fs from "node:fs";
import readline from "node:readline";
import Ajv from "ajv";
import Ajv2019 from "ajv/dist/2019.js";
import Ajv2020 from "ajv/dist/2020.js";
import AjvDraft04 from "ajv-draft-04";
import addFormats from "ajv-formats";
import draft06 from "ajv/dist/refs/json-schema-draft-06.json" with { type: "json" };

const OPTIONS = { strict: false, allErrors: false, multipleOfPrecision: 10, validateSchema: false, logger: false };

function classFor(schema) {
  const draft = typeof schema === "object" && schema !== null ? String(schema.$schema ?? "") : "";
  if (draft.includes("draft-04")) return AjvDraft04;
  if (draft.includes("draft-06") || draft.includes("draft-07")) return Ajv;
  if (draft.includes("2019-09")) return Ajv2019;
  if (draft.includes("2020-12")) return Ajv2020;
  // Without a draft the older spellings count too.
  const text = JSON.stringify(schema);
  if (/"exclusiveM(in|ax)imum":(true|false)/.test(text) || /"id":"/.test(text)) return AjvDraft04;
  return /"(definitions|dependencies|additionalItems)":|"items":\[/.test(text) ? Ajv : Ajv2020;
}

function compile(schema) {
  const wanted = classFor(schema);
  let problem;
  // Patterns are read with Unicode first; draft-04's reader is the one that knows "id".
  for (const [kind, unicodeRegExp] of [[wanted, true], [wanted, false], [AjvDraft04, true]]) {
    try {
      const ajv = new kind({ ...OPTIONS, unicodeRegExp });
      if (kind === Ajv) ajv.addMetaSchema(draft06);
      addFormats(ajv);
      delete schema.$async;
      return ajv.compile(schema);
    } catch (error) {
      problem ??= String(error);
    }
  }
  return problem;
}

// Values that differ from the given one in one place.
function* mutations(value) {
  if (Array.isArray(value)) {
    yield {};
    yield [...value, value.length ? value[value.length - 1] : 1];
    yield [...value, { "\u0001": 1 }];
    if (value.length) yield value.slice(1);
    for (let i = 0; i < Math.min(value.length, 4); ++i) {
      for (const item of mutations(value[i])) yield value.map((old, k) => (k === i ? item : old));
    }
  } else if (value !== null && typeof value === "object") {
    yield [];
    yield "text";
    yield { ...value, "not declared anywhere": 1 };
    for (const name of Object.keys(value).slice(0, 8)) {
      const { [name]: gone, ...rest } = value;
      yield rest;
      for (const item of mutations(gone)) yield Object.fromEntries(Object.entries(value).map(([n, v]) => [n, n === name ? item : v]));
    }
  } else {
    yield null;
    yield [value];
    yield { value };
    if (typeof value === "string") {
      yield value + "x";
      yield value.slice(1);
      yield value + value + value;
      yield value.toUpperCase();
      yield "";
      yield 7;
    } else if (typeof value === "number") {
      yield value + 1;
      yield -value - 1;
      yield value + 0.5;
      yield value * 1000 + 3;
      yield String(value);
    } else {
      yield 0;
      yield "true";
    }
  }
}

const MUTANTS = 40;
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { file, texts } = JSON.parse(line);
  const validate = compile(JSON.parse(fs.readFileSync(file, "utf8")));
  if (typeof validate === "string") {
    console.log(JSON.stringify({ file, skipped: validate }));
    continue;
  }
  const wrong = [];
  const mutants = new Set();
  for (const text of texts) {
    let value;
    try {
      value = JSON.parse(text);
    } catch (error) {
      wrong.push({ text, error: String(error) });
      continue;
    }
    if (!validate(value)) wrong.push({ text, error: validate.errors });
    const each = [];
    for (const mutant of mutations(value)) {
      if (each.length < 400 && !validate(mutant)) each.push(JSON.stringify(mutant));
    }
    const step = Math.max(1, Math.floor((each.length * texts.length) / MUTANTS));
    for (let i = 0; i < each.length; i += step) mutants.add(each[i]);
  }
  console.log(JSON.stringify({ file, wrong, mutants: [...mutants] }));
}
