// Long formulas break into lines on a narrow page; nothing is said while they are typeset.
MathJax.Hub.Config({
  messageStyle: "none",
  showMathMenu: false,
  displayAlign: "left",
  SVG: { linebreaks: { automatic: true, width: "container" }, scale: 95 },
});
