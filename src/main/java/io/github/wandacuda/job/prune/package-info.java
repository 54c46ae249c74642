/**
 * The main job: its plan, how a total is shared out over modules, the pass over blocks, and the
 * targets that take what was pruned: a new directory, the model's own, or a part of an output that
 * several write.
 */
package io.github.wandacuda.job.prune;
