# set_up: install what is missing, configure, build. What is done already is not done again. ../learn sources this file
# and defines $root, $build, $results, $log and how to speak.
# shellcheck shell=bash disable=SC2154

packages=(g++ cmake make libdnnl-dev openmpi-bin libopenmpi-dev librandom123-dev libcli11-dev nlohmann-json3-dev
  doctest-dev libpcre2-dev)

# set_up TARGET…: after it, the targets are built.
set_up() { attempt "$@" || show_errors 'the build failed'; }

# attempt TARGET…: the same, but false where they do not compile; $log says why.
attempt() {
  local rc=0
  mkdir -p "$results" 2>/dev/null || true
  [[ -w $build && -w $results ]] || fail "cannot write in $(shown "$build"): does it belong to another user?"
  lock_build
  : >"$log"
  install_packages
  forget_moved_build
  configure
  compile "$@" || rc=$?
  exec {lock}>&-
  return $rc
}

# Two builds in one folder would spoil each other.
lock_build() {
  exec {lock}>"$build/.lock"
  if ! flock --nonblock "$lock"; then
    progress 'waiting for another ./learn to finish its set-up'
    flock --timeout 1800 "$lock" || fail 'another ./learn has been setting up for half an hour'
    clear_progress
  fi
}

# ---- Packages -------------------------------------------------------------------------------------------------------

installs_packages() {
  [[ -z ${SHARD_SKIP_PACKAGES:-} ]] && command -v dpkg-query >/dev/null && command -v apt-get >/dev/null
}

missing_packages() {
  local installed package
  # shellcheck disable=SC2016  # ${Package} is for dpkg-query to fill in
  installed=$(dpkg-query --show --showformat '${Package} ${Status}\n' "${packages[@]}" 2>/dev/null || true)
  for package in "${packages[@]}"; do
    grep -qxF "$package install ok installed" <<<"$installed" || echo "$package"
  done
}

install_packages() {
  local missing
  installs_packages || return 0
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]})) || return 0
  [[ $(id -u) == 0 ]] || command -v sudo >/dev/null || cannot_install 'that takes root, or sudo'
  progress "installing ${missing[*]}"
  # Old package lists may still do when they cannot be renewed, so only the second command decides.
  apt_get update || true
  apt_get install -y --no-install-recommends "${missing[@]}" ||
    cannot_install "$(grep -m 1 '^E: ' "$log" || echo 'apt-get failed')"
  clear_progress
  rm -f "$build/.configured"   # CMake must look again
}

# Asks nothing but sudo's password, and gives up on a network that does not answer.
apt_get() {
  local sudo=()
  [[ $(id -u) == 0 ]] || sudo=(sudo)
  timeout --foreground 1800 "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=2 \
    -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o DPkg::Lock::Timeout=120 "$@" >>"$log" 2>&1 </dev/null
}

cannot_install() {
  local missing
  missing=$(missing_packages | paste -sd ' ')
  clear_progress
  fail "these packages are missing: $missing
They could not be installed: $1
Get them with
    sudo apt-get update && sudo apt-get install --no-install-recommends $missing
and try again. The whole output: $(shown "$log")"
}

# ---- Configure and compile ------------------------------------------------------------------------------------------

# A build folder that was copied or moved with its checkout still names the old place: start it anew.
forget_moved_build() {
  local home
  home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$build/CMakeCache.txt" 2>/dev/null || true)
  [[ -n $home && ! $home -ef $root ]] || return 0
  rm -f "$build/CMakeCache.txt" "$build/.configured"
  find "$build" -name CMakeFiles -type d -prune -exec rm -rf {} +
}

# Once: afterwards the build itself configures again whenever a CMakeLists.txt has changed.
configure() {
  [[ ! -f $build/.configured || ! -f $build/CMakeCache.txt ]] || return 0
  command -v cmake >/dev/null || fail "there is no cmake here. $(what_is_needed)"
  progress 'configuring'
  (cd "$root" && cmake --preset release) >>"$log" 2>&1 </dev/null || show_errors 'CMake could not configure the build'
  clear_progress
  touch "$build/.configured"
}

# compile TARGET… [-- OPTIONS OF MAKE]
compile() {
  local rc=0
  (cd "$root" && cmake --build --preset release --parallel "$(jobs_that_fit)" --target "$@") 2>&1 </dev/null |
    tee -a "$log" | show_percentage || rc=$?
  clear_progress
  return $rc
}

# As many compilers at once as there are cores, with 2 GB of memory for each.
jobs_that_fit() {
  local jobs limit=/sys/fs/cgroup/memory.max
  jobs=$({
    nproc
    awk '/^MemAvailable:/ { print int($2 / 2e6) }' /proc/meminfo
    if [[ -r $limit ]]; then awk '/^[0-9]+$/ { print int($1 / 2e9) }' "$limit"; fi   # of a container; "max" is none
  } | sort -n | head -n 1)
  echo $((jobs > 1 ? jobs : 1))
}

# Of make's lines "[ 45%] Building CXX object …" the percentage: every one on a terminal, else one for each quarter.
show_percentage() {
  local line percent quarter=-1
  while IFS= read -r line; do
    [[ $line =~ ^\[\ *([0-9]+)%\]\ .*(Building|Linking) ]] || continue
    percent=${BASH_REMATCH[1]}
    if $on_terminal || ((percent / 25 > quarter)); then
      progress "building: $percent %"
      quarter=$((percent / 25))
    fi
  done
}

# show_errors SENTENCE: the first errors of the log, the sentence, and where the rest is.
show_errors() {
  clear_progress
  { grep -m 3 -A 6 -E 'error:|CMake Error|undefined reference|No rule' "$log" || tail -n 12 "$log"; } | head -n 24 >&2
  installs_packages || what_is_needed >&2
  fail "$1. The whole output: $(shown "$log")"
}

what_is_needed() {
  echo "Needed are a C++20 compiler, CMake 3.25, make, oneDNN, Open MPI, Random123, CLI11, nlohmann-json, PCRE2 and doctest," \
    "with their headers; on Debian and Ubuntu these are ${packages[*]}."
}
