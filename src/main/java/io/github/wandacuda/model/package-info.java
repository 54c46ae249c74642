/**
 * A model directory: its {@code config.json}, its linear modules, which are found by their names,
 * and what a decoder is made of, the same for all families.
 */
package io.github.wandacuda.model;
