// Drives MQTT.js; see README.md for the line protocol.
'use strict'

const mqtt = require('mqtt')
const readline = require('node:readline')

const PROTOCOLS = {
  '3.1': { protocolId: 'MQIsdp', protocolVersion: 3 },
  '3.1.1': { protocolId: 'MQTT', protocolVersion: 4 },
  '5.0': { protocolId: 'MQTT', protocolVersion: 5 },
}

const port = Number(process.argv.at(-1))
const connections = new Map()

const say = (...words) => process.stdout.write(words.join(' ') + '\n')
const fail = (name, error) => say('failed', name, error.message || error)

// `length` bytes of which byte i is i mod 251.
function fill(length) {
  return Buffer.alloc(length, Buffer.from(Array.from({ length: 251 }, (_, i) => i)))
}

function payloadBytes(word) {
  const [kind, rest] = word.split(':')
  if (kind === 'empty') return Buffer.alloc(0)
  if (kind === 'text') return Buffer.from(rest)
  if (kind === 'fill') return fill(Number(rest))
  throw new Error(`no such payload: ${word}`)
}

function payloadWord(payload) {
  if (payload.length === 0) return 'empty'
  if (payload.length <= 64 && payload.every((byte) => byte > 32 && byte < 128)) {
    return `text:${payload}`
  }
  return payload.equals(fill(payload.length)) ? `fill:${payload.length}` : `bytes:${payload.length}`
}

function subscribe(name, client, words) {
  const filters = {}
  for (let i = 0; i < words.length; i += 2) filters[words[i]] = { qos: Number(words[i + 1]) }
  client.subscribe(filters, (error, granted, packet) => {
    if (packet) say('subscribed', name, ...packet.granted)
    else fail(name, error)
  })
}

function open(name, words) {
  const [version, clientId, clean, expiry, will, ...filters] = words
  const options = {
    ...PROTOCOLS[version],
    host: '127.0.0.1',
    port,
    clientId,
    clean: clean === '1',
    reconnectPeriod: 0,
    resubscribe: false,
    keepalive: 60,
  }
  if (version === '5.0') options.properties = { sessionExpiryInterval: Number(expiry) }
  if (will !== '-') {
    const [topic, qos, retain, payload] = will.split(',')
    options.will = { topic, qos: Number(qos), retain: retain === '1', payload: payloadBytes(payload) }
  }
  const client = mqtt.connect(options)
  connections.set(name, client)
  let code = '-'
  client.on('connect', (packet) => {
    say('opened', name, packet.sessionPresent ? 1 : 0)
    if (filters.length > 0) subscribe(name, client, filters)
  })
  client.on('message', (topic, payload, packet) => {
    say('message', name, topic, packet.qos, packet.retain ? 1 : 0, payloadWord(payload))
  })
  client.on('disconnect', (packet) => { code = packet.reasonCode })
  client.on('error', (error) => fail(name, error))
  client.on('close', () => say('closed', name, code))
}

// MQTT.js refuses to exceed the Receive Maximum of a 5.0 server instead of waiting.
function publish(name, topic, qos, retain, payloads) {
  const client = connections.get(name)
  let sent = 0
  let acknowledged = 0
  const next = () => {
    if (sent === payloads.length) return
    client.publish(topic, payloads[sent++], { qos, retain }, (error) => {
      if (error) fail(name, error)
      acknowledged += 1
      if (acknowledged === payloads.length) say('published', name)
      next()
    })
  }
  const window = client.options.protocolVersion === 5 ? 10 : payloads.length
  for (let i = 0; i < window; i += 1) next()
}

function carryOut(verb, name, words) {
  const client = connections.get(name)
  if (verb === 'open') open(name, words)
  else if (verb === 'subscribe') subscribe(name, client, words)
  else if (verb === 'unsubscribe') {
    client.unsubscribe(words[0], (error) => (error ? fail(name, error) : say('unsubscribed', name)))
  } else if (verb === 'publish') {
    const [topic, qos, retain, payload] = words
    publish(name, topic, Number(qos), retain === '1', [payloadBytes(payload)])
  } else if (verb === 'sequence') {
    const [topic, qos, count] = words
    publish(name, topic, Number(qos), false, Array.from({ length: Number(count) }, (_, i) => `${i}`))
  } else if (verb === 'close') client.end()
}

readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [verb, name, ...words] = line.split(' ')
    try { carryOut(verb, name, words) } catch (error) { fail(name, error) }
  })
  .on('close', () => process.exit(0))
