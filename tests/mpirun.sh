#!/usr/bin/env bash
# mpirun.sh RANKS PROGRAM ARGS…: mpirun as tests need it: as root too, more ranks than cores, nothing said but what the
# program says, and no second of mercy for the other ranks when one has failed.
set -euo pipefail
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_odls_base_sigkill_timeout=0
export TERM=dumb LC_ALL=C.UTF-8
command -v ssh >/dev/null || export OMPI_MCA_plm=isolated   # one machine needs no ssh
ranks=$1
shift
exec "${MPIEXEC:-mpirun}" --oversubscribe --bind-to none -q -n "$ranks" "$@" </dev/null
