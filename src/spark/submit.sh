#!/usr/bin/env bash
# submit.sh prune …: what spark-submit does on the cluster that cluster.sh has started.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/environment.sh"
exec "$java" -Xmx1g "${options[@]}" -cp "$SPARK_HOME/jars/*" org.apache.spark.deploy.SparkSubmit \
  --master spark://127.0.0.1:7077 --conf spark.executor.cores=1 --conf spark.executor.memory=512m \
  --conf spark.driver.host=127.0.0.1 --conf spark.ui.enabled=false "$here/../../target/wanda-cuda.jar" "$@"
