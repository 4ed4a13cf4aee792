// Writes js/codes.ts from the one list of codes, muttr-core/src/rejection.rs.
import { readFile } from 'node:fs/promises';

const LIST = new URL('../muttr-core/src/rejection.rs', import.meta.url);
const ENTRY = /((?:\s*\/\/\/ .*\n)+)\s*(\w+) = (\d+), "([A-Z_]+)", (\d+), (Never|Later|Changed);/g;

/** The text of js/codes.ts. */
export async function codesModule() {
  const source = await readFile(LIST, 'utf8');
  const list = source.slice(source.indexOf('\nrejections! {'));
  const rows = [...list.matchAll(ENTRY)].map(([, doc, , , code, , retry]) => {
    const sentence = doc.split('\n').map((line) => line.replace(/^\s*\/\/\/ ?/, '').trim()).filter(Boolean).join(' ');
    return `  ${code}: { retry: '${retry.toLowerCase()}', sentence: ${JSON.stringify(sentence)} },`;
  });
  if (rows.length === 0) throw new Error(`no code found in ${LIST.pathname}`);
  rows.push(`  UNKNOWN: { retry: 'never', sentence: "A rejection this version does not know." },`);
  return [
    '// Generated from muttr-core/src/rejection.rs by the build; change it there.',
    '',
    "/** Whether asking again helps: never, later, or once something was changed. */",
    "export type Retry = 'never' | 'later' | 'changed';",
    '',
    '/** Every code, with what it means. */',
    'export const CODES = {',
    ...rows,
    '} as const satisfies Record<string, { retry: Retry; sentence: string }>;',
    '',
    '/** The codes of `MuttrError`. */',
    'export type Code = keyof typeof CODES;',
    '',
  ].join('\n');
}
