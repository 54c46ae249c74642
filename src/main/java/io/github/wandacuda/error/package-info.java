/**
 * Failures that a user meets, each with one clear line, and what makes text from outside fit for
 * it.
 */
package io.github.wandacuda.error;
