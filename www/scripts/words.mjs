// Checks the catalogue against what uses it: every id that the page says exists, every entry is
// used, and every rejection code of the protocol has its sentence.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../src/', import.meta.url));
const codes = fileURLToPath(new URL('../../muttr-core/src/rejection.rs', import.meta.url));

const catalogue = readFileSync(`${source}i18n/en.ftl`, 'utf8');
const entries = new Set([...catalogue.matchAll(/^([a-z][\w-]*) =/gim)].map((match) => match[1]));
const text = readdirSync(source, { recursive: true })
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => readFileSync(source + path, 'utf8'))
  .join('\n');

const problems = [];
for (const [, id] of text.matchAll(/\bsay\(\s*'([\w-]+)'/g)) {
  if (!entries.has(id)) problems.push(`${id} is said but not in the catalogue`);
}
for (const [, , code] of readFileSync(codes, 'utf8').matchAll(/(\w+) = \d+, "([A-Z_]+)"/g)) {
  if (!entries.has(`failure-${code}`)) problems.push(`the code ${code} has no sentence`);
}
// Families of ids are put together from a prefix and a value: say(`status-${status}`).
const families = [...text.matchAll(/`([a-z]+(?:-[a-z]+)*-)\$\{/g)].map((match) => match[1]);
for (const id of entries) {
  if (!text.includes(`'${id}'`) && !families.some((family) => id.startsWith(family))) {
    problems.push(`${id} is in the catalogue but never said`);
  }
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
