// What must hold in a page once it is laid out: the promise of a list of faults. screenshots.py evaluates it.
(async () => {
  const faults = [];
  const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds));
  while (document.readyState !== "complete") await wait(50);
  if (window.MathJax?.Hub) {
    await new Promise(done => { MathJax.Hub.Queue(done); });
  } else if (document.querySelector("script[type='text/x-mathjax-config']")) {
    faults.push("MathJax was not loaded");
  }

  // Nothing is wider than the window, and a line of text has about 70 characters at most.
  const width = document.documentElement.scrollWidth;
  if (width > innerWidth) {
    const scrolls = "pre, .fragment, table, .formulaDsp, figure, .memproto";   // by themselves
    const wide = [...document.querySelectorAll("body *")].filter(
      e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(scrolls));
    faults.push(`it scrolls sideways: ${width} of ${innerWidth} pixels; ${wide.slice(0, 3).map(e => e.outerHTML.slice(0, 80))}`);
  }
  for (const paragraph of document.querySelectorAll(".textblock > p, .textblock li, .memdoc p, .section dd")) {
    const lines = Math.round(paragraph.clientHeight / parseFloat(getComputedStyle(paragraph).lineHeight));
    const characters = paragraph.innerText.trim().length / lines;
    if (lines > 1 && characters > 70) {
      faults.push(`${Math.round(characters)} characters a line: ${paragraph.innerText.slice(0, 40)}`);
    }
  }

  // The main blocks stand beside or below each other.
  const visible = e => e && e.getClientRects().length > 0 && getComputedStyle(e).visibility !== "hidden";
  const blocks = ["#top header", "#contents", ".title", ".contents", "footer"]
    .map(selector => document.querySelector(selector)).filter(visible);
  const box = e => e.getBoundingClientRect();
  const overlap = (a, b) => box(a).left < box(b).right - 1 && box(b).left < box(a).right - 1 &&
                            box(a).top < box(b).bottom - 1 && box(b).top < box(a).bottom - 1;
  const name = e => e.id ? "#" + e.id : e.className ? "." + e.className : e.tagName.toLowerCase();
  blocks.forEach((a, i) => blocks.slice(i + 1).forEach(b => {
    if (overlap(a, b) && !(a.matches("header") && b.id === "contents")) faults.push(`${name(a)} and ${name(b)} overlap`);
  }));
  const parts = [...document.querySelectorAll(".textblock > *")].filter(visible);
  parts.slice(1).forEach((b, i) => {
    if (overlap(parts[i], b)) faults.push(`"${parts[i].textContent.slice(0, 30)}" and what follows overlap`);
  });

  // Formulas are typeset, pictures are there, the style sheet and the search work.
  const text = document.querySelector(".contents")?.innerText ?? "";
  if (/\\[([]|\\f[[$]|\\(sum|text|mathsf|begin)\b/.test(text)) {
    faults.push(`a formula is not typeset: ${text.match(/.{20}\\.{30}/)}`);
  }
  if (document.querySelector(".formulaDsp, .formulaInl") && !document.querySelector(".MathJax_SVG svg")) {
    faults.push("there are formulas and no MathJax in the page");
  }
  if (document.querySelector(".MathJax_Error, .merror")) faults.push("MathJax does not understand a formula");
  for (const image of document.images) {
    if (image.naturalWidth === 0) faults.push(`the picture ${image.getAttribute("src")} does not show`);
  }
  const field = document.querySelector("#search input");
  field.value = "all_reduce";
  field.dispatchEvent(new Event("input"));
  if (document.querySelectorAll("#found a").length < 5) faults.push("the search finds nothing");
  field.value = "";
  field.dispatchEvent(new Event("input"));
  scrollTo(0, 0);
  return faults;
})()
