# docs.sh: ./learn docs, which builds the site and shows it. ../learn sources this file;
# docs/make_site.sh does the work and lists the pictures.
# shellcheck shell=bash disable=SC2154

# What only the site needs. Its tests also want a browser, which is large (370 MB): ./learn test
# installs it where SHARD_BROWSER=1 is set, as continuous integration does, and skips the
# screenshots elsewhere.
docs_packages=(doxygen graphviz libjs-mathjax python3)
browser_packages=()
# shellcheck disable=SC2034  # ../learn's test reads it
[[ -z ${SHARD_BROWSER:-} ]] || browser_packages=(chromium)

site=$root/docs/html

docs() {
  local open=false serve=false option
  for option; do
    case $option in
      --open) open=true ;;
      --serve) serve=true ;;
      *) bad_usage "docs takes --open or --serve, not '$option'" ;;
    esac
  done
  [[ ! $root =~ [^[:alnum:]/._+,=@~%-] ]] ||
    fail "Doxygen cannot read a path with ${BASH_REMATCH[0]@Q}: rename or move ${root@Q}"
  packages+=("${docs_packages[@]}")
  set_up programs
  progress 'building the site'
  SHARD_BUILD=$build "$root/docs/make_site.sh" "$site" >>"$log" 2>&1 </dev/null || docs_failed
  clear_progress
  if $serve; then serve_site; fi
  echo "$(shown "$site")/index.html"
  if $open; then open_in_browser "$site/index.html"; fi
}

docs_failed() {
  clear_progress
  { grep -m 12 -E 'error:|warning:|^docs: |^make_pages: ' "$log" || tail -n 12 "$log"; } |
    sed "s|$root/||" >&2
  fail "the site could not be built. Full output: $(shown "$log")"
}

open_in_browser() {
  local program
  for program in xdg-open open; do
    if command -v "$program" >/dev/null; then "$program" "$1" >/dev/null 2>&1 && return; fi
  done
  fail "no browser could be started: open $1 yourself, or ./learn docs --serve"
}

# On this machine only. SHARD_PORT says where.
serve_site() {
  local port=${SHARD_PORT:-8000}
  [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || bad_usage "SHARD_PORT must be a port, not '$port'"
  echo "http://127.0.0.1:$port/ shows the site until you press Ctrl-C."
  if $open; then (sleep 1; open_in_browser "http://127.0.0.1:$port/") & fi
  exec python3 -m http.server --bind 127.0.0.1 --directory "$site" "$port"
}
