/**
 * Readers for texts and lists of token ids: JSON lines, gzip and UTF-8, within bounds on their
 * size.
 */
package io.github.wandacuda.io.text;
