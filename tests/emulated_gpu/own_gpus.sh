#!/usr/bin/env bash
# own_gpus.sh BIN: two ranks that see one GPU each have GPUs of their own if these are two, and
# share it if it is one.
# shellcheck source-path=SCRIPTDIR/../faults source=../faults/expect.sh
source "$(dirname "$0")/../faults/expect.sh"
export SHARD_EMULATED_GPUS=1

# collectives FIRST_GPU SECOND_GPU PHRASE: what each rank sees, and what the program's first line
# must say.
collectives() {
  # shellcheck disable=SC2016  # for each rank to fill in
  local of_rank='seen=("$0" "$1")
    export SHARD_EMULATED_FIRST_GPU=${seen[OMPI_COMM_WORLD_RANK]}
    exec "${@:2}"'
  status=0 seconds=0 runs=$((runs + 1))
  timeout 60 "$here/../mpirun.sh" 2 bash -c "$of_rank" "$1" "$2" "$bin/02_collectives" \
    --device cuda >"$work/out" 2>"$work/err" || status=$?
  [[ $status == 0 ]] || wrong "GPUs $1 and $2: exit status 0 was expected"
  grep -qE "^02_collectives: 2 ranks on emulated GPU.*; collectives by $3\$" "$work/out" ||
    wrong "GPUs $1 and $2: \"$3\" was expected"
}

collectives 0 1 'NCCL [0-9.]+'
NCCL_MULTI_RANK_GPU_ENABLE=1 SHARD_EMULATED_NCCL_VERSION=2.30.3 collectives 3 3 \
  'NCCL 2.30.3: 2 ranks share 1 GPU'
collectives 3 3 'Open MPI [0-9.]+, staged through host memory: 2 ranks share 1 GPU'
finish
