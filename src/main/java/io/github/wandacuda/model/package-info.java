/**
 * A model directory: its {@code config.json}, and its linear modules, which are found by their
 * names.
 */
package io.github.wandacuda.model;
