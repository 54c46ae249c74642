/**
 * A run in parts: several processes that know nothing of each other but a directory share its
 * shards out, and the last of them ends it.
 */
package io.github.wandacuda.job.part;
