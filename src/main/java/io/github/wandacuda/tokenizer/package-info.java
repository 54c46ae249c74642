/** A model's tokenizer, whose native library runs in a process of its own. */
package io.github.wandacuda.tokenizer;
