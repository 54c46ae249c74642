/**
 * Evaluation by log-likelihood: how likely a model finds the answers of a task, and how often it
 * finds the right one the likeliest.
 */
package io.github.wandacuda.evaluate;
