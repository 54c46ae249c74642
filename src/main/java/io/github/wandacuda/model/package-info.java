/** A model directory: its config.json, and the linear modules found in it by their names. */
package io.github.wandacuda.model;
