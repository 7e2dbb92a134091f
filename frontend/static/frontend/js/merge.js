// Three-way merge of two texts that come from one: by lines, as version control does it. Pure.

const MOST_CELLS = 4_000_000; // of the table that finds common lines; beyond it, the texts count as wholly different

/** Pairs of indexes of the lines that two lists have in common, in order. */
function common(a, b) {
  if (a.length * b.length > MOST_CELLS) return [];
  const longest = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      longest[i][j] = a[i] === b[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
    }
  }
  const pairs = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (longest[i + 1][j] >= longest[i][j + 1]) i += 1;
    else j += 1;
  }
  return pairs;
}

const same = (a, b) => a.length === b.length && a.every((line, at) => line === b[at]);

/** Merge `mine` and `theirs`, both made from `base`. `clean` is false where both changed the same lines: then both stand. */
export function merge(base, mine, theirs) {
  const [from, own, other] = [base, mine, theirs].map((text) => text.split("\n"));
  const inOwn = new Map(common(from, own));
  const inOther = new Map(common(from, other));
  // Lines that all three have hold the texts together; what lies between is taken from whoever changed it.
  const anchors = [...inOwn.keys()].filter((line) => inOther.has(line)).map((line) => [line, inOwn.get(line), inOther.get(line)]);
  const lines = [];
  let clean = true;
  let [f, o, t] = [0, 0, 0];
  for (const [nextF, nextO, nextT] of [...anchors, [from.length, own.length, other.length]]) {
    const [was, ours, others] = [from.slice(f, nextF), own.slice(o, nextO), other.slice(t, nextT)];
    if (same(ours, others) || same(was, others)) lines.push(...ours);
    else if (same(was, ours)) lines.push(...others);
    else {
      clean = false;
      lines.push(...ours, ...others);
    }
    if (nextF < from.length) lines.push(from[nextF]);
    [f, o, t] = [nextF + 1, nextO + 1, nextT + 1];
  }
  return { text: lines.join("\n"), clean };
}
