/**
 * Whether a backend computes what the CPU does, kernel by kernel: {@code devices --check}. Above
 * {@code pruning.fit}, whose work on rows it checks too.
 */
package io.github.wandacuda.backend.check;
