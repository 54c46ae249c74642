package io.github.wandacuda.select;

/**
 * What a selection came to.
 *
 * @param pruned elements that the rule picked, those that were zero before included
 * @param zeros elements of the result that are +0.0 or -0.0
 */
public record Selection(long pruned, long zeros) {}
