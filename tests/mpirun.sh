#!/usr/bin/env bash
# mpirun.sh RANKS PROGRAM ARGS…: as ./learn run starts programs, but without a second of mercy for
# the other ranks when one has failed, and not as on a terminal.
set -euo pipefail
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_odls_base_sigkill_timeout=0
export TERM=dumb LC_ALL=C.UTF-8
exec "$(dirname "${BASH_SOURCE[0]}")/../scripts/mpirun.sh" "$@"
