/** The decoder that runs every description, block by block. */
package io.github.wandacuda.model.decoder;
