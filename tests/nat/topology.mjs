// A small internet on one machine: network namespaces joined by virtual cables.
//
//   alice 10.1.0.2 -- nat-a 203.0.113.11 --+
//                                          +-- inet 203.0.113.1, where the pod is
//   bob   10.2.0.2 -- nat-b 203.0.113.12 --+
//
// Everybody has a default route: without one Chromium finds no ICE candidates.
import { execFileSync } from 'node:child_process'
import { leftover } from '../harness/browser/leftovers.mjs'

/** Where the pod is. The whole network is set aside for documentation: RFC 5737. */
export const INET = '203.0.113.1'

const NAMES = ['inet', 'nat-a', 'nat-b', 'alice', 'bob']
const SIDES = [
  { nat: 'nat-a', wan: '203.0.113.11', lan: '10.1.0.1', who: 'alice', own: '10.1.0.2' },
  { nat: 'nat-b', wan: '203.0.113.12', lan: '10.2.0.1', who: 'bob', own: '10.2.0.2' },
]

/**
 * How a box passes packets on; each is a line of a rule set.
 * Linux keeps the port where it can and lets in only whom the inside wrote to: port-restricted.
 * A port drawn anew for every destination is what a symmetric NAT does.
 */
export const NATS = {
  'port-restricted': { masquerade: 'masquerade', udp: 'accept' },
  symmetric: { masquerade: 'masquerade fully-random', udp: 'accept' },
  'no UDP': { masquerade: 'masquerade', udp: 'drop' },
}

/**
 * The input rule matters: a packet of the far side that comes first would be remembered as a
 * connection to the box itself, and the port it came to could not be used for the inside any more.
 * Names are asked for by browsers of their own accord and answered by nobody here: not counted.
 */
const ruleSet = ({ masquerade, udp }) => `
flush ruleset
table ip box {
  counter udp_out { }
  chain out { type nat hook postrouting priority srcnat; oifname "wan" ${masquerade}; }
  chain own { type filter hook input priority filter; iifname "wan" ct state new drop; }
  chain through {
    type filter hook forward priority filter; policy drop;
    iifname "lan" udp dport 53 drop
    iifname "lan" ip protocol udp counter name udp_out ${udp}
    iifname "lan" accept
    ct state established,related accept
  }
}
`

const run = (command, words, input) =>
  execFileSync(command, words, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] })

const ip = line => run('ip', line.split(' '))

/** Why there can be no such network on this machine; `undefined` where there can. */
export function lacking() {
  if (process.getuid?.() !== 0) return 'only root can make network namespaces'
  const tools = { ip: ['-V'], nft: ['-v'], openssl: ['version'] }
  for (const [command, words] of Object.entries(tools)) {
    try {
      run(command, words)
    } catch {
      return `there is no '${command}'`
    }
  }
  const trial = `muttr-${process.pid}-trial`
  try {
    ip(`netns add ${trial}`)
    run('ip', ['netns', 'exec', trial, 'nft', '-f', '-'], ruleSet(NATS.symmetric))
  } catch (failure) {
    return `no network namespace with rules can be made: ${String(failure.stderr ?? failure.message).trim()}`
  } finally {
    remove(trial)
  }
  return undefined
}

function remove(namespace) {
  try {
    ip(`netns del ${namespace}`)
  } catch {
    // It was not made, or is gone.
  }
}

/** Removes what test processes that were killed have left. */
function sweep() {
  const all = JSON.parse(ip('-j netns list') || '[]')
  for (const { name } of all) {
    const pid = Number(/^muttr-(\d+)-/.exec(name)?.[1])
    try {
      if (pid) process.kill(pid, 0)
    } catch (failure) {
      if (failure.code === 'ESRCH') remove(name)
    }
  }
}

/** The network, until `remove`, at the latest until the process ends. */
export class Topology {
  constructor() {
    sweep()
    this.remove = leftover(() => NAMES.map(name => remove(this.namespace(name))))
    for (const name of NAMES) ip(`netns add ${this.namespace(name)}`)
    this.#inside('inet', 'link add net type bridge', `address add ${INET}/24 dev net`, 'link set lo up', 'link set net up')
    for (const side of SIDES) this.#connect(side)
  }

  /** The name by which `ip netns exec` finds one of the places in the picture above. */
  namespace(name) {
    return `muttr-${process.pid}-${name}`
  }

  #inside(name, ...lines) {
    for (const line of lines) ip(`-n ${this.namespace(name)} ${line}`)
  }

  #connect({ nat, wan, lan, who, own }) {
    ip(`link add wan netns ${this.namespace(nat)} type veth peer name ${nat} netns ${this.namespace('inet')}`)
    ip(`link add lan netns ${this.namespace(nat)} type veth peer name lan netns ${this.namespace(who)}`)
    this.#inside('inet', `link set ${nat} master net`, `link set ${nat} up`)
    this.#inside(nat, `address add ${wan}/24 dev wan`, 'link set wan up', `route add default via ${INET}`)
    this.#inside(nat, `address add ${lan}/24 dev lan`, 'link set lan up', 'link set lo up')
    this.#inside(who, `address add ${own}/24 dev lan`, 'link set lan up', 'link set lo up', `route add default via ${lan}`)
    this.#run(nat, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
  }

  #run(name, words, input) {
    return run('ip', ['netns', 'exec', this.namespace(name), ...words], input)
  }

  /** From now on both boxes are of this kind, and have counted nothing. */
  become(kind) {
    for (const { nat } of SIDES) this.#run(nat, ['nft', '-f', '-'], ruleSet(NATS[kind]))
  }

  /** How many UDP packets each inside has sent to its box to be passed on, whatever became of them. */
  udpSent() {
    return SIDES.map(({ nat }) => {
      const said = JSON.parse(this.#run(nat, ['nft', '-j', 'list', 'counter', 'ip', 'box', 'udp_out']))
      return said.nftables.find(each => each.counter).counter.packets
    })
  }
}
