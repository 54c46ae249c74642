/**
 * What a decoder is made of, the same for all families: blocks, attention, MLPs, norms, positions.
 */
package io.github.wandacuda.model.description;
