/**
 * A run's work on several machines: tasks that travel, whatever does them, and states that stay
 * where they were made. Each cluster registers a provider with {@code ServiceLoader}, so nothing
 * names it: this process, and Apache Spark, whose classes {@code spark-submit} brings.
 */
package io.github.wandacuda.cluster;
