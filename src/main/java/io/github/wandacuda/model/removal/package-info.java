/**
 * What goes when a part goes: blocks, experts, channels and heads, which tensors and keys of the
 * config that changes, and the plan of the smaller model.
 */
package io.github.wandacuda.model.removal;
