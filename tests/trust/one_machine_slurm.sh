# A Slurm of this machine alone, with its own ports, key and folder, so that several can run at
# once. start_slurm starts it; however the script ends that sources this file, after trust.sh, it
# ends with all that runs in it.
# shellcheck shell=bash disable=SC2034,SC2154

slurm=$(mktemp -d /tmp/slurm.XXXXXX)   # short: the path of a socket has at most 107 bytes
trap 'end_slurm 2>/dev/null; cleanup' EXIT
trap 'failed "not done within $test_limit s"' TERM
slurm_version=$(slurmctld -V)
test_limit=270   # less than ctest's: what ctest kills would leave its jobs running

start_slurm() {
  chmod 755 "$slurm"
  mkdir "$slurm"/{state,spool,tmp}
  (umask 277; head -c 128 /dev/urandom >"$slurm/key")
  configure_slurm
  export SLURM_CONF=$slurm/slurm.conf TMPDIR=$slurm/tmp
  # Of ranks that are killed nothing stays in /dev/shm.
  export OMPI_MCA_{btl_vader,btl_sm,osc_sm}_backing_directory="$TMPDIR"
  { sleep $test_limit && kill -TERM $$; } 2>/dev/null &
  daemon munged --foreground --socket="$slurm/munge" --key-file="$slurm/key" --seed-file="$slurm/seed" \
    --log-file="$slurm/munged.log" --pid-file="$slurm/munged.pid"
  wait_until 20 'its socket' test -S "$slurm/munge"
  daemon slurmctld -D
  daemon slurmd -D -N localhost
  wait_until 60 'an idle node' node_is_idle
}
daemon() {
  last=$1
  "$@" >"$work/$1.out" 2>"$work/$1.err" &
}
node_is_idle() { [[ $(timeout 5 sinfo --noheader --format %T 2>/dev/null) == idle ]]; }

# More CPUs than there are, so that jobs do not wait for each other; a job that is put back into the
# queue starts again after seconds instead of minutes (cred_expire); no cgroups, which a container
# may lack.
configure_slurm() {
  # The first version that knows it; v1 of earlier ones looks for none until it is used.
  local cgroups=disabled first=23.02
  [[ ! ${slurm_version##* } < $first ]] || cgroups=cgroup/v1
  echo "CgroupPlugin=$cgroups" >"$slurm/cgroup.conf"
  cat >"$slurm/slurm.conf" <<CONF
ClusterName=shard
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$slurm/munge,cred_expire=5
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmdPidFile=$slurm/slurmd.pid
TmpFS=$slurm/tmp
MailProg=/bin/true
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
FirstJobId=$((1 + RANDOM))
NodeName=localhost NodeAddr=127.0.0.1 CPUs=16
PartitionName=all Nodes=ALL Default=YES
CONF
}
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)) && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo $port
}

end_slurm() {
  local processes tries
  unset SLURM_CONF   # or grep and cut would be among them
  for ((tries = 0; tries < 100; ++tries)); do
    mapfile -t processes < <(of_slurm)
    ((${#processes[@]})) || break
    kill -KILL "${processes[@]}" || true
    sleep 0.05
  done
  wait
  rm -rf "$slurm"
}
# Its daemons, job steps and ranks: all that have its configuration in their environment.
of_slurm() { grep -slz "^SLURM_CONF=$slurm/" /proc/[0-9]*/environ | cut -d / -f 3; }
