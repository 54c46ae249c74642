/**
 * A run's work on several machines: the tasks that travel, and what they leave for each other in
 * the output's directory.
 */
package io.github.wandacuda.job.cluster;
