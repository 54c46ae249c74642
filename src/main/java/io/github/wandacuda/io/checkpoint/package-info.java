/** Safetensors files and the model directories that are made of them, read and written. */
package io.github.wandacuda.io.checkpoint;
