// Reads scenarios by `tests/scenarios/grammar.txt`, as README.md beside it says.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from './repository.mjs'

const FOLDER = join(repository, 'tests/scenarios')
const NUMBERS = 'one two three four five six seven eight nine ten eleven twelve'.split(' ')
const PEOPLE = ['alice', 'bob', 'carol', 'mallory']
const STATUSES = ['queued', 'stored', 'notified', 'fetched', 'read', 'lost']
const UNITS = ['second', 'minute', 'hour', 'day']

const among = words => word => (words.includes(word.text) ? word.text : undefined)
const bare = pattern => word => (!word.quoted && pattern.test(word.text) ? word.text : undefined)

// Each slot turns a word into its meaning, or into `undefined` where it does not take it.
const SLOTS = {
  POD: among(['oak', 'elm', 'ash']),
  PERSON: among(PEOPLE),
  PERSONS: word => among(PEOPLE.map(name => `${name}'s`))(word)?.slice(0, -2),
  NUMBER: word => {
    const named = NUMBERS.indexOf(word.text)
    if (named >= 0) return named + 1
    return /^\d+$/.test(word.text) ? Number(word.text) : undefined
  },
  LABEL: bare(/^\S+$/),
  ADDRESS: bare(/^[^@]+@(oak|elm|ash)$/),
  TEXT: word => (word.quoted ? word.text : undefined),
  STATUS: among(STATUSES),
  CODE: bare(/^[A-Z_]+$/),
  UNIT: word => UNITS.find(unit => word.text === unit || word.text === `${unit}s`),
  STAGE: among(['simulator', 'browser']),
}

function words(line) {
  const found = [...line.matchAll(/"([^"]*)"|(\S+)/g)]
  return found.map(([, quoted, plain]) => ({ text: quoted ?? plain, quoted: quoted !== undefined }))
}

function readGrammar() {
  const lines = readFileSync(join(FOLDER, 'grammar.txt'), 'utf8').split('\n')
  const sentences = lines.filter(line => line.trim() && !line.startsWith('#'))
  return sentences.map(line => {
    const [name, ...pattern] = line.trim().split(/\s+/)
    return { name, pattern }
  })
}

const grammar = readGrammar()

/** The values of the slots when `said` is this sentence, else `undefined`. */
function match(pattern, said) {
  if (pattern.length !== said.length) return undefined
  const values = []
  for (const [at, expected] of pattern.entries()) {
    const slot = SLOTS[expected]
    const value = slot && slot(said[at])
    if (slot ? value === undefined : said[at].quoted || !expected.split('|').includes(said[at].text)) {
      return undefined
    }
    if (slot) values.push(value)
  }
  return values
}

function readLine(text, number, file) {
  const said = words(text)
  let refused
  const tail = said.slice(-4).map(word => word.text)
  if (tail.slice(0, 3).join(' ') === 'but is refused') {
    refused = SLOTS.CODE(said.at(-1))
    said.splice(-4)
  }
  for (const { name, pattern } of grammar) {
    const values = match(pattern, said)
    if (values) return { name, values, refused, number, text }
  }
  throw new Error(`${file}:${number}: no such sentence: ${text}`)
}

/** One scenario: its name, its stage if it has one of its own, and its sentences. */
export function scenario(name) {
  const file = `${name}.txt`
  const lines = readFileSync(join(FOLDER, file), 'utf8').split('\n')
  const sentences = []
  for (const [at, line] of lines.entries()) {
    const text = line.trim()
    if (text && !text.startsWith('#')) sentences.push(readLine(text, at + 1, file))
  }
  const stage = sentences[0]?.name === 'stage' ? sentences.shift().values[0] : undefined
  const title = lines.find(line => line.startsWith('#'))?.slice(1).trim()
  return { name, title, stage, sentences }
}

/** Every scenario that this stage plays. */
export function scenarios(stage) {
  const names = readdirSync(FOLDER).filter(file => file.endsWith('.txt') && file !== 'grammar.txt')
  return names
    .sort()
    .map(file => scenario(file.slice(0, -'.txt'.length)))
    .filter(each => each.stage === undefined || each.stage === stage)
}
