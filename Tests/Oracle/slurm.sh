#!/bin/bash
# slurm.sh start DIRECTORY        starts a cluster of one node, this machine, that keeps everything in the directory
# slurm.sh stop DIRECTORY         ends it
# slurm.sh run DIRECTORY ARGUMENT...   submits a job by sbatch's arguments and waits for its end
# Programs of Slurm find it by SLURM_CONF=DIRECTORY/slurm.conf.
set -euo pipefail
command=$1 directory=$2
if [ "$command" = stop ]; then
  for daemon in slurmd slurmctld munged; do
    [ ! -s "$directory/$daemon.pid" ] || kill "$(cat "$directory/$daemon.pid")" || true
  done
  exit
fi
export SLURM_CONF=$directory/slurm.conf
if [ "$command" = run ]; then
  shift 2
  job=$(sbatch --parsable "$@")
  # sbatch --wait looks every few seconds.
  while [ -n "$(squeue -h -j "$job" 2> /dev/null)" ]; do sleep 0.1; done
  exit
fi
host=$(hostname -s) user=$(id -un)
# Two ports that nobody uses.
read -r first second < <(python3 -c 'import socket
taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(each.getsockname()[1] for each in taken))')
mkdir -p "$directory/state" "$directory/spool"
head -c 1024 /dev/urandom > "$directory/munge.key"
chmod 400 "$directory/munge.key"
# --force: a directory beneath /tmp is no place for a real cluster's key.
munged --force --socket="$directory/munge" --key-file="$directory/munge.key" --pid-file="$directory/munged.pid" \
  --log-file="$directory/munged.log" --seed-file="$directory/munged.seed"
cat > "$directory/slurm.conf" <<C
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$directory/munge
CredType=cred/munge
SlurmUser=$user
SlurmdUser=$user
SlurmctldPort=$first
SlurmdPort=$second
StateSaveLocation=$directory/state
SlurmdSpoolDir=$directory/spool
SlurmctldPidFile=$directory/slurmctld.pid
SlurmdPidFile=$directory/slurmd.pid
SlurmctldLogFile=$directory/slurmctld.log
SlurmdLogFile=$directory/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
C
# Away from our own streams: whoever waits for them to be closed would wait for the daemons.
/usr/sbin/slurmctld -c < /dev/null &> "$directory/slurmctld.out"
/usr/sbin/slurmd -c < /dev/null &> "$directory/slurmd.out"
for _ in $(seq 1200); do
  [ "$(sinfo -h -o %T 2> /dev/null)" != idle ] || exit 0
  sleep 0.1
done
tail -n 5 "$directory"/*.log "$directory"/*.out >&2
exit 1
