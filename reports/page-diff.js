// Word differences: the longest common subsequence of words, for texts of moderate length.

const LONGEST_DIFF = 1500;
const LEAST_ALIKE = 0.25;

/** Parts [kind, text] of `text` against `base`, kind "same", "added" or "missing"; null if the texts are
 * too long, or so unlike that marks would hide more than they show. */
function wordDiff(base, text) {
  const a = base.match(/\S+\s*/g) || [], b = text.match(/\S+\s*/g) || [];
  if (!a.length || !b.length || a.length > LONGEST_DIFF || b.length > LONGEST_DIFF) return null;
  const was = a.map((word) => word.trim()), is = b.map((word) => word.trim());
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i * width + j] = was[i] === is[j] ? common[(i + 1) * width + j + 1] + 1
        : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
  if (common[0] < LEAST_ALIKE * Math.max(a.length, b.length)) return null;
  const parts = [];
  const put = (kind, word) => {
    const last = parts[parts.length - 1];
    if (last && last[0] === kind) last[1] += word; else parts.push([kind, word]);
  };
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && was[i] === is[j]) { put("same", b[j]); i++; j++; }
    else if (j === b.length || (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      put("missing", /\s$/.test(a[i]) ? a[i] : a[i] + " "); i++;
    } else { put("added", b[j]); j++; }
  }
  return parts;
}
