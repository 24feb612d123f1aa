# data: texts to train on, from the internet, each checked by its sha256. ../learn sources this file
# and defines $build and how to speak.
# shellcheck shell=bash disable=SC2154

shakespeare_url=https://raw.githubusercontent.com/karpathy/char-rnn/master
shakespeare_url+=/data/tinyshakespeare/input.txt
shakespeare_sha256=86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed

data() {
  [[ $* == shakespeare ]] ||
    bad_usage "data needs the name of a text; there is one: ./learn data shakespeare" \
      "(his plays, 1.1 MB)"
  local file=$build/data/shakespeare.txt
  get_checked "$shakespeare_url" "$shakespeare_sha256" "$file"
  echo "$(shown "$file") has been downloaded and verified. Train on it with"
  echo "    ./learn run 10 -- --tp 2 --dp 2 --steps 2000 --data $(printf %q "$(shown "$file")")"
}

# get_checked URL SHA256 FILE: FILE is there afterwards and has this sum; nothing else is ever given
# its name.
get_checked() {
  local partial=$3.partial
  if has_sum "$3" "$2"; then return; fi
  mkdir -p "$(dirname "$3")"
  progress "getting $1"
  if ! download "$1" "$partial"; then
    clear_progress
    rm -f "$partial"
    fail "$1 could not be downloaded: $reason
Chapter 10 needs no internet: without --data it trains on data/text.txt of this repository, with
--data FILE on your own text."
  fi
  clear_progress
  if ! has_sum "$partial" "$2"; then
    rm -f "$partial"
    fail "the file from $1 is not the expected text (its sha256 differs); it was deleted"
  fi
  mv "$partial" "$3"
}

has_sum() { [[ -f $1 ]] && sha256sum --check --status <<<"$2  $1"; }

# download URL FILE: sets reason where it fails.
download() {
  reason=''
  if command -v curl >/dev/null; then
    reason=$(curl --fail --silent --show-error --location --connect-timeout 20 --max-time 300 \
      --output "$2" "$1" 2>&1)
  elif command -v wget >/dev/null; then
    reason=$(wget --quiet --timeout=20 --tries=2 --output-document="$2" "$1" 2>&1 ||
      { echo 'wget failed'; false; })
  else
    reason='neither curl nor wget is installed'
    false
  fi
}
