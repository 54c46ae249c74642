/** The packed form of a model on disk, read as the model that it stands for. */
package io.github.wandacuda.io.packed;
