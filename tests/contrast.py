"""Finds text whose contrast with its ground is below 4.5 to 1 (WCAG 2.2, 1.4.3); to be run in a page."""

CONTRAST = """
(() => {
  const light = (rgb) => rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (el) => { for (; el; el = el.parentElement) {
    const c = parse(getComputedStyle(el).backgroundColor); if (c.length < 4 || c[3] > 0) return c;
  } return [255, 255, 255]; };
  const bad = [];
  for (const el of document.querySelectorAll("body *")) {
    const own = [...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !el.checkVisibility() || el.closest(".hidden, .skip, dialog:not([open])")) continue;
    const a = light(parse(getComputedStyle(el).color).slice(0, 3)), b = light(ground(el).slice(0, 3));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${el.tagName}.${el.className} ${ratio.toFixed(2)} ${el.textContent.trim().slice(0, 30)}`);
  }
  return bad;
})()
"""
