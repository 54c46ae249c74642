package io.github.wandacuda.bench.compare;

/**
 * Rows that measure the same at different sizes.
 *
 * @param name by which rows are asked for
 * @param work what is timed, for people
 * @param beside what it is compared with, for people
 * @param score what floor and goal are about
 * @param floor what must be reached
 * @param goal what we are after
 * @param pairs how often each row is measured
 */
record Group(
    String name, String work, String beside, Score score, double floor, double goal, int pairs) {}
