// HTTP over TLS with a client certificate where one is given, and a user's browser in front of our pages.

import https from 'node:https'

/** A `fetch` that trusts `ca` alone, shows `cert`, and follows no redirect. */
export function fetcher({ ca, cert, key }) {
  const agent = new https.Agent({ ca, cert, key })
  return (url, options = {}) =>
    new Promise((resolve, reject) => {
      const headers = Object.fromEntries(new Headers(options.headers))
      const body = options.body === undefined || options.body === null ? undefined : String(options.body)
      if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body))
      const asked = https.request(url, { method: options.method ?? 'GET', headers, agent }, (answer) => {
        const parts = []
        answer.on('data', (part) => parts.push(part))
        answer.on('error', reject)
        answer.on('end', () => {
          const empty = [204, 304].includes(answer.statusCode)
          const made = new Headers()
          for (let at = 0; at < answer.rawHeaders.length; at += 2) {
            made.append(answer.rawHeaders[at], answer.rawHeaders[at + 1])
          }
          const whole = new Response(empty ? null : Buffer.concat(parts), { status: answer.statusCode, headers: made })
          Object.defineProperty(whole, 'url', { value: String(url) })
          resolve(whole)
        })
      })
      asked.on('error', reject)
      asked.end(body)
    })
}

/** Somebody signed in at the host, who says yes to everything. */
export class Browser {
  constructor(fetch, user = 'alice') {
    this.fetch = fetch
    this.headers = { cookie: `user=${user}` }
  }

  async submit(page, more) {
    const text = await page.text()
    const action = text.match(/action="([^"]+)"/)
    if (action === null) throw new Error(`no form: ${page.status} ${text}`)
    const form = new URLSearchParams(more)
    for (const [, name, value] of text.matchAll(/<input [^>]*?name="([^"]+)" value="([^"]*)"/g)) {
      form.set(name, plain(value))
    }
    const headers = { ...this.headers, 'content-type': 'application/x-www-form-urlencoded' }
    return this.fetch(new URL(plain(action[1]), page.url), { method: 'POST', headers, body: form })
  }

  /** Where the user is sent back to after the consent page. */
  async allow(url) {
    let page = await this.fetch(url, { headers: this.headers })
    if (page.status === 200) page = await this.submit(page, { answer: 'allow' })
    const back = page.headers.get('location')
    if (back === null) throw new Error(`not sent back: ${page.status} ${await page.text()}`)
    return new URL(back)
  }

  /** Types a device's code and says yes. */
  async connect(url) {
    const question = await this.submit(await this.fetch(url, { headers: this.headers }), {})
    if (question.status !== 200) throw new Error(`not asked: ${question.status} ${await question.text()}`)
    const done = await this.submit(question, { answer: 'allow' })
    if (done.status !== 200) throw new Error(`not connected: ${done.status} ${await done.text()}`)
  }
}

function plain(text) {
  return text.replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}
