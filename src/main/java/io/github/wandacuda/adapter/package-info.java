/** LoRA adapters as PEFT writes them: their config, their tensors, and the update of a weight. */
package io.github.wandacuda.adapter;
