/** The decoder families whose forward pass is known, each as a description. */
package io.github.wandacuda.model.family;
