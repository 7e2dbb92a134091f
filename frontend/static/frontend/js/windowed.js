// A list of very many rows of which only those in sight are in the page. Heights are known, nodes are used again.

import { lowerBound } from "columns";

const OVERSCAN = 3;

export class Windowed {
  /**
   * @param scroller the element that scrolls; `list` is the only thing in it that grows.
   * @param make returns a new node; `fill(node, row)` makes it show a row; `seen(first, last)` hears what is in sight.
   */
  constructor(scroller, list, { make, fill, seen }) {
    Object.assign(this, { scroller, list, make, fill, seen, nodes: [], rows: { size: 0, top: [0], height: 0 }, filled: [] });
    scroller.addEventListener("scroll", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.#soon()).observe(scroller);
  }

  /** Show other rows. */
  show(rows) {
    this.rows = rows;
    this.list.style.blockSize = `${rows.height}px`;
    this.refresh();
  }

  /** Fill every node anew. */
  refresh() {
    this.filled.fill(-1);
    this.#draw();
  }

  #soon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#draw();
    });
  }

  /** Return the first and one past the last row in sight. */
  get range() {
    const { scrollTop, clientHeight } = this.scroller;
    const above = scrollTop - this.list.offsetTop;
    const first = Math.max(lowerBound(this.rows.top, above) - 1, 0);
    return [first, Math.min(lowerBound(this.rows.top, above + clientHeight), this.rows.size)];
  }

  #draw() {
    const [top, bottom] = this.range;
    const first = Math.max(top - OVERSCAN, 0), last = Math.min(bottom + OVERSCAN, this.rows.size);
    while (this.nodes.length < last - first) {
      this.nodes.push(this.make());
      this.filled.push(-1);
      this.list.append(this.nodes.at(-1));
    }
    const free = [], missing = [];
    const held = new Set(this.filled);
    this.filled.forEach((row, node) => (row < first || row >= last) && free.push(node));
    for (let row = first; row < last; row += 1) if (!held.has(row)) missing.push(row);
    for (const row of missing) {
      const at = free.pop(), node = this.nodes[at];
      this.filled[at] = row;
      node.style.transform = `translateY(${this.rows.top[row]}px)`;
      node.hidden = false;
      this.fill(node, row);
    }
    for (const at of free) {
      this.filled[at] = -1;
      this.nodes[at].hidden = true;
    }
    this.seen(first, last);
  }

  /** Return the node that shows a row, if it is in the page. */
  node(row) {
    return this.nodes[this.filled.indexOf(row)];
  }

  /** Fill the nodes of some rows again. */
  again(rows) {
    for (const row of rows) if (this.node(row)) this.fill(this.node(row), row);
  }

  /** Bring a row into sight, as little as needed or into the middle. */
  reveal(row, { centre = false } = {}) {
    const { top } = this.rows, view = this.scroller, offset = this.list.offsetTop;
    const [begins, ends] = [top[row] + offset, top[row + 1] + offset];
    if (centre) view.scrollTop = begins - view.clientHeight / 2;
    else if (begins < view.scrollTop) view.scrollTop = begins;
    else if (ends > view.scrollTop + view.clientHeight) view.scrollTop = ends - view.clientHeight;
    this.#draw();
  }
}
