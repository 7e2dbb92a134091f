// <live-news stream="…" news="…">: says what is new and lets the reader decide when to look; it never moves the page.
// The stream only rings; the words come from `news`. Without a stream it asks every 30 seconds. While nobody sees the page
// it does neither: a browser has few connections to one address, and each tab would hold one.
// <live-bar stream="…" count="…">: says in the bar how much was not read, by the stream of the news where the page has one.

const POLL_MS = 30_000;
const SETTLE_MS = 1_000;

const WITHIN = { headers: { "HX-Request": "true" } };

async function count() {
  const answer = await fetch(document.querySelector("live-bar").getAttribute("count"), WITHIN);
  const words = await answer.text();
  if (answer.ok) for (const place of document.querySelectorAll("[data-unread]")) place.textContent = words;
}

class LiveNews extends HTMLElement {
  connectedCallback() {
    this.turn = () => (document.hidden ? this.source?.close() : this.listen());
    this.turn();
    this.poll = setInterval(() => {
      if (document.hidden || this.source.readyState === EventSource.OPEN) return;
      this.told = true;
      this.ask();
      if (this.source.readyState === EventSource.CLOSED) this.listen();
    }, POLL_MS);
    document.addEventListener("visibilitychange", this.turn);
  }

  disconnectedCallback() {
    clearInterval(this.poll);
    clearTimeout(this.settling);
    this.source?.close();
    document.removeEventListener("visibilitychange", this.turn);
  }

  listen() {
    this.source?.close();
    this.source = new EventSource(this.getAttribute("stream"));
    // After a restart of the server every page comes back at once. What a page says that was just loaded is true.
    this.source.onopen = () => {
      this.told ||= performance.now() > POLL_MS;
      this.soon(SETTLE_MS * (1 + Math.random()));
    };
    this.source.onmessage = ({ data }) => {
      const { kind, spread } = JSON.parse(data);
      this.told ||= kind === "inbox" || kind === "missed";
      this.soon(Math.random() * (spread ?? SETTLE_MS));
    };
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
      if (this.told) {
        this.told = false;
        await count();
      }
      if (!this.hasAttribute("news")) return;
      await this.rung();
      const answer = await fetch(this.getAttribute("news"), WITHIN);
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
  customElements.define("live-bar", class extends LiveNews {
    connectedCallback() {
      if (!document.querySelector("live-news")) super.connectedCallback();
    }
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-reload]")) return;
    event.preventDefault();
    location.reload();
  });
}
