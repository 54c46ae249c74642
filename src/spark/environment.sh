# What spark-class gives to Spark's processes; for cluster.sh and submit.sh, which work without a Spark distribution.
export SPARK_HOME=${SPARK_HOME:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/target/spark}
export SPARK_LOCAL_IP=127.0.0.1 SPARK_SCALA_VERSION=2.13
export SPARK_LOCAL_DIRS=$SPARK_HOME/local SPARK_WORKER_DIR=$SPARK_HOME/work
export LC_ALL=${LC_ALL:-C.UTF-8}
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
# Where the system's Java is another one, as Maven's may be; executors are started by JAVA_HOME.
case "$("$java" -version 2>&1)" in
  *'"25'*) ;;
  *)
    java=$(ls /usr/lib/jvm/*25*/bin/java | head -n 1)
    export JAVA_HOME=${java%/bin/java}
    ;;
esac
options=(--add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow)
for package in java.lang java.lang.invoke java.lang.reflect java.io java.net java.nio java.util java.util.concurrent \
  java.util.concurrent.atomic jdk.internal.ref sun.nio.ch sun.nio.cs sun.util.calendar; do
  options+=("--add-opens=java.base/$package=ALL-UNNAMED")
done
