"use strict";
// Every key does what a link, button or field on the page does; without this file the pages work the same, by hand.
const rows = () => [...document.querySelectorAll("[data-row]")];
const typing = (target) => target.matches("input:not([type=radio]), textarea, select");

function move(step) {
  const all = rows();
  if (!all.length) return false;
  const now = all.indexOf(document.activeElement);
  const next = all[now < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, now + step))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function act(element) {
  if (element.matches("input:not([type=radio])")) { element.focus(); element.select(); return; }
  element.focus();
  element.click();
}

function pick(name) {
  const item = document.activeElement.closest && document.activeElement.closest("li");
  const radio = item && item.querySelector(`[data-pick="${name}"]`);
  if (radio) { radio.checked = true; told(); }
}

function told() {
  const line = document.getElementById("picked");
  if (!line) return;
  const of = (name) => { const one = document.querySelector(`[data-pick="${name}"]:checked`); return one ? one.value : "none yet"; };
  line.textContent = `A: ${of("a")} · B: ${of("b")}`;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (typing(event.target)) { if (event.key === "Escape") event.target.blur(); return; }
  if (document.querySelector("dialog[open]")) return;
  const key = event.key;
  const element = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
  if (element) { event.preventDefault(); act(element); return; }
  if ((key === "j" || key === "k") && move(key === "j" ? 1 : -1)) { event.preventDefault(); return; }
  if (key === "a" || key === "b") pick(key);
});
document.addEventListener("change", (event) => { if (event.target.dataset.pick) told(); });
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
});
if (document.querySelector(".filters") && matchMedia("(max-width: 48rem)").matches) document.querySelector(".filters").open = false;
