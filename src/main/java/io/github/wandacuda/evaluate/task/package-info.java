/**
 * Zero-shot tasks: their files as people have them, and what a model is asked about each of their
 * documents, to the letter as lm-evaluation-harness asks it.
 */
package io.github.wandacuda.evaluate.task;
