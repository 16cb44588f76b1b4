#!/bin/bash
# slurm-scan.sh PARTS IMAGES RECORDS [OPTION...]   scans one part of a directory of images, as one task of a Slurm job array
#
#   sbatch --array=1-16 slurm-scan.sh 16 /images records --key release.asc
#   cat records/part-*.ndjson > records.ndjson      once the array is done
#
# PARTS is the number of parts, which a single task cannot know. If part 5 failed, submit it again with --array=5 and the
# same PARTS; it goes on after its last whole record. OPTIONs are those of `siftool scan`.
#SBATCH --job-name=sif-scan
#SBATCH --ntasks=1
set -euo pipefail
parts=$1 images=$2 records=$3
shift 3
mkdir -p "$records"
exec "${SIFTOOL:-siftool}" scan "$images" --quiet --threads "${SLURM_CPUS_PER_TASK:-1}" \
  --shard "$SLURM_ARRAY_TASK_ID/$parts" --resume "$records/part-$SLURM_ARRAY_TASK_ID.ndjson" "$@"
