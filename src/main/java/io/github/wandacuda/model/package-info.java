/**
 * A model directory: its {@code config.json}, its linear modules, which are found by their names,
 * the parts that decoders of all families are made of, and the one decoder that runs any
 * description of them, block by block.
 */
package io.github.wandacuda.model;
