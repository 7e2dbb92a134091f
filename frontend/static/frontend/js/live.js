// <live-news stream="…" news="…">: says what is new and lets the reader decide when to look; it never moves the page.
// The stream only rings; the words come from `news`. Without a stream it asks every 30 seconds.

const POLL_MS = 30_000;
const SETTLE_MS = 1_000;

class LiveNews extends HTMLElement {
  connectedCallback() {
    this.listen();
    this.poll = setInterval(() => {
      if (this.source?.readyState === EventSource.OPEN) return;
      this.ask();
      if (this.source?.readyState === EventSource.CLOSED) this.listen();
    }, POLL_MS);
    this.leave = () => this.source?.close();
    this.back = (event) => event.persisted && this.listen();
    addEventListener("pagehide", this.leave);
    addEventListener("pageshow", this.back);
  }

  disconnectedCallback() {
    clearInterval(this.poll);
    clearTimeout(this.settling);
    this.source?.close();
    removeEventListener("pagehide", this.leave);
    removeEventListener("pageshow", this.back);
  }

  listen() {
    this.source?.close();
    this.source = new EventSource(this.getAttribute("stream"));
    // After a restart of the server every page comes back at once.
    this.source.onopen = () => this.soon(SETTLE_MS * (1 + Math.random()));
    this.source.onmessage = ({ data }) => this.soon(Math.random() * (JSON.parse(data).spread ?? SETTLE_MS));
  }

  // The first bell is answered at once, those within the next second together. How far apart pages ask grows with their
  // number, which the server knows: two see each other's changes in no time, a thousand do not ask in the same instant.
  soon(after) {
    const rest = SETTLE_MS - (performance.now() - (this.asked ?? -SETTLE_MS));
    this.settling ||= setTimeout(() => {
      this.settling = 0;
      this.asked = performance.now();
      this.ask();
    }, Math.max(after, rest));
  }

  // Others on the page look first: what they show by themselves is no news. They say how many events they know.
  async rung() {
    const waits = [];
    document.dispatchEvent(new CustomEvent("ring", { detail: { waits } }));
    const [known] = await Promise.all(waits);
    if (!known) return;
    const address = new URL(this.getAttribute("news"), location.href);
    address.searchParams.set("known", known);
    this.setAttribute("news", address.pathname + address.search);
  }

  async ask() {
    try {
      await this.rung();
      const answer = await fetch(this.getAttribute("news"), { headers: { "HX-Request": "true" } });
      if (answer.status === 200) this.say(await answer.text());
      else if (answer.status === 401) this.say("<p class='message'>Your session has ended. <a class='button' href='' data-reload>Sign in</a></p>");
    } catch {
      // Offline: the next poll asks again.
    }
  }

  say(html) {
    if (this.said === html) return;
    this.said = html;
    this.innerHTML = html;
  }
}

export function start() {
  customElements.define("live-news", LiveNews);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-reload]")) return;
    event.preventDefault();
    location.reload();
  });
}
