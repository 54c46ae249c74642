/**
 * Safetensors files and the model directories that are made of them, dense and packed, read and
 * written, past the page cache where they are large.
 */
package io.github.wandacuda.checkpoint;
