/**
 * Texts and lists of token ids as users have them: JSON lines, gzip, UTF-8, each read within
 * bounds.
 */
package io.github.wandacuda.io.text;
