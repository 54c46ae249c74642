/**
 * A device that is open for work, and how one is found: each backend registers a provider with
 * {@link java.util.ServiceLoader}, so nothing names it.
 */
package io.github.wandacuda.backend;
