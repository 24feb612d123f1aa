# set_up: install what is missing, configure, build. What is done already is not done again.
# ../learn sources this file and defines $root, $build, $results, $log and how to speak.
# shellcheck shell=bash disable=SC2154

packages=(g++ cmake ninja-build libdnnl-dev openmpi-bin libopenmpi-dev librandom123-dev
  libcli11-dev nlohmann-json3-dev
  doctest-dev)

# set_up TARGET…: after it, the targets are built.
set_up() { attempt "$@" || show_errors 'the build failed'; }

# attempt TARGET…: the same, but false where they do not compile; $log says why.
attempt() {
  local rc=0
  allow_files 4
  check_place
  lock_build
  : >"$log"
  install_packages
  forget_moved_build
  configure
  compile "$@" || rc=$?
  exec {lock}>&-
  return $rc
}

# allow_files RANKS: as many open files as mpirun needs for so many ranks (with fewer it may wait
# forever).
allow_files() {
  local most needed=$((32 + 8 * $1))
  [[ $(ulimit -S -n) != unlimited ]] || return 0
  most=$(ulimit -H -n)
  [[ $most != unlimited && $most -lt $((needed + 1024)) ]] || most=$((needed + 1024))
  (($(ulimit -S -n) >= most)) || ulimit -S -n "$most"
  ((most >= needed)) ||
    fail \
      "only $most files may be open at once (ulimit -n), and $(ranks_text "$1") need" \
      "$needed: raise that limit"
}

# Says at once where nothing can be built: a path that CMake or make takes for something else, a
# folder that is read-only, files of root's from an earlier run.
check_place() {
  local file
  [[ ! $root =~ [][\"\\\;:\|\#[:cntrl:]]|'${' ]] ||
    fail "CMake and make cannot build in a path with ${BASH_REMATCH[0]@Q}: rename or move ${root@Q}"
  mkdir -p "$results" 2>/dev/null || true
  file=$(find "$build" ! -type l ! -writable -print -quit 2>/dev/null || echo "$build")
  if [[ -e $file ]]; then
    fail \
      "cannot write $(shown "$file"), which belongs to $(stat -c %U "$file"): the folder" \
      "$(shown "$build") must belong to you"
  fi
  [[ -z $file ]] ||
    fail "cannot create $(shown "$file"): $root is read-only, or belongs to another user"
}

# Two builds in one folder would spoil each other. Only $taken says that there is another: where a
# file system has no locks, flock ends with another status.
lock_build() {
  local taken=75 rc=0 reason
  exec {lock}>"$build/.lock"
  reason=$(flock --nonblock --conflict-exit-code $taken "$lock" 2>&1) || rc=$?
  if ((rc == taken)); then
    progress 'waiting for another ./learn to finish its set-up'
    rc=0
    reason=$(flock --timeout 1800 --conflict-exit-code $taken "$lock" 2>&1) || rc=$?
    ((rc != taken)) || fail 'another ./learn has been in its set-up for half an hour'
    clear_progress
  fi
  ((rc == 0)) ||
    printf 'learn: %s cannot be locked (%s): do not run another ./learn until it is built\n' \
      "$(shown "$build")" "$reason" >&2
}

# ---- Packages ------------------------------------------------------------------------------------

installs_packages() {
  [[ -z ${SHARD_SKIP_PACKAGES:-} ]] && command -v dpkg-query >/dev/null &&
    command -v apt-get >/dev/null
}

missing_packages() {
  local installed package
  # shellcheck disable=SC2016  # ${Package} is for dpkg-query to fill in
  local format='${Package} ${Status}\n'
  installed=$(dpkg-query --show --showformat "$format" "${packages[@]}" 2>/dev/null || true)
  for package in "${packages[@]}"; do
    grep -qxF "$package install ok installed" <<<"$installed" || echo "$package"
  done
}

install_packages() {
  local missing
  installs_packages || return 0
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]})) || return 0
  [[ $(id -u) == 0 ]] || command -v sudo >/dev/null || cannot_install 'this needs root or sudo'
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
  timeout --foreground 1800 "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get \
    -o Acquire::Retries=2 \
    -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o DPkg::Lock::Timeout=120 "$@" \
    >>"$log" 2>&1 </dev/null
}

cannot_install() {
  local missing
  missing=$(missing_packages | paste -sd ' ')
  clear_progress
  fail "these packages are missing: $missing
They could not be installed: $1
Install them with
    sudo apt-get update && sudo apt-get install --no-install-recommends $missing
and try again. Full output: $(shown "$log")"
}

# ---- Configure and compile -----------------------------------------------------------------------

# A build folder that was copied or moved with its checkout still names the old folder, and so do
# its programs. What was compiled is deleted, what programs wrote is kept. CMakeCache.txt goes last:
# if this is interrupted, it is done again.
forget_moved_build() {
  local home
  home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$build/CMakeCache.txt" 2>/dev/null || true)
  [[ -n $home && ! $home -ef $root ]] || return 0
  echo "This build folder was created in $home; everything is rebuilt for $root."
  rm -rf "${build:?}"/{.configured,.ninja_deps,.ninja_log,bin,lib,exercises}
  find "$build" \( -name CMakeFiles -type d -prune -o -name 'lib*.a' \) -exec rm -rf {} +
  rm -f "$build/CMakeCache.txt"
}

# Once: afterwards the build itself configures again whenever a CMakeLists.txt has changed.
configure() {
  local generator=()
  [[ ! -f $build/.configured || ! -f $build/CMakeCache.txt ]] || return 0
  command -v cmake >/dev/null || fail "cmake is not installed. $(what_is_needed)"
  # Ninja starts at once where make looks through hundreds of targets
  [[ -f $build/CMakeCache.txt || -n ${CMAKE_GENERATOR:-} ]] || ! command -v ninja >/dev/null ||
    generator=(-G Ninja)
  echo 'A first build takes a few minutes.' || exit 1
  progress 'configuring'
  (cd "$root" && cmake --preset release "${generator[@]}") >>"$log" 2>&1 </dev/null ||
    configure_failed
  clear_progress
  touch "$build/.configured"
}

configure_failed() {
  local reason
  rm -f "$build/CMakeCache.txt"   # the next try may name another compiler
  # The first error's first sentence, in one line; where the compiler does not work, why.
  reason=$(awk '
    /^CMake Error/ && !found {
      found = 1
      sub(/^CMake Error( at .*:[0-9]+ \([a-z_]+\))?: */, "")
      said = $0
      next
    }
    !found { next }
    is_complete && !/not found|error: |[Nn]o such file|cannot/ { next }
    { is_blank = !NF; is_part = sub(/^ +/, "") && NF }
    is_complete { said = said ": " $0; exit }
    is_part { said = said (said == "" ? "" : " ") $0; next }
    said ~ /\.$/ || said != "" && !is_blank {
      is_complete = sub(/ is not able to compile a simple test program\.$/, " cannot compile", said)
      if (!is_complete) exit
    }
    END { sub(/\.$/, "", said); print said }' "$log")
  [[ -n $reason ]] || show_errors 'CMake could not configure the build'
  clear_progress
  installs_packages || what_is_needed >&2
  fail "CMake could not configure the build: $reason. Full output: $(shown "$log")"
}

# build_the_rest TARGET: as much of it as compiles.
build_the_rest() {
  local go_on=(--keep-going)
  [[ ! -f $build/build.ninja ]] || go_on=(-k 0)
  attempt "$1" -- "${go_on[@]}"
}

# compile TARGET… [-- OPTIONS OF NINJA OR MAKE]
compile() {
  local rc=0
  (cd "$root" && cmake --build --preset release --parallel "$(jobs_that_fit)" --target "$@") 2>&1 \
    </dev/null |
    tee -a "$log" | show_percentage || rc=("${PIPESTATUS[@]}")
  ((${rc[2]:-0} <= 128)) || exit "${rc[2]}"   # nobody reads on, as with | head
  clear_progress
  return "${rc[0]}"
}

# As many compilers at once as there are cores, with 2 GB of memory for each.
jobs_that_fit() {
  local jobs limit=/sys/fs/cgroup/memory.max
  jobs=$({
    cores
    awk '/^MemAvailable:/ { print int($2 / 2e6) }' /proc/meminfo
    # Of a container; "max" is none.
    if [[ -r $limit ]]; then awk '/^[0-9]+$/ { print int($1 / 2e9) }' "$limit"; fi
  } | sort -n | sed -n 1p)
  echo $((jobs > 1 ? jobs : 1))
}

# Of the lines "[ 45%] Building CXX object …" of make and "[9/20] Building …" of Ninja the
# percentage: every one on a terminal, else one for each quarter.
show_percentage() {
  local line percent quarter=-1
  while IFS= read -r line; do
    [[ $line =~ ^\[\ *([0-9]+)(%|/([0-9]+))\]\ .*(Building|Linking) ]] || continue
    percent=$((BASH_REMATCH[3] ? 100 * BASH_REMATCH[1] / BASH_REMATCH[3] : BASH_REMATCH[1]))
    if $on_terminal || ((percent / 25 > quarter)); then
      progress "building: $percent %"
      quarter=$((percent / 25))
    fi
  done
}

# show_errors SENTENCE: the first errors of the log, the sentence, and where the rest is.
show_errors() {
  clear_progress
  { grep -m 3 -A 6 -E 'error:|CMake Error|undefined reference|No rule' "$log" ||
    tail -n 12 "$log"; } | head -n 24 >&2
  installs_packages || what_is_needed >&2
  fail "$1. Full output: $(shown "$log")"
}

what_is_needed() {
  echo "Required: g++ 11, clang 15 or later, CMake 3.25, Ninja or make, oneDNN, Open MPI," \
    "Random123, CLI11, nlohmann-json and doctest, with their headers;" \
    "on Debian and Ubuntu these are ${packages[*]}."
}
