/**
 * Text from a model: the next token from the last ones by a key-value cache, how it is chosen, and
 * its characters as they become whole.
 */
package io.github.wandacuda.generate;
