/**
 * Masks of whole modules: chosen by scores that one row alone doesn't give, and in files, this
 * program's own and those of MaskLLM.
 */
package io.github.wandacuda.prune.mask;
