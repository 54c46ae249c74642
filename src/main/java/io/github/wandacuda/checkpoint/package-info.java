/**
 * Safetensors files and the model directories that are made of them, dense and packed, read and
 * written.
 */
package io.github.wandacuda.checkpoint;
