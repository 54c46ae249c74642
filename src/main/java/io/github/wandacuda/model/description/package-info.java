/**
 * What a decoder is made of, in words that no family owns: blocks, attention, MLPs, norms,
 * positions.
 */
package io.github.wandacuda.model.description;
