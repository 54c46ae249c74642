/**
 * Models in GGUF, the files of llama.cpp: keys, tensors and blocks of codes, read as the checkpoint
 * and the config that Hugging Face has for the same model.
 */
package io.github.wandacuda.checkpoint.gguf;
