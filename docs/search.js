// Search through all pages. search_index.js (docs/make_search.py) lists their sections as [address, title, text].
const most = 12;
const field = document.querySelector("#search input");
const found = document.getElementById("found");

// Sections that have all words; those with the words in their title first.
function sectionsWith(words) {
  const rank = ([, title]) => words.filter(word => title.toLowerCase().includes(word)).length;
  return searchIndex
    .filter(([, title, text]) => words.every(word => (title + " " + text).toLowerCase().includes(word)))
    .sort((a, b) => rank(b) - rank(a));
}

// A few words around the first place where one of them stands.
function excerpt(text, words) {
  const at = Math.max(0, Math.min(...words.map(word => text.toLowerCase().indexOf(word)).filter(i => i >= 0)));
  const begin = Number.isFinite(at) ? Math.max(0, at - 40) : 0;
  return (begin > 0 ? "… " : "") + text.slice(begin, begin + 120) + " …";
}

function show() {
  const words = field.value.toLowerCase().split(/\s+/).filter(word => word);
  found.replaceChildren();
  found.hidden = words.length === 0;
  if (found.hidden) return;
  const sections = sectionsWith(words);
  const heading = document.createElement("p");
  heading.textContent = sections.length > most ? `The first ${most} of ${sections.length} places` : `${sections.length} places`;
  found.append(heading);
  for (const [address, title, text] of sections.slice(0, most)) {
    const link = document.createElement("a");
    link.href = address;
    const name = document.createElement("b");
    name.textContent = title;
    link.append(name, " ", excerpt(text, words));
    found.append(link);
  }
}

field.addEventListener("input", show);
document.getElementById("search").addEventListener("submit", event => {
  event.preventDefault();
  const first = found.querySelector("a");
  if (first) location.href = first.href;
});
document.addEventListener("keydown", event => {
  if (event.key === "/" && document.activeElement !== field) {
    event.preventDefault();
    field.focus();
  }
  if (event.key === "Escape") {
    field.value = "";
    show();
  }
});
found.addEventListener("click", () => { found.hidden = true; });  // the place may be on this very page
