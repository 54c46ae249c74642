#!/usr/bin/env bash
# cluster.sh start [WORKERS] | stop: a Spark master and workers on this machine, from the jars that src/spark/pom.xml fetches.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/environment.sh"
pids=$SPARK_HOME/pids

start() {
  local name=$1
  shift
  "$java" -Xmx256m "${options[@]}" -cp "$SPARK_HOME/jars/*" "$@" >"$SPARK_HOME/$name.log" 2>&1 &
  echo $! >>"$pids"
}

await() {
  for _ in $(seq 100); do
    grep -q "$2" "$SPARK_HOME/$1.log" && return
    sleep 0.2
  done
  echo "no $1 after 20 s, see $SPARK_HOME/$1.log" >&2
  exit 1
}

case ${1:-} in
  start)
    start master org.apache.spark.deploy.master.Master --host 127.0.0.1 --port 7077 --webui-port 8080
    await master 'I have been elected leader'
    for worker in $(seq "${2:-2}"); do
      start "worker$worker" org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --cores 1 --memory 1g \
        --webui-port 0 spark://127.0.0.1:7077
      await "worker$worker" 'Successfully registered with master'
    done
    echo 'spark://127.0.0.1:7077, its page at http://127.0.0.1:8080'
    ;;
  stop)
    if [ -f "$pids" ]; then
      while read -r pid; do kill "$pid" 2>/dev/null || true; done <"$pids"
      rm "$pids"
    fi
    ;;
  *)
    echo 'cluster.sh start [WORKERS] | stop' >&2
    exit 2
    ;;
esac
