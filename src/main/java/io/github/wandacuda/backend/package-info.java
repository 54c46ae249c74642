/**
 * A device that is open for work, and how one is found: each backend registers a provider with
 * {@link java.util.ServiceLoader}, so nothing names it. What GPUs share as backends is here too.
 */
package io.github.wandacuda.backend;
