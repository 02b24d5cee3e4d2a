#!/bin/sh
# run.sh [MODEL] [PROMPT]: fetches the model if it is not here and chats with it. Without a terminal the answer to PROMPT
# (or to stdin) is printed. Where less than 3 GB of disk or memory is free, the small model stands in for the default one.
set -eu
cd "$(dirname "$0")/.."
model=${1:-}
prompt=${2:-}
small=smollm2:135m
needed_kb=3000000

home=${HEARTH_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/hearth}
if [ -z "$model" ]; then
  if ! build/hearth show --licence > /dev/null 2>&1; then  # the default is not here: it needs disk
    folder=$home
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    disk_kb=$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')
    if [ "$disk_kb" -lt "$needed_kb" ]; then
      echo "run: less than 3 GB of disk is free in $folder, so this takes the small model $small" >&2
      model=$small
    fi
  fi
  memory_kb=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
  for limit in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    bytes=$(cat "$limit" 2> /dev/null || echo max)
    [ "$bytes" = max ] || [ ${#bytes} -gt 15 ] || [ $((bytes / 1024)) -ge "$memory_kb" ] || memory_kb=$((bytes / 1024))
  done
  if [ -z "$model" ] && [ "$memory_kb" -lt "$needed_kb" ]; then
    echo "run: less than 3 GB of memory is free, so this takes the small model $small" >&2
    model=$small
  fi
fi
# hearth run fetches the model first if it is not here; an empty name is the default one.
if [ -n "$prompt" ]; then
  exec build/hearth run "$model" "$prompt" < /dev/null
fi
exec build/hearth run "$model"
