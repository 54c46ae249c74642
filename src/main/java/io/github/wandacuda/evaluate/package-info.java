/**
 * What a model says: the likelihood of a task's answers, to the letter as lm-evaluation-harness
 * asks for them, and text, token by token, from a key-value cache.
 */
package io.github.wandacuda.evaluate;
