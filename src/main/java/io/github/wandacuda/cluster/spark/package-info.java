/**
 * Apache Spark as a cluster. Spark brings its own classes: the program's jar has none of them, and
 * this package is loaded where {@code spark-submit} has started the program.
 */
package io.github.wandacuda.cluster.spark;
