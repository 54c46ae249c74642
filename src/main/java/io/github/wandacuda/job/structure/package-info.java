/**
 * Whole parts that go: how experts, blocks, channels and heads are scored and chosen, what is
 * fitted to those that stay, and the smaller model.
 */
package io.github.wandacuda.job.structure;
