/**
 * A model directory: its {@code config.json}, its linear modules, which are found by their names,
 * what a decoder is made of, the same for all families, and the one decoder that runs every
 * description, block by block.
 */
package io.github.wandacuda.model;
