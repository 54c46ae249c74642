/**
 * A run's work on several machines: tasks that travel, whoever does them, and states that stay
 * where they were made. Each cluster registers a provider with {@code ServiceLoader}, so nothing
 * names it.
 */
package io.github.wandacuda.cluster;
